//! Requests that DynamoDB refuses although the embedded database accepts them.
//!
//! The embedded database checks most of a request as DynamoDB does, with the same wording. This
//! module has only the checks that it lacks, so that a test fails where a deployed function would.

use crate::template::{KeyElement, Table};
use serde_json::{Map, Value};

/// DynamoDB's limit for the value of a partition key.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const MAX_PARTITION_KEY_BYTES: usize = 2048;
/// DynamoDB's limit for the value of a sort key.
const MAX_SORT_KEY_BYTES: usize = 1024;

/// How DynamoDB refuses a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// `ValidationException` with this message.
    Invalid(String),
    /// `TransactionCanceledException`: one of the transaction's actions has a `ValidationError`.
    Canceled {
        /// The place of that action, from 0.
        place: usize,
        /// How many actions the transaction has.
        actions: usize,
        /// What is wrong with it.
        message: String,
    },
}

/// Refuses what DynamoDB would refuse and the embedded database would not.
pub(super) fn check(table: &Table, operation: &str, body: &[u8]) -> Result<(), Refusal> {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let invalid = Refusal::Invalid;
    match operation {
        "Query" => check_key_condition(table, &request)
            .and_then(|()| check_start_key(table, &request))
            .and_then(|()| check_definitions(&request, "FilterExpression"))
            .map_err(invalid),
        "Scan" => check_start_key(table, &request)
            .and_then(|()| check_definitions(&request, "FilterExpression"))
            .map_err(invalid),
        "PutItem" | "UpdateItem" => check_index_keys(table, &request).map_err(invalid),
        "BatchWriteItem" => request
            .get("RequestItems")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::values)
            .flat_map(elements)
            .filter_map(|write| write.get("PutRequest"))
            .try_for_each(|put| check_index_keys(table, put))
            .map_err(invalid),
        "TransactWriteItems" | "TransactGetItems" => check_transaction(table, operation, &request),
        _ => Ok(()),
    }
}

fn check_transaction(table: &Table, operation: &str, request: &Value) -> Result<(), Refusal> {
    let actions: Vec<_> = request
        .get("TransactItems")
        .into_iter()
        .flat_map(elements)
        .map(|item| item.as_object().and_then(|item| item.values().next()))
        .collect();
    // DynamoDB reads every expression before it begins with the first action.
    for action in actions.iter().flatten() {
        check_placeholders(operation, action)
            .and_then(|()| check_definitions(action, "UpdateExpression"))
            .map_err(Refusal::Invalid)?;
    }
    for (place, action) in actions.iter().enumerate() {
        let Some(action) = action else { continue };
        check_unchanged_key(table, action)
            .and_then(|()| check_index_keys(table, action))
            .map_err(|message| Refusal::Canceled {
                place,
                actions: actions.len(),
                message,
            })?;
    }
    Ok(())
}

/// A transaction's action must not have an empty map of names or values, nor, in a write, names
/// or values without an expression. For the latter, regions differ: some accept it.
fn check_placeholders(operation: &str, action: &Value) -> Result<(), String> {
    let has_expression = ["ConditionExpression", "UpdateExpression"]
        .iter()
        .any(|expression| action.get(expression).is_some_and(Value::is_string));
    for member in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        let Some(defined) = action.get(member).and_then(Value::as_object) else {
            continue;
        };
        if defined.is_empty() {
            return Err(format!("{member} must not be empty"));
        }
        if !has_expression && operation == "TransactWriteItems" {
            return Err(format!(
                "{member} can only be specified when using expressions"
            ));
        }
    }
    Ok(())
}

/// Every name and value in the expression must be defined, even where it is never evaluated.
fn check_definitions(holder: &Value, expression: &str) -> Result<(), String> {
    let lacks = |member: &str, token: &str| {
        holder
            .get(member)
            .and_then(|defined| defined.get(token))
            .is_none()
    };
    for token in tokens(text(holder, expression)) {
        if token.starts_with('#') && lacks("ExpressionAttributeNames", token) {
            return Err(format!(
                "Invalid {expression}: An expression attribute name used in the document path is not \
                 defined; attribute name: {token}"
            ));
        }
        if token.starts_with(':') && lacks("ExpressionAttributeValues", token) {
            return Err(format!(
                "Invalid {expression}: An expression attribute value used in expression is not \
                 defined; attribute value: {token}"
            ));
        }
    }
    Ok(())
}

