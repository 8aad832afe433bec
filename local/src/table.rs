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
    let mut found = Vec::new();
    let mut start = None;
    loop {
        let mut scan = json!({ "TableName": TABLE_NAME, "ConsistentRead": true });
        if let (Some(start), Some(scan)) = (start, scan.as_object_mut()) {
            scan.insert("ExclusiveStartKey".to_owned(), start);
        }
        let mut page = call(endpoint, "Scan", &scan).await?;
        let Some(Value::Array(items)) = page.get_mut("Items").map(Value::take) else {
            return Err(failed("Scan", &page));
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

/// Puts an item into the table at a DynamoDB endpoint.
pub async fn put(endpoint: &str, item: Item) -> Result<(), Error> {
    let request = json!({ "TableName": TABLE_NAME, "Item": item });
    let response = call(endpoint, "PutItem", &request).await?;
    match response.get("__type") {
        None => Ok(()),
        Some(_) => Err(failed("PutItem", &response)),
    }
}

/// What the DynamoDB at an endpoint responds to a request, even if it is a refusal.
pub(crate) async fn call(endpoint: &str, operation: &str, request: &Value) -> Result<Value, Error> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(endpoint)
        .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        // The embedded database requires both headers but checks neither.
        .header("x-amz-date", "20261122T000000Z")
        .header(
            header::AUTHORIZATION,
            "AWS4-HMAC-SHA256 Credential=local/20261122/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host, Signature=0",
        )
        .body(Full::from(request.to_string()))
        .map_err(|error| failed(operation, &error))?;
    let response = client
        .request(request)
        .await
        .map_err(|error| failed(operation, &error))?;
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| failed(operation, &error))?
        .to_bytes();
    serde_json::from_slice(&body).map_err(|error| failed(operation, &error))
}

fn failed(operation: &str, reason: &dyn ToString) -> Error {
    Error::Database {
        doing: format!("do {operation} on the table"),
        reason: reason.to_string(),
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
