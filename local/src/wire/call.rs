//! One DynamoDB call, as seen on the wire.

use super::fault::InjectedFault;
use crate::template::permission;
use ::http::{HeaderMap, header};
use bytes::Bytes;
use serde_json::Value;
use std::{collections::BTreeSet, time::Instant};

/// One DynamoDB call.
#[derive(Clone, Debug, PartialEq)]
pub struct DynamoDbCall {
    /// The caller: the access key id of the signature, which is a function's logical id here.
    pub function: String,
    /// The operation, such as `UpdateItem`.
    pub operation: String,
    /// For a transaction or a batch, what each member does, in order: `Put`, `Update`, `Delete`,
    /// `ConditionCheck`, `Get`.
    pub members: Vec<String>,
    /// The tables that the request names.
    pub tables: BTreeSet<String>,
    /// The index that it queries, if it does not query the table.
    pub index: Option<String>,
    /// The consumed capacity units of all tables, as DynamoDB reported them; 0 without a response.
    pub capacity_units: f64,
    /// The response's status, even if the caller never saw it; `None` without a response.
    pub status: Option<u16>,
    /// The fault that struck it.
    pub fault: Option<InjectedFault>,
    /// When the proxy began to read the request.
    pub started: Instant,
    /// When the proxy was done with it; `None` while it is in progress.
    pub finished: Option<Instant>,
}

impl DynamoDbCall {
    /// The IAM actions that the call needs, such as `dynamodb:PutItem`, as
    /// [`permission`] writes them.
    ///
    /// A transaction needs the actions of its members and has none of its own:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>.
    pub fn iam_actions(&self) -> BTreeSet<String> {
        let of_member = |member: &String| match member.as_str() {
            "ConditionCheck" => "dynamodb:ConditionCheckItem".to_owned(),
            other => format!("dynamodb:{other}Item"),
        };
        match self.operation.as_str() {
            "TransactWriteItems" | "TransactGetItems" => {
                self.members.iter().map(of_member).collect()
            }
            operation => {
                let action = format!("dynamodb:{operation}");
                BTreeSet::from([permission(&action, self.index.as_deref())])
            }
        }
    }

    pub(super) fn record_response(&mut self, status: u16, body: &[u8]) {
        self.status = Some(status);
        let response: Value = serde_json::from_slice(body).unwrap_or_default();
        let units = |capacity: &Value| {
            capacity
                .get("CapacityUnits")
                .and_then(Value::as_f64)
                .unwrap_or(0.0)
        };
        self.capacity_units = match response.get("ConsumedCapacity") {
            Some(Value::Array(tables)) => tables.iter().map(units).sum(),
            Some(table) => units(table),
            None => 0.0,
        };
    }
}

/// How many of the calls were made in sequence: the length of the longest chain in which each call
/// began after the one before it had ended. Calls in progress do not count.
pub fn depth(calls: &[DynamoDbCall]) -> usize {
    let mut spans: Vec<_> = calls
        .iter()
        .filter_map(|call| Some((call.finished?, call.started)))
        .collect();
    spans.sort();
    let mut depth = 0;
    let mut last_end: Option<Instant> = None;
    for (end, start) in spans {
        if last_end.is_none_or(|last_end| start >= last_end) {
            depth += 1;
            last_end = Some(end);
        }
    }
    depth
}

/// Reads a call from its request, and returns the body with a request for the consumed capacity.
pub(super) fn read(headers: &HeaderMap, body: Bytes, started: Instant) -> (DynamoDbCall, Bytes) {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let operation = text("x-amz-target")
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_owned();
    let function = text(header::AUTHORIZATION.as_str())
        .split_once("Credential=")
        .and_then(|(_, scope)| scope.split('/').next())
        .unwrap_or_default()
        .to_owned();
    let mut request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (members, tables) = members_and_tables(&request);
    let index = request.get("IndexName").and_then(Value::as_str);
    let call = DynamoDbCall {
        function,
        members,
        tables,
        index: index.map(str::to_owned),
        capacity_units: 0.0,
        status: None,
        fault: None,
        started,
        finished: None,
        operation,
    };
    match request.as_object_mut() {
        Some(request_members)
            if reports_capacity(&call.operation)
                && !request_members.contains_key("ReturnConsumedCapacity") =>
        {
            request_members.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
            let body = request.to_string().into();
            (call, body)
        }
        _ => (call, body),
    }
}

