//! Copies of an item, written past the functions: a hundred thousand of them in seconds.

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use local::table::{self, TABLE_NAME, text};
use serde_json::{Value, json};

/// DynamoDB's own limit for a batch.
const BATCH: usize = 25;

/// Adds `count` copies of a ticket to its team. They differ in the id, wherever an item contains it.
pub async fn of_ticket(database: &str, id: &str, count: usize) {
    let items = table::items(database).await.expect("the items");
    let mut items = items.iter();
    let original = items.find(|item| text(item, "id") == Some(id));
    let original = serde_json::to_string(original.expect("the ticket")).expect("JSON");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let numbers: Vec<usize> = (0..count).collect();
    for batch in numbers.chunks(BATCH) {
        let puts = batch.iter().map(|number| {
            let copy = original.replace(id, &format!("tkt_{number:032x}"));
            let copy: Value = serde_json::from_str(&copy).expect("an item");
            json!({"PutRequest": {"Item": copy}})
        });
        let puts: Vec<Value> = puts.collect();
        write(&client, database, json!({TABLE_NAME: puts})).await;
    }
}

async fn write(client: &Client<HttpConnector, Full<Bytes>>, database: &str, items: Value) {
    let body = json!({"RequestItems": items}).to_string();
    let request = Request::post(database)
        .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.BatchWriteItem")
        // The embedded database requires both headers but checks neither.
        .header("x-amz-date", "20261122T000000Z")
        .header(
            header::AUTHORIZATION,
            "AWS4-HMAC-SHA256 Credential=local/20261122/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host, Signature=0",
        )
        .body(Full::from(body))
        .expect("a request");
    let response = client.request(request).await.expect("a response");
    let response = response.into_body().collect().await.expect("a body");
    let response: Value = serde_json::from_slice(&response.to_bytes()).expect("JSON");
    let unprocessed = response.get("UnprocessedItems");
    assert_eq!(unprocessed, Some(&json!({})), "{response}");
}
