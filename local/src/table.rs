//! The table's contents, read without any function, to check what the functions left in it.

use crate::error::Error;
use ::http::{Request, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Map, Value, json};

/// The table's name on this machine: what `!Ref` to it means.
pub const TABLE_NAME: &str = "dueline";

/// An item in DynamoDB's JSON: each attribute is an object of its type and value.
pub type Item = Map<String, Value>;

/// Every item of the table at a DynamoDB endpoint, in no particular order.
pub async fn items(endpoint: &str) -> Result<Vec<Item>, Error> {
    let failed = |reason: String| Error::Database {
        doing: "scan the table".to_owned(),
        reason,
    };
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut found = Vec::new();
    let mut start = None;
    loop {
        let mut scan = json!({ "TableName": TABLE_NAME, "ConsistentRead": true });
        if let (Some(start), Some(scan)) = (start, scan.as_object_mut()) {
            scan.insert("ExclusiveStartKey".to_owned(), start);
        }
        let request = Request::post(endpoint)
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("x-amz-target", "DynamoDB_20120810.Scan")
            // The embedded database requires both headers but checks neither.
            .header("x-amz-date", "20261122T000000Z")
            .header(
                header::AUTHORIZATION,
                "AWS4-HMAC-SHA256 Credential=local/20261122/us-east-1/dynamodb/aws4_request, \
                 SignedHeaders=host, Signature=0",
            )
            .body(Full::from(scan.to_string()))
            .map_err(|error| failed(error.to_string()))?;
        let response = client
            .request(request)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| failed(error.to_string()))?
            .to_bytes();
        let mut page: Value =
            serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))?;
        let Some(Value::Array(items)) = page.get_mut("Items").map(Value::take) else {
            return Err(failed(page.to_string()));
        };
        found.extend(items.into_iter().filter_map(|item| match item {
            Value::Object(item) => Some(item),
            _ => None,
        }));
        start = page
            .get_mut("LastEvaluatedKey")
            .map(Value::take)
            .filter(|start| !start.is_null());
        if start.is_none() {
            return Ok(found);
        }
    }
}

/// A string attribute.
pub fn text<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)?.get("S")?.as_str()
}

/// A number attribute.
pub fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.get("N")?.as_str()?.parse().ok()
}

/// A boolean attribute.
pub fn flag(item: &Item, name: &str) -> Option<bool> {
    item.get(name)?.get("BOOL")?.as_bool()
}
