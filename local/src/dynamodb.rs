//! DynamoDB embedded in this process (dynoxide), with the table of template.yaml.

use crate::{
    error::Error,
    http,
    template::{Table, Template},
};
use serde_json::{Value, json};
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{sync::oneshot, task::JoinHandle, time};

/// The database's file in the `--data` directory.
const FILE: &str = "dueline.sqlite";
/// How long requests in progress may take when the database stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// A served database with the template's table. Dropping it stops it; [`Database::shutdown`] also
/// waits until its file is closed.
pub struct Database {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Database {
    /// Starts a database on its own, for functions that run elsewhere. Must be called within a
    /// Tokio runtime.
    pub async fn start(
        template: &Template,
        db_port: u16,
        data: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let listener = http::bind(db_port, "--db-port")?;
        Self::start_on(listener, data.as_deref(), &template.table)
    }

    /// Opens the database, creates the table if it is missing, and serves it.
    pub(crate) fn start_on(
        listener: TcpListener,
        data: Option<&Path>,
        table: &Table,
    ) -> Result<Self, Error> {
        let database = open(data)?;
        ensure_table(&database, table)?;
        let (listener, address) = http::adopt(listener)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async {
                // A dropped sender stops it too.
                drop(stopped.await);
            };
            // It fails only if its listener breaks, and then its clients notice.
            drop(dynoxide::server::serve_with_shutdown(listener, database, stopped).await);
        });
        Ok(Self {
            address,
            stop: Some(stop),
            task,
        })
    }

    /// Its URL, such as `http://127.0.0.1:8000`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it, and returns once it is closed.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        if time::timeout(STOP_TIMEOUT, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

fn open(data: Option<&Path>) -> Result<dynoxide::Database, Error> {
    let opened = match data {
        None => dynoxide::Database::memory(),
        Some(directory) => {
            fs::create_dir_all(directory).map_err(|source| {
                Error::io(
                    format!("create the directory {}", directory.display()),
                    source,
                )
            })?;
            let file = directory.join(FILE);
            let file = file.to_str().ok_or_else(|| Error::Database {
                doing: format!("open {}", file.display()),
                reason: "the path is not UTF-8".to_owned(),
            })?;
            dynoxide::Database::new(file)
        }
    };
    opened.map_err(|error| Error::Database {
        doing: "open its data".to_owned(),
        reason: error.to_string(),
    })
}

fn ensure_table(database: &dynoxide::Database, table: &Table) -> Result<(), Error> {
    let failed = |doing: &str, reason: String| Error::Database {
        doing: format!("{doing} the table {}", table.name),
        reason,
    };
    let name = json!({ "TableName": table.name });

    let existing = database
        .get_table_metadata(&table.name)
        .map_err(|error| failed("find", error.to_string()))?;
    if existing.is_some() {
        let request =
            serde_json::from_value(name).map_err(|error| failed("describe", error.to_string()))?;
        let described = database
            .describe_table(request)
            .map_err(|error| failed("describe", error.to_string()))?;
        let described = serde_json::to_value(described.table)
            .map_err(|error| failed("describe", error.to_string()))?;
        let (found, wanted) = (keys(&described), keys(&creation(table)));
        if found != wanted {
            return Err(Error::OtherTable {
                name: table.name.clone(),
                found,
                wanted,
            });
        }
        return Ok(());
    }

    let request = serde_json::from_value(creation(table))
        .map_err(|error| failed("create", error.to_string()))?;
    database
        .create_table(request)
        .map_err(|error| failed("create", error.to_string()))?;
    if let Some(attribute) = &table.time_to_live_attribute {
        let request = json!({
            "TableName": table.name,
            "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": true },
        });
        let request = serde_json::from_value(request)
            .map_err(|error| failed("set TTL on", error.to_string()))?;
        database
            .update_time_to_live(request)
            .map_err(|error| failed("set TTL on", error.to_string()))?;
    }
    Ok(())
}

/// A CreateTable request. The table is on-demand, because capacity and alarms mean nothing here.
fn creation(table: &Table) -> Value {
    let mut request = json!({
        "TableName": table.name,
        "KeySchema": table.key_schema,
        "AttributeDefinitions": table.attribute_definitions,
        "BillingMode": "PAY_PER_REQUEST",
    });
    if !table.global_secondary_indexes.is_empty()
        && let Some(request) = request.as_object_mut()
    {
        request.insert(
            "GlobalSecondaryIndexes".to_owned(),
            json!(table.global_secondary_indexes),
        );
    }
    request
}

/// The keys of a table and its indexes as text, to compare and to show.
fn keys(description: &Value) -> String {
    let schema = |holder: &Value| {
        let elements = holder
            .get("KeySchema")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let names: Vec<_> = elements
            .iter()
            .filter_map(|element| element.get("AttributeName")?.as_str().map(str::to_owned))
            .collect();
        names.join(" and ")
    };
    let mut all = vec![schema(description)];
    let mut indexes: Vec<_> = description
        .get("GlobalSecondaryIndexes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|index| {
            format!(
                "index {} by {}",
                index
                    .get("IndexName")
                    .and_then(Value::as_str)
                    .unwrap_or("?"),
                schema(index)
            )
        })
        .collect();
    indexes.sort();
    all.append(&mut indexes);
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{AttributeDefinition, GlobalSecondaryIndex, KeyElement};

    fn key(name: &str, kind: &str) -> KeyElement {
        KeyElement {
            attribute_name: name.to_owned(),
            key_type: kind.to_owned(),
        }
    }

    fn table(sort_key: &str) -> Table {
        let text = |name: &str| AttributeDefinition {
            attribute_name: name.to_owned(),
            attribute_type: "S".to_owned(),
        };
        Table {
            logical_id: "Table".to_owned(),
            name: "dueline".to_owned(),
            key_schema: vec![key("pk", "HASH"), key(sort_key, "RANGE")],
            attribute_definitions: vec![text("pk"), text(sort_key)],
            global_secondary_indexes: Vec::new(),
            time_to_live_attribute: Some("expiresAt".to_owned()),
        }
    }

    #[test]
    fn a_table_is_created_once_and_then_accepted_only_with_the_same_keys() -> Result<(), Error> {
        let database = open(None)?;
        ensure_table(&database, &table("sk"))?;
        ensure_table(&database, &table("sk"))?;

        let refused = ensure_table(&database, &table("other")).map_err(|error| error.to_string());
        assert_eq!(
            refused,
            Err("the data directory holds a table dueline with other keys (pk and sk) than template.yaml \
                 (pk and other); choose another --data directory or remove this one"
                .to_owned())
        );
        Ok(())
    }

    #[test]
    fn an_index_is_created_and_found_again() -> Result<(), Error> {
        let indexed = Table {
            global_secondary_indexes: vec![GlobalSecondaryIndex {
                index_name: "queue".to_owned(),
                key_schema: vec![key("sk", "HASH"), key("pk", "RANGE")],
                projection: json!({ "ProjectionType": "KEYS_ONLY" }),
            }],
            ..table("sk")
        };
        let database = open(None)?;
        ensure_table(&database, &indexed)?;
        ensure_table(&database, &indexed)?;

        let database = open(None)?;
        ensure_table(&database, &table("sk"))?;
        let refused = ensure_table(&database, &indexed).map_err(|error| error.to_string());
        assert_eq!(
            refused,
            Err("the data directory holds a table dueline with other keys (pk and sk) than template.yaml \
                 (pk and sk, index queue by sk and pk); choose another --data directory or remove this one"
                .to_owned())
        );
        Ok(())
    }
}