/// The values that a query compares a key with are held to the rules of keys.
fn check_key_condition(table: &Table, query: &Value) -> Result<(), String> {
    let key = queried_index(table, query).unwrap_or(&table.key_schema);
    for clause in key_clauses(text(query, "KeyConditionExpression")) {
        let attribute = clause
            .iter()
            .find_map(|token| element(key, attribute_name(query, token)));
        let values = clause
            .iter()
            .filter_map(|token| query.get("ExpressionAttributeValues")?.get(token));
        if let Some(attribute) = attribute {
            for value in values {
                check_key_value(attribute, value)?;
            }
        }
    }
    Ok(())
}

/// The clauses of a key condition, each as its tokens: those between two `AND`s, except for the
/// `AND` of `BETWEEN`.
fn key_clauses(expression: &str) -> Vec<Vec<&str>> {
    let mut clauses = vec![Vec::new()];
    let mut in_between = false;
    for token in tokens(expression) {
        let is_and = token.eq_ignore_ascii_case("AND");
        if is_and && !in_between {
            clauses.push(Vec::new());
            continue;
        }
        in_between = (in_between && !is_and) || token.eq_ignore_ascii_case("BETWEEN");
        if let Some(clause) = clauses.last_mut() {
            clause.push(token);
        }
    }
    clauses
}

fn check_start_key(table: &Table, read: &Value) -> Result<(), String> {
    let index = queried_index(table, read).into_iter().flatten();
    for attribute in table.key_schema.iter().chain(index) {
        let start = read.get("ExclusiveStartKey");
        if let Some(value) = start.and_then(|start| start.get(&attribute.attribute_name)) {
            check_key_value(attribute, value)?;
        }
    }
    Ok(())
}

fn check_key_value(attribute: &KeyElement, value: &Value) -> Result<(), String> {
    match size(value) {
        Some((kind, 0)) => Err(format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute \
             cannot contain an empty {kind} value. Key: {}",
            attribute.attribute_name
        )),
        Some((_, bytes)) if bytes > max_bytes(attribute) => {
            let limit = if is_partition_key(attribute) {
                // DynamoDB's own spelling.
                "Size of hashkey has exceeded the maximum size limit of2048 bytes"
            } else {
                "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
            };
            Err(format!(
                "One or more parameter values were invalid: {limit}"
            ))
        }
        _ => Ok(()),
    }
}

/// An update must not write to an attribute of the table's key.
fn check_unchanged_key(table: &Table, update: &Value) -> Result<(), String> {
    for action in update_actions(text(update, "UpdateExpression")) {
        let Some(target) = action.first() else {
            continue;
        };
        let target = attribute_name(update, target);
        if element(&table.key_schema, target).is_some() {
            return Err(format!(
                "One or more parameter values were invalid: Cannot update attribute {target}. This \
                 attribute is part of the key"
            ));
        }
    }
    Ok(())
}

/// The keys of indexes must not be too large in an item, nor where an update sets them to a value.
fn check_index_keys(table: &Table, write: &Value) -> Result<(), String> {
    let excessive = |attribute: &KeyElement, value: &Value| {
        let (_, bytes) = size(value)?;
        (bytes > max_bytes(attribute)).then_some(bytes)
    };
    for index in &table.global_secondary_indexes {
        for attribute in &index.key_schema {
            let name = &attribute.attribute_name;
            let value = write.get("Item").and_then(|item| item.get(name));
            if let Some(bytes) = value.and_then(|value| excessive(attribute, value)) {
                return Err(format!(
                    "One or more parameter values were invalid: Size limit exceeded for Index Key \
                     {name} Actual Size: {bytes} bytes Max Size: {} bytes IndexName: {}",
                    max_bytes(attribute),
                    index.index_name
                ));
            }
        }
        for action in update_actions(text(write, "UpdateExpression")) {
            let [target, "=", value] = action.as_slice() else {
                continue;
            };
            let attribute = element(&index.key_schema, attribute_name(write, target));
            let value = write
                .get("ExpressionAttributeValues")
                .and_then(|values| values.get(value));
            if let (Some(attribute), Some(value)) = (attribute, value)
                && excessive(attribute, value).is_some()
            {
                return Err(
                    "The update expression attempted to update the secondary index key beyond \
                     allowed size limits."
                        .to_owned(),
                );
            }
        }
    }
    Ok(())
}

