//! A function that makes an endpoint's calls to DynamoDB and does nothing else: no validation, no
//! admission, no envelope, no log.
//!
//! `CALLS` names the calls. Commas separate calls in sequence, plus signs separate concurrent ones,
//! and colons precede the members of a transaction, as in
//! `UpdateItem,TransactWriteItems:Put:Update`. They send what our functions send.

use std::collections::HashMap;
use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnConsumedCapacity, ReturnValue,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use futures_util::future::try_join_all;
use lambda_http::{Error, Request, run, service_fn};
use serde_json::Value;

const AMAZON_ROOTS: &str = include_str!("../src/store/amazon_roots.pem");

/// The condition that our functions send, so that the database has as much to evaluate.
const CONDITION: &str = "#active = :true AND (attribute_not_exists(#expires) OR #expires > :now) \
     AND #write <> :write AND (attribute_not_exists(#window) OR #window = :window) \
     AND (attribute_not_exists(#count) \
       OR (attribute_exists(#limit) AND #count < #limit) \
       OR (attribute_not_exists(#limit) AND #count < :limit) \
       OR contains(#permissions, :bypass))";

/// What a process keeps between requests.
struct Bare {
    client: Client,
    table: String,
    /// The partition key of a credential.
    credential: String,
    /// The partition key of a team.
    team: String,
    calls: Vec<Vec<String>>,
    written: AtomicU64,
}

fn main() -> Result<(), Error> {
    // `cargo bench` without a name runs this too.
    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Ok(());
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(listen())
}

async fn listen() -> Result<(), Error> {
    let calls = env::var("CALLS")?;
    let concurrent = |group: &str| group.split('+').map(str::to_owned).collect();
    let bare = Bare {
        client: connect().await?,
        table: env::var("TABLE_NAME")?,
        credential: env::var("CREDENTIAL")?,
        team: env::var("TEAM")?,
        calls: calls.split(',').map(concurrent).collect(),
        written: AtomicU64::new(0),
    };
    if env::var_os("PRIMING").is_some() {
        bare.get("PING", "PING").await?;
    }
    let bare = &bare;
    run(service_fn(move |_: Request| bare.respond())).await
}

/// Connects like `../src/store/client.rs`.
async fn connect() -> Result<Client, Error> {
    let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    let tls = TlsContext::builder().with_trust_store(roots).build()?;
    let http = Builder::new()
        .tls_provider(Provider::rustls(CryptoMode::Ring))
        .tls_context(tls)
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(500))
        .operation_attempt_timeout(Duration::from_secs(1))
        .operation_timeout(Duration::from_millis(2_500))
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(25));
    let aws = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(retries)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .load()
        .await;
    Ok(Client::new(&aws))
}

impl Bare {
    async fn respond(&self) -> Result<String, Error> {
        let mut last = Value::Null;
        for group in &self.calls {
            let results = try_join_all(group.iter().map(|call| self.call(call))).await?;
            last = results.into_iter().next_back().unwrap_or_default();
        }
        Ok(last.to_string())
    }

    async fn call(&self, call: &str) -> Result<Value, Error> {
        let total = ReturnConsumedCapacity::Total;
        match call {
            "GetItem" => self.get(&self.team, "TEAM").await,
            "Query" => self.query().await,
            "UpdateItem" => self.update().await,
            "PutItem" => {
                let put = self.client.put_item().table_name(&self.table);
                put.set_item(Some(self.item()))
                    .condition_expression("attribute_not_exists(#pk)")
                    .expression_attribute_names("#pk", "pk")
                    .return_consumed_capacity(total)
                    .send()
                    .await?;
                Ok(Value::Null)
            }
            "DeleteItem" => {
                let delete = self.client.delete_item().table_name(&self.table);
                let delete = delete.key("pk", string(&self.team));
                let delete = delete.key("sk", string("NOTHING"));
                delete.return_consumed_capacity(total).send().await?;
                Ok(Value::Null)
            }
            _ => self.transact(call).await,
        }
    }

    async fn get(&self, pk: &str, sk: &str) -> Result<Value, Error> {
        let get = self.client.get_item().table_name(&self.table);
        let get = get.key("pk", string(pk)).key("sk", string(sk));
        let got = get
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        Ok(serde_dynamo::from_item(got.item.unwrap_or_default())?)
    }