fn members_and_tables(request: &Value) -> (Vec<String>, BTreeSet<String>) {
    let mut members = Vec::new();
    let mut tables = BTreeSet::new();
    let name_table = |tables: &mut BTreeSet<String>, holder: &Value| {
        tables.extend(
            holder
                .get("TableName")
                .and_then(Value::as_str)
                .map(str::to_owned),
        );
    };
    name_table(&mut tables, request);
    for item in request
        .get("TransactItems")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        for (member, content) in item.as_object().into_iter().flatten() {
            members.push(member.clone());
            name_table(&mut tables, content);
        }
    }
    for (table, content) in request
        .get("RequestItems")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        tables.insert(table.clone());
        // BatchGetItem has {Keys: […]}, BatchWriteItem has [{PutRequest: …}, …].
        for _ in content
            .get("Keys")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            members.push("Get".to_owned());
        }
        for write in content.as_array().into_iter().flatten() {
            members.extend(
                write
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name.trim_end_matches("Request").to_owned()),
            );
        }
    }
    (members, tables)
}

fn reports_capacity(operation: &str) -> bool {
    matches!(
        operation,
        "BatchGetItem"
            | "BatchWriteItem"
            | "DeleteItem"
            | "GetItem"
            | "PutItem"
            | "Query"
            | "Scan"
            | "TransactGetItems"
            | "TransactWriteItems"
            | "UpdateItem"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::HeaderValue;
    use serde_json::json;
    use std::time::Duration;

    fn call(operation: &str, request: &Value) -> (DynamoDbCall, Value) {
        let mut headers = HeaderMap::new();
        if let Ok(target) = HeaderValue::from_str(&format!("DynamoDB_20120810.{operation}")) {
            headers.insert("x-amz-target", target);
        }
        let credential = "AWS4-HMAC-SHA256 Credential=RuleCreate/20261122/us-east-1/dynamodb/aws4_request, SignedHeaders=host";
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(credential));
        let (call, body) = read(&headers, request.to_string().into(), Instant::now());
        (call, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[test]
    fn a_transaction_is_read_with_its_members() {
        let request = json!({ "TransactItems": [
            { "Put": { "TableName": "dueline" } },
            { "ConditionCheck": { "TableName": "other" } },
        ]});
        let (mut call, sent) = call("TransactWriteItems", &request);
        call.record_response(200, br#"{"ConsumedCapacity":[{"TableName":"dueline","CapacityUnits":2.0},{"CapacityUnits":1.0}]}"#);

        assert_eq!(
            (&*call.function, &*call.operation),
            ("RuleCreate", "TransactWriteItems")
        );
        assert_eq!(call.members, ["Put", "ConditionCheck"]);
        assert_eq!(call.tables, ["dueline", "other"].map(str::to_owned).into());
        assert_eq!(
            call.iam_actions(),
            ["dynamodb:ConditionCheckItem", "dynamodb:PutItem"]
                .map(str::to_owned)
                .into()
        );
        assert_eq!((call.status, call.capacity_units), (Some(200), 3.0));
        assert_eq!(sent.get("ReturnConsumedCapacity"), Some(&json!("TOTAL")));
    }

    #[test]
    fn a_query_of_an_index_needs_a_permission_on_it() {
        let request = json!({ "TableName": "dueline", "IndexName": "queue" });
        let actions = call("Query", &request).0.iam_actions();
        assert_eq!(actions, ["dynamodb:Query on queue".to_owned()].into());
    }

    #[test]
    fn other_requests_are_forwarded_unchanged() {
        let described = json!({ "TableName": "dueline" });
        assert_eq!(call("DescribeTable", &described).1, described);
        let asked = json!({ "TableName": "dueline", "ReturnConsumedCapacity": "NONE" });
        assert_eq!(call("GetItem", &asked).1, asked);
    }

    #[test]
    fn depth_counts_calls_that_follow_one_another() {
        let zero = Instant::now();
        let span = |start: u64, end: u64| {
            let mut call = call("GetItem", &json!({})).0;
            call.started = zero + Duration::from_millis(start);
            call.finished = Some(zero + Duration::from_millis(end));
            call
        };
        assert_eq!(depth(&[]), 0);
        assert_eq!(depth(&[span(0, 5), span(1, 6)]), 1);
        assert_eq!(depth(&[span(0, 5), span(1, 9), span(6, 8)]), 2);
        assert_eq!(depth(&[span(0, 1), span(2, 3), span(4, 5)]), 3);
    }
}