/// The actions of an update expression, each as its tokens, such as `#n`, `=` and `:n`.
fn update_actions(expression: &str) -> Vec<Vec<&str>> {
    let mut actions = Vec::new();
    let mut depth = 0_usize;
    for token in tokens(expression) {
        match token {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let begins_clause = ["SET", "REMOVE", "ADD", "DELETE"]
            .iter()
            .any(|keyword| token.eq_ignore_ascii_case(keyword));
        if depth == 0 && (begins_clause || token == ",") {
            actions.push(Vec::new());
        } else if let Some(action) = actions.last_mut() {
            action.push(token);
        }
    }
    actions
}

/// The words of an expression, such as `SET`, `#n` and `:n`, and each other character by itself.
fn tokens(expression: &str) -> impl Iterator<Item = &str> {
    let separates = |c: char| !c.is_alphanumeric() && !matches!(c, '_' | '#' | ':');
    expression
        .split_inclusive(separates)
        .flat_map(move |piece| {
            let word = piece.trim_end_matches(separates);
            let (word, separator) = piece.split_at(word.len());
            [word, separator.trim()]
        })
        .filter(|token| !token.is_empty())
}

/// The name that a token stands for.
fn attribute_name<'a>(holder: &'a Value, token: &'a str) -> &'a str {
    let names = holder.get("ExpressionAttributeNames");
    names
        .and_then(|names| names.get(token)?.as_str())
        .unwrap_or(token)
}

/// The key of the index that a request reads, if it reads one.
fn queried_index<'t>(table: &'t Table, read: &Value) -> Option<&'t Vec<KeyElement>> {
    let name = read.get("IndexName")?.as_str()?;
    let mut indexes = table.global_secondary_indexes.iter();
    let index = indexes.find(|index| index.index_name == name)?;
    Some(&index.key_schema)
}

fn element<'k>(key: &'k [KeyElement], name: &str) -> Option<&'k KeyElement> {
    key.iter().find(|element| element.attribute_name == name)
}

fn is_partition_key(attribute: &KeyElement) -> bool {
    attribute.key_type == "HASH"
}

fn max_bytes(attribute: &KeyElement) -> usize {
    if is_partition_key(attribute) {
        MAX_PARTITION_KEY_BYTES
    } else {
        MAX_SORT_KEY_BYTES
    }
}

/// What DynamoDB calls the value's type, and its size in bytes. A number is never empty or too
/// large, and no other type can be a key.
fn size(value: &Value) -> Option<(&'static str, usize)> {
    if let Some(string) = value.get("S").and_then(Value::as_str) {
        return Some(("string", string.len()));
    }
    let base64 = value.get("B")?.as_str()?.trim_end_matches('=');
    Some(("binary", base64.len() * 3 / 4))
}