    async fn query(&self) -> Result<Value, Error> {
        let query = self.client.query().table_name(&self.table);
        let got = query
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :rules)")
            .expression_attribute_names("#pk", "pk")
            .expression_attribute_names("#sk", "sk")
            .expression_attribute_values(":pk", string(&self.team))
            .expression_attribute_values(":rules", string("RULE#"))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        let items: Vec<Value> = serde_dynamo::from_items(got.items.unwrap_or_default())?;
        Ok(items.into())
    }

    async fn update(&self) -> Result<Value, Error> {
        let mut update = self.client.update_item().table_name(&self.table);
        update = update.key("pk", string(&self.credential));
        update = update.key("sk", string("CREDENTIAL"));
        for (placeholder, name) in [
            ("#active", "active"),
            ("#count", "w29395123"),
            ("#expires", "expiresAt"),
            ("#limit", "callLimit"),
            ("#permissions", "permissions"),
            ("#used", "lastUsedAt"),
            ("#window", "windowSeconds"),
            ("#write", "writeId"),
        ] {
            update = update.expression_attribute_names(placeholder, name);
        }
        for (placeholder, value) in [
            (":bypass", string("api-bypass-rate-limit")),
            (":limit", number(1_000_000)),
            (":now", number(1_763_800_000)),
            (":one", number(1)),
            (":true", AttributeValue::Bool(true)),
            (":window", number(60)),
            (":write", string(&self.next("write"))),
        ] {
            update = update.expression_attribute_values(placeholder, value);
        }
        let updated = update
            .condition_expression(CONDITION)
            .update_expression("ADD #count :one SET #used = :now, #write = :write")
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        Ok(serde_dynamo::from_item(
            updated.attributes.unwrap_or_default(),
        )?)
    }

    async fn transact(&self, call: &str) -> Result<Value, Error> {
        let items: Result<Vec<_>, Error> = call
            .split(':')
            .skip(1)
            .enumerate()
            .map(|(index, kind)| self.member(kind, index))
            .collect();
        self.client
            .transact_write_items()
            .set_transact_items(Some(items?))
            .client_request_token(self.next("token"))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        Ok(Value::Null)
    }

    /// A member of a transaction. Its key contains its index, because no two members may name the
    /// same item.
    fn member(&self, kind: &str, index: usize) -> Result<TransactWriteItem, Error> {
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        let pk = string(&self.team);
        let nothing = string(&format!("NOTHING#{index}"));
        let item = TransactWriteItem::builder();
        Ok(match kind {
            "Put" => {
                let put = Put::builder().table_name(&self.table);
                let put = put
                    .set_item(Some(self.item()))
                    .condition_expression("attribute_not_exists(#pk)")
                    .expression_attribute_names("#pk", "pk")
                    .return_values_on_condition_check_failure(old);
                item.put(put.build()?)
            }
            "Update" => {
                let update = Update::builder().table_name(&self.table);
                let update = update
                    .key("pk", pk)
                    .key("sk", string(&format!("COUNT#{index}")))
                    .update_expression("ADD #n :one SET #write = :write")
                    .condition_expression("attribute_not_exists(#n) OR #n < :max")
                    .expression_attribute_names("#n", "n")
                    .expression_attribute_names("#write", "writeId")
                    .expression_attribute_values(":one", number(1))
                    .expression_attribute_values(":max", number(1_000_000_000))
                    .expression_attribute_values(":write", string(&self.next("write")))
                    .return_values_on_condition_check_failure(old);
                item.update(update.build()?)
            }
            "Delete" => {
                let delete = Delete::builder().table_name(&self.table);
                item.delete(delete.key("pk", pk).key("sk", nothing).build()?)
            }
            "ConditionCheck" => {
                let check = ConditionCheck::builder().table_name(&self.table);
                let check = check
                    .key("pk", pk)
                    .key("sk", nothing)
                    .condition_expression("attribute_not_exists(#pk)")
                    .expression_attribute_names("#pk", "pk");
                item.condition_check(check.build()?)
            }
            other => return Err(format!("no transaction has a {other}").into()),
        }
        .build())
    }

    /// A new item, about as large as that of a rule.
    fn item(&self) -> HashMap<String, AttributeValue> {
        [
            ("pk", string(&self.team)),
            ("sk", string(&self.next("BARE#"))),
            ("id", string("0198c0de000070008000000000000000")),
            ("name", string("High Priority")),
            ("priority", string("high")),
            ("responseTarget", number(30)),
            ("resolutionTarget", number(240)),
            ("version", number(1)),
            ("writeId", string(&self.next("write"))),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// A value that no process has sent before.
    fn next(&self, prefix: &str) -> String {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        format!("{prefix}{}-{number}", std::process::id())
    }
}

fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