fn text<'v>(holder: &'v Value, member: &str) -> &'v str {
    holder
        .get(member)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{AttributeDefinition, GlobalSecondaryIndex};
    use serde_json::json;

    const EMPTY: &str = "One or more parameter values are not valid. The AttributeValue for a key \
        attribute cannot contain an empty string value. Key: ";
    const LARGE_PARTITION_KEY: &str = "One or more parameter values were invalid: Size of hashkey has \
        exceeded the maximum size limit of2048 bytes";
    const LARGE_SORT_KEY: &str = "One or more parameter values were invalid: Aggregated size of all \
        range keys has exceeded the size limit of 1024 bytes";
    const LARGE_INDEX_KEY: &str = "The update expression attempted to update the secondary index key \
        beyond allowed size limits.";

    /// A table by `pk` and `sk`, with an index `queue` by `queuePk` and `queueSk`.
    fn table() -> Table {
        let key = |partition: &str, sort: &str| {
            [(partition, "HASH"), (sort, "RANGE")]
                .map(|(name, kind)| KeyElement {
                    attribute_name: name.to_owned(),
                    key_type: kind.to_owned(),
                })
                .to_vec()
        };
        let definition = |name: &str| AttributeDefinition {
            attribute_name: name.to_owned(),
            attribute_type: "S".to_owned(),
        };
        Table {
            logical_id: "Table".to_owned(),
            name: "dueline".to_owned(),
            key_schema: key("pk", "sk"),
            attribute_definitions: ["pk", "sk", "queuePk", "queueSk"].map(definition).to_vec(),
            global_secondary_indexes: vec![GlobalSecondaryIndex {
                index_name: "queue".to_owned(),
                key_schema: key("queuePk", "queueSk"),
                projection: json!({ "ProjectionType": "KEYS_ONLY" }),
            }],
            time_to_live_attribute: None,
        }
    }

    fn checked(operation: &str, request: &Value) -> Result<(), Refusal> {
        check(&table(), operation, request.to_string().as_bytes())
    }

    #[track_caller]
    fn accepted(operation: &str, request: &Value) {
        assert_eq!(checked(operation, request), Ok(()), "{request}");
    }

    #[track_caller]
    fn refused(operation: &str, request: &Value, message: &str) {
        let refusal = Refusal::Invalid(message.to_owned());
        assert_eq!(checked(operation, request), Err(refusal), "{request}");
    }

    /// The second action of two is refused.
    #[track_caller]
    fn canceled(action: Value, message: &str) {
        let first = json!({ "Delete": { "Key": {} } });
        let refusal = Refusal::Canceled {
            place: 1,
            actions: 2,
            message: message.to_owned(),
        };
        let request = json!({ "TransactItems": [first, action] });
        assert_eq!(checked("TransactWriteItems", &request), Err(refusal));
    }

    fn transaction(action: Value) -> Value {
        json!({ "TransactItems": [action] })
    }

    /// A query by `#pk` and `#sk` with the values `:p`, `:a` and `:b`.
    fn query(condition: &str, values: [&str; 3]) -> Value {
        let [p, a, b] = values.map(|value| json!({ "S": value }));
        json!({
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": { "#pk": "pk", "#sk": "sk" },
            "ExpressionAttributeValues": { ":p": p, ":a": a, ":b": b },
        })
    }

    fn of_index(read: Value) -> Value {
        with(read, "IndexName", "queue")
    }

    /// The same object with one member more, or with another value of it.
    fn with(mut object: Value, member: &str, value: impl Into<Value>) -> Value {
        if let Some(members) = object.as_object_mut() {
            members.insert(member.to_owned(), value.into());
        }
        object
    }

    #[test]
    fn a_query_for_an_empty_key_is_refused() {
        let message = format!("{EMPTY}pk");
        refused("Query", &query("#pk = :p", ["", "a", "b"]), &message);
        refused("Query", &query("(:p = pk)", ["", "a", "b"]), &message);
        let message = format!("{EMPTY}sk");
        for condition in [
            "#pk = :p AND begins_with(#sk, :a)",
            "begins_with ( sk,:a ) and pk=:p",
            "(#pk = :p) AND (#sk >= :a)",
            "#pk = :p AND :a < #sk",
            "#pk = :p AND #sk BETWEEN :a AND :b",
            "#sk between :b and :a and #pk = :p",
        ] {
            refused("Query", &query(condition, ["p", "", "b"]), &message);
            accepted("Query", &query(condition, ["p", "a", "b"]));
        }
        let values = json!({ ":p": { "S": "p" }, ":a": { "B": "" } });
        let of_binary = query("#pk = :p AND #sk = :a", ["p", "a", "b"]);
        let of_binary = with(of_binary, "ExpressionAttributeValues", values);
        let message = message.replace("string", "binary");
        refused("Query", &of_binary, &message);
    }

    #[test]
    fn a_query_of_an_index_is_held_to_the_indexs_key() {
        let condition = "queuePk = :p AND begins_with(queueSk, :a)";
        let message = format!("{EMPTY}queueSk");
        refused(
            "Query",
            &of_index(query(condition, ["p", "", "b"])),
            &message,
        );
        accepted("Query", &of_index(query(condition, ["p", "a", "b"])));
    }

    #[test]
    fn only_keys_must_not_be_empty() {
        let filter = "begins_with(title, :a) AND note <> :b";
        let filtered = with(
            query("#pk = :p", ["p", "", "b"]),
            "FilterExpression",
            filter,
        );
        accepted("Query", &filtered);
        let empty = json!({ "Item": { "pk": { "S": "a" }, "title": { "S": "" } } });
        accepted("PutItem", &empty);
    }

    #[test]
    fn a_query_for_a_key_that_is_too_large_is_refused() {
        let condition = "#pk = :p AND #sk <= :a";
        let at_limit = ["p".repeat(2048), "s".repeat(1024)];
        let [p, a] = at_limit.each_ref();
        accepted("Query", &query(condition, [p, a, ""]));
        let larger = format!("{p}p");
        refused(
            "Query",
            &query(condition, [&larger, a, ""]),
            LARGE_PARTITION_KEY,
        );
        let larger = format!("{}é", "s".repeat(1023));
        refused("Query", &query(condition, [p, &larger, ""]), LARGE_SORT_KEY);
    }

    #[test]
    fn an_empty_start_key_is_refused() {
        let start = |name: &str, value: &Value| {
            let start = json!({
                "pk": { "S": "a" }, "sk": { "S": "a" }, "queuePk": { "S": "a" }, "queueSk": { "S": "a" },
            });
            json!({ "ExclusiveStartKey": with(start, name, value.clone()) })
        };
        for name in ["pk", "sk", "queuePk", "queueSk"] {
            let request = of_index(start(name, &json!({ "S": "" })));
            for operation in ["Query", "Scan"] {
                refused(operation, &request, &format!("{EMPTY}{name}"));
            }
        }
        accepted("Scan", &of_index(start("pk", &json!({ "S": "b" }))));
        accepted("Scan", &of_index(start("queueSk", &json!({ "N": "" }))));
        let message = format!("{EMPTY}pk").replace("string", "binary");
        refused("Scan", &start("pk", &json!({ "B": "" })), &message);
        let large = json!({ "B": "A".repeat(1368) });
        refused("Scan", &start("sk", &large), LARGE_SORT_KEY);
    }

    #[test]
    fn a_filters_names_and_values_must_be_defined() {
        let scan = |filter: &str| {
            json!({
                "FilterExpression": filter,
                "ExpressionAttributeNames": { "#a": "a" },
                "ExpressionAttributeValues": { ":a": { "S": "" } },
            })
        };
        let undefined = "Invalid FilterExpression: An expression attribute value used in expression is \
            not defined; attribute value: :b";
        for filter in ["attribute_exists(#a) OR #a = :b", "#a IN (:a,:b)", "#a>:b"] {
            refused("Scan", &scan(filter), undefined);
            refused("Query", &scan(filter), undefined);
        }
        let undefined = "Invalid FilterExpression: An expression attribute name used in the document \
            path is not defined; attribute name: #b";
        refused("Scan", &scan("#a.#b = :a"), undefined);
        accepted("Scan", &scan("#a[0].b = :a OR (size(#a) > :a)"));
        accepted(
            "Scan",
            &json!({ "FilterExpression": "attribute_exists(a)" }),
        );
    }

    #[test]
    fn an_updates_names_and_values_must_be_defined_in_a_transaction() {
        let update = |expression: &str| {
            transaction(json!({ "Update": {
                "UpdateExpression": expression,
                "ExpressionAttributeNames": { "#a": "a" },
                "ExpressionAttributeValues": { ":a": { "S": "" } },
            }}))
        };
        refused(
            "TransactWriteItems",
            &update("SET #a = if_not_exists(#a, :b)"),
            "Invalid UpdateExpression: An expression attribute value used in expression is not defined; \
             attribute value: :b",
        );
        refused(
            "TransactWriteItems",
            &update("SET #a = :a REMOVE #b"),
            "Invalid UpdateExpression: An expression attribute name used in the document path is not \
             defined; attribute name: #b",
        );
        accepted(
            "TransactWriteItems",
            &update("SET #a = if_not_exists(b, :a)"),
        );
    }

    #[test]
    fn a_transactions_names_and_values_need_an_expression_and_an_entry() {
        let put = |member: &str, defined: Value, condition: Value| {
            let put = json!({ "Item": {}, "ConditionExpression": condition });
            transaction(json!({ "Put": with(put, member, defined) }))
        };
        let condition = json!("attribute_not_exists(#a)");
        for (member, defined) in [
            ("ExpressionAttributeNames", json!({ "#a": "a" })),
            ("ExpressionAttributeValues", json!({ ":a": { "S": "a" } })),
        ] {
            let empty = put(member, json!({}), condition.clone());
            let message = format!("{member} must not be empty");
            refused("TransactWriteItems", &empty, &message);
            let unused = put(member, defined.clone(), Value::Null);
            let message = format!("{member} can only be specified when using expressions");
            refused("TransactWriteItems", &unused, &message);
            let used = put(member, defined, condition.clone());
            accepted("TransactWriteItems", &used);
            accepted("TransactWriteItems", &put(member, Value::Null, Value::Null));
        }
        let get = transaction(json!({ "Get": { "Key": {}, "ExpressionAttributeNames": {} } }));
        let message = "ExpressionAttributeNames must not be empty";
        refused("TransactGetItems", &get, message);
    }

    #[test]
    fn a_transaction_must_not_update_the_key() {
        let update = |expression: &str| {
            json!({ "Update": {
                "UpdateExpression": expression,
                "ExpressionAttributeNames": { "#sk": "sk", "#n": "n" },
                "ExpressionAttributeValues": { ":a": { "S": "a" }, ":b": { "S": "b" } },
            }})
        };
        for expression in [
            "SET #sk = :a",
            "SET #n = :a, sk = :b",
            "SET #n = if_not_exists(n, :a), sk = :b",
            "set #n = :a remove sk",
            "ADD sk :a",
            "DELETE #n :b, sk :a",
            "SET sk.x = :a",
        ] {
            let message = "One or more parameter values were invalid: Cannot update attribute sk. This \
                attribute is part of the key";
            canceled(update(expression), message);
        }
        for expression in [
            "SET #n = sk",
            "SET #n = if_not_exists(#sk, :a), m.sk = :b",
            "SET n = list_append(n, sk), skip = :a",
            "REMOVE n, queueSk",
        ] {
            accepted("TransactWriteItems", &transaction(update(expression)));
        }
    }

    #[test]
    fn an_index_key_that_is_too_large_is_refused() {
        let put = |bytes| json!({ "Item": { "queueSk": { "S": "s".repeat(bytes) } } });
        let message = "One or more parameter values were invalid: Size limit exceeded for Index Key \
            queueSk Actual Size: 1025 bytes Max Size: 1024 bytes IndexName: queue";
        let batch = |put: Value| json!({ "RequestItems": { "dueline": [{ "PutRequest": put }] } });
        accepted("PutItem", &put(1024));
        accepted("BatchWriteItem", &batch(put(1024)));
        accepted(
            "TransactWriteItems",
            &transaction(json!({ "Put": put(1024) })),
        );
        refused("PutItem", &put(1025), message);
        refused("BatchWriteItem", &batch(put(1025)), message);
        canceled(json!({ "Put": put(1025) }), message);

        let update = |expression: &str, bytes| {
            json!({
                "UpdateExpression": expression,
                "ExpressionAttributeNames": { "#a": "queuePk" },
                "ExpressionAttributeValues": { ":a": { "S": "s".repeat(bytes) } },
            })
        };
        accepted("UpdateItem", &update("SET b = :a, #a = :a", 2048));
        accepted("UpdateItem", &update("SET b = :a REMOVE #a", 2049));
        refused(
            "UpdateItem",
            &update("SET b = :a, #a = :a", 2049),
            LARGE_INDEX_KEY,
        );
        canceled(
            json!({ "Update": update("SET #a = :a", 2049) }),
            LARGE_INDEX_KEY,
        );
    }

    #[test]
    fn odd_requests_are_left_to_the_database() {
        let odd = [
            json!(null),
            json!([]),
            json!({ "KeyConditionExpression": 1, "ExclusiveStartKey": "pk", "IndexName": "none" }),
            json!({ "KeyConditionExpression": ":é AND ((ü BETWEEN AND", "FilterExpression": ")) é" }),
            json!({ "UpdateExpression": "))) SET , = REMOVE", "Item": [], "RequestItems": [1] }),
            json!({ "RequestItems": { "dueline": { "PutRequest": 1 } } }),
            json!({ "TransactItems": [1, {}, { "Put": null }, { "Update": [] }] }),
            json!({ "TransactItems": { "Put": { "ExpressionAttributeNames": [] } } }),
        ];
        for request in odd {
            for operation in [
                "Query",
                "Scan",
                "PutItem",
                "UpdateItem",
                "BatchWriteItem",
                "TransactWriteItems",
                "TransactGetItems",
                "DescribeTable",
            ] {
                accepted(operation, &request);
            }
        }
        assert_eq!(check(&table(), "Query", b"not JSON"), Ok(()));
    }
}
