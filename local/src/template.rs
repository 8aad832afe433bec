//! Reads what this machine needs from template.yaml: the table, and every function with its routes,
//! limits, environment and declared DynamoDB actions.
//!
//! Only these parts are evaluated, so a template may use any CloudFormation function elsewhere. Of a
//! schedule that is its rate: retries, dead-letter queues and `EventInvokeConfig` are for failures
//! between services that are one process here.
//! Parameters have their default values. [`document::expand`] evaluates a whole template, with any
//! parameters.

pub mod document;
mod intrinsic;

use crate::{error::Error, table::TABLE_NAME};
use intrinsic::{Scope, intrinsic};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
    time::Duration,
};

/// Where `cargo lambda build` puts a binary, in a directory of the same name.
const CODE_DIRECTORY: &str = "target/lambda/";

/// Lambda's own defaults (AWS::Lambda::Function, Timeout and MemorySize).
const DEFAULT_TIMEOUT_SECONDS: u64 = 3;
const DEFAULT_MEMORY_MIB: u64 = 128;

/// The parts of template.yaml that this machine runs.
#[derive(Clone, Debug)]
pub struct Template {
    /// Every AWS::Serverless::Function, in the template's order.
    pub functions: Vec<Function>,
    /// The one AWS::DynamoDB::Table.
    pub table: Table,
}

/// One AWS::Serverless::Function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The resource's name in the template; also the function's name on this machine.
    pub logical_id: String,
    /// The last part of `CodeUri`: the `[[bin]]` with its code.
    pub binary: String,
    /// Its HttpApi events.
    pub routes: Vec<Route>,
    /// Its ScheduleV2 events.
    pub schedules: Vec<Schedule>,
    /// How long an invocation may take before the process is killed.
    pub timeout: Duration,
    /// Passed to the function, but not enforced.
    pub memory_mib: u64,
    /// `Environment.Variables`, including those of Globals.
    pub environment: BTreeMap<String, String>,
    /// The `dynamodb:…` actions that its policies allow, as [`permission`] writes them.
    pub dynamodb_actions: BTreeSet<String>,
}

/// One ScheduleV2 event of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The time from the start of one run to the start of the next.
    pub every: Duration,
}

/// One HttpApi event of a function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// Matches what no other route matches.
    Default,
    /// A method and a path.
    Path {
        /// Upper case; `ANY` for every method.
        method: String,
        /// As in the template, such as `/api/v1/teams/{teamId}/sla/rules`.
        path: String,
    },
}

/// Prints the route key as API Gateway writes it: `POST /path/{x}` or `$default`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("$default"),
            Self::Path { method, path } => write!(f, "{method} {path}"),
        }
    }
}

/// The AWS::DynamoDB::Table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The resource's name in the template.
    pub logical_id: String,
    /// The table's name on this machine.
    pub name: String,
    /// The partition key, then the sort key if there is one.
    pub key_schema: Vec<KeyElement>,
    /// The types of all key attributes.
    pub attribute_definitions: Vec<AttributeDefinition>,
    /// The indexes, if any.
    pub global_secondary_indexes: Vec<GlobalSecondaryIndex>,
    /// The attribute with an item's expiry, if TTL is enabled.
    pub time_to_live_attribute: Option<String>,
}

/// One element of a key, in DynamoDB's own terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyElement {
    /// The attribute's name.
    pub attribute_name: String,
    /// `HASH` or `RANGE`.
    pub key_type: String,
}

/// The type of a key attribute, in DynamoDB's own terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeDefinition {
    /// The attribute's name.
    pub attribute_name: String,
    /// `S`, `N` or `B`.
    pub attribute_type: String,
}

/// A global secondary index, in DynamoDB's own terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GlobalSecondaryIndex {
    /// The index's name.
    pub index_name: String,
    /// The partition key, then the sort key if there is one.
    pub key_schema: Vec<KeyElement>,
    /// Which attributes the index holds, in DynamoDB's own form.
    pub projection: serde_json::Value,
}

impl Template {
    /// Reads a template from a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path)
            .map_err(|source| Error::io(format!("read {}", path.display()), source))?;
        Self::parse(&text)
    }

    /// Reads a template from its text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut root = document::document(text)?;
        document::merge_globals(&mut root);
        let resources = root
            .get("Resources")
            .and_then(Value::as_object)
            .ok_or_else(|| Error::template("Resources", "missing or not a mapping"))?;
        let defaults = BTreeMap::new();
        let scope = Scope::new(&root, &defaults);

        let mut functions = Vec::new();
        let mut tables = Vec::new();
        for (name, resource) in resources {
            if !scope.exists(name, resource)? {
                continue;
            }
            match resource.get("Type").and_then(Value::as_str) {
                Some("AWS::Serverless::Function") => {
                    functions.push(function(&scope, name, resource)?)
                }
                Some("AWS::DynamoDB::Table") => tables.push(table(&scope, name, resource)?),
                Some(_) => {}
                None => return Err(Error::template(name, "has no Type")),
            }
        }
        check_distinct_routes(&functions)?;
        let mut tables = tables.into_iter();
        match (tables.next(), tables.next()) {
            (Some(table), None) => Ok(Self { functions, table }),
            (None, _) => Err(Error::template("Resources", "no AWS::DynamoDB::Table")),
            (Some(_), Some(second)) => Err(Error::template(
                second.logical_id,
                "is a second table; this machine supports one",
            )),
        }
    }

    /// The function with this logical id.
    pub fn function(&self, logical_id: &str) -> Option<&Function> {
        self.functions
            .iter()
            .find(|function| function.logical_id == logical_id)
    }
}

fn function(scope: &Scope<'_>, name: &str, resource: &Value) -> Result<Function, Error> {
    let property = |member: &str| resource.get("Properties").and_then(|own| own.get(member));
    let number = |member: &str, default: u64| {
        let at = format!("{name}.{member}");
        let text = match property(member) {
            None => None,
            Some(value) => scope.text(&at, value)?,
        };
        text.map_or(Ok(default), |text| {
            text.parse()
                .map_err(|_| Error::template(at, format!("`{text}` is not a whole number")))
        })
    };
    let binary = property("CodeUri")
        .and_then(|code| code.as_str()?.strip_prefix(CODE_DIRECTORY))
        .ok_or_else(|| Error::template(name, format!("has no CodeUri below {CODE_DIRECTORY}")))?;
    let mut environment = BTreeMap::new();
    if let Some(source) = property("Environment") {
        variables(scope, name, source, &mut environment)?;
    }

    Ok(Function {
        logical_id: name.to_owned(),
        binary: binary.to_owned(),
        routes: routes(scope, name, property("Events"))?,
        schedules: schedules(scope, name, property("Events"))?,
        timeout: Duration::from_secs(number("Timeout", DEFAULT_TIMEOUT_SECONDS)?),
        memory_mib: number("MemorySize", DEFAULT_MEMORY_MIB)?,
        environment,
        dynamodb_actions: dynamodb_actions(scope, name, property("Policies"))?,
    })
}

fn variables(
    scope: &Scope<'_>,
    name: &str,
    environment: &Value,
    into: &mut BTreeMap<String, String>,
) -> Result<(), Error> {
    let at = format!("{name}.Environment");
    let Some(variables) = environment.get("Variables") else {
        return Ok(());
    };
    let Some(variables) = scope.choose(&at, variables)? else {
        return Ok(());
    };
    let variables = variables
        .as_object()
        .ok_or_else(|| Error::template(&at, "Variables is not a mapping"))?;
    for (key, value) in variables {
        if let Some(value) = scope.text(&format!("{at}.{key}"), value)? {
            into.insert(key.to_owned(), value);
        }
    }
    Ok(())
}

fn routes(scope: &Scope<'_>, name: &str, events: Option<&Value>) -> Result<Vec<Route>, Error> {
    let Some(events) = events else {
        return Ok(Vec::new());
    };
    let events = events
        .as_object()
        .ok_or_else(|| Error::template(format!("{name}.Events"), "is not a mapping"))?;
    let mut routes = Vec::new();
    for (event_name, event) in events {
        let at = format!("{name}.Events.{}", event_name);
        match event.get("Type").and_then(Value::as_str) {
            Some("HttpApi") => {}
            // A REST API sends another event format; this machine supports only 2.0.
            Some("Api") => {
                return Err(Error::template(
                    at,
                    "is an Api event; this machine supports only HttpApi",
                ));
            }
            Some(_) => continue,
            None => return Err(Error::template(at, "has no Type")),
        }
        let member = |member: &str| match event
            .get("Properties")
            .and_then(|properties| properties.get(member))
        {
            None => Ok(None),
            Some(value) => scope.text(&format!("{at}.{member}"), value),
        };
        routes.push(match (member("Method")?, member("Path")?) {
            // https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-httpapi.html
            (None, None) => Route::Default,
            (_, Some(path)) if path == "$default" => Route::Default,
            (Some(method), Some(path)) if path.starts_with('/') => {
                let method = method.to_ascii_uppercase();
                Route::Path {
                    method: if method == "*" {
                        "ANY".to_owned()
                    } else {
                        method
                    },
                    path,
                }
            }
            (Some(_), Some(path)) => {
                return Err(Error::template(
                    at,
                    format!("the path `{path}` must begin with /"),
                ));
            }
            _ => {
                return Err(Error::template(
                    at,
                    "needs both Method and Path, or neither",
                ));
            }
        });
    }
    Ok(routes)
}

fn schedules(
    scope: &Scope<'_>,
    name: &str,
    events: Option<&Value>,
) -> Result<Vec<Schedule>, Error> {
    let events = events.and_then(Value::as_object).into_iter().flatten();
    let scheduled =
        events.filter(|(_, event)| event.get("Type").and_then(Value::as_str) == Some("ScheduleV2"));
    scheduled
        .map(|(event_name, event)| {
            let at = format!("{name}.Events.{event_name}.ScheduleExpression");
            let expression = event
                .pointer("/Properties/ScheduleExpression")
                .map(|expression| scope.text(&at, expression));
            let expression = expression.transpose()?.flatten().unwrap_or_default();
            let every = rate(&expression).ok_or_else(|| {
                let reason = format!(
                    "`{expression}` is not a rate, such as rate(1 minute), the only kind supported"
                );
                Error::template(at, reason)
            })?;
            Ok(Schedule { every })
        })
        .collect()
}

/// The length of `rate(1 minute)`, `rate(5 minutes)` and so on.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>
fn rate(expression: &str) -> Option<Duration> {
    let rate = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (number, unit) = rate.split_once(' ')?;
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

fn check_distinct_routes(functions: &[Function]) -> Result<(), Error> {
    let mut seen = BTreeMap::new();
    for function in functions {
        for route in &function.routes {
            if let Some(other) = seen.insert(route, &function.logical_id) {
                return Err(Error::template(
                    &function.logical_id,
                    format!("`{route}` is already a route of {other}"),
                ));
            }
        }
    }
    Ok(())
}

fn dynamodb_actions(
    scope: &Scope<'_>,
    name: &str,
    policies: Option<&Value>,
) -> Result<BTreeSet<String>, Error> {
    let at = format!("{name}.Policies");
    let mut actions = BTreeSet::new();
    for policy in scope.items(&at, policies)? {
        // Text or a reference names a managed policy, which no function needs for the table.
        let Some(policy) = policy.as_object().filter(|_| intrinsic(policy).is_none()) else {
            continue;
        };
        let Some(statements) = policy.get("Statement") else {
            let names: Vec<_> = policy.keys().map(String::as_str).collect();
            return Err(Error::template(
                at,
                format!("{} hides its actions; write a Statement", names.join(", ")),
            ));
        };
        for statement in scope.items(&at, Some(statements))? {
            if statement.get("Effect").and_then(Value::as_str) == Some("Deny") {
                continue;
            }
            let resources = scope.items(&at, statement.get("Resource"))?;
            for action in scope.items(&at, statement.get("Action"))? {
                let action = scope.text(&at, action)?.unwrap_or_default();
                if !action.starts_with("dynamodb:") {
                    continue;
                }
                for resource in &resources {
                    let resource = scope.text(&at, resource)?.unwrap_or_default();
                    let index = resource.split_once("/index/").map(|(_, index)| index);
                    actions.insert(permission(&action, index));
                }
            }
        }
    }
    Ok(actions)
}

/// An action on the table, such as `dynamodb:Query`, or on one of its indexes, such as
/// `dynamodb:Query on queue`. In IAM an index is a resource of its own.
pub fn permission(action: &str, index: Option<&str>) -> String {
    match index {
        None => action.to_owned(),
        Some(index) => format!("{action} on {index}"),
    }
}

fn table(scope: &Scope<'_>, name: &str, resource: &Value) -> Result<Table, Error> {
    let member = |member: &str| {
        resource
            .get("Properties")
            .and_then(|properties| properties.get(member))
            .map_or(Ok(None), |value| {
                scope.json(&format!("{name}.{member}"), value)
            })
    };
    let required = |wanted: &str| {
        member(wanted)?.ok_or_else(|| Error::template(name, format!("has no {wanted}")))
    };

    let time_to_live_attribute = member("TimeToLiveSpecification")?.and_then(|ttl| {
        // CloudFormation's parameters are text, so a flag may be the string "true".
        let enabled = ttl
            .get("Enabled")
            .is_some_and(|enabled| enabled == true || enabled == "true");
        ttl.get("AttributeName")
            .filter(|_| enabled)?
            .as_str()
            .map(str::to_owned)
    });
    Ok(Table {
        logical_id: name.to_owned(),
        name: TABLE_NAME.to_owned(),
        key_schema: typed(name, "KeySchema", required("KeySchema")?)?,
        attribute_definitions: typed(
            name,
            "AttributeDefinitions",
            required("AttributeDefinitions")?,
        )?,
        global_secondary_indexes: member("GlobalSecondaryIndexes")?
            .map_or(Ok(Vec::new()), |indexes| {
                typed(name, "GlobalSecondaryIndexes", indexes)
            })?,
        time_to_live_attribute,
    })
}

fn typed<T: for<'de> Deserialize<'de>>(
    name: &str,
    member: &str,
    value: serde_json::Value,
) -> Result<T, Error> {
    serde_json::from_value(value)
        .map_err(|error| Error::template(format!("{name}.{member}"), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
Parameters:
  RateLimit: { Type: Number, Default: 120 }
  KeyArn: { Type: String, Default: "" }
  NoDefault: { Type: String }
Conditions:
  OwnKey: !Not [!Equals [!Ref KeyArn, ""]]
Globals:
  Function:
    Timeout: 10
    MemorySize: 256
    Environment:
      Variables:
        TABLE_NAME: !Ref Table
        RATE_LIMIT: !Ref RateLimit
        KEY: !If [OwnKey, !Ref KeyArn, !Ref AWS::NoValue]
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties: { Description: !GetAtt Nothing.Here }
  RuleCreate:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/rule-create
      Timeout: 7
      Environment: { Variables: { NAME: !Sub "${AWS::StackName}/${Table}" } }
      Policies:
        - AWSXrayWriteOnlyAccess
        - Statement:
            - Effect: Allow
              Action: [dynamodb:UpdateItem, dynamodb:PutItem]
              Resource: !GetAtt Table.Arn
            - Effect: Allow
              Action: dynamodb:Query
              Resource: !Sub "${Table.Arn}/index/queue"
            - !If [OwnKey, { Effect: Allow, Action: "kms:Decrypt", Resource: !Ref KeyArn }, !Ref "AWS::NoValue"]
      Events:
        Http:
          Type: HttpApi
          Properties: { ApiId: !Ref Api, Method: post, Path: "/api/v1/teams/{teamId}/sla/rules" }
  RouteUnknown:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/route-unknown
      Events: { Http: { Type: HttpApi, Properties: { ApiId: !Ref Api } } }
  BreachSweep:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/breach-sweep
      Timeout: 160
      Environment: { Variables: { NAMESPACE: !Sub "Dueline/${AWS::StackName}" } }
      Policies:
        - Statement:
            - Effect: Allow
              Action: dynamodb:Query
              Resource: !If [OwnKey, !Ref KeyArn, !Sub "${Table.Arn}/index/due"]
      EventInvokeConfig: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 }
      Events:
        Schedule:
          Type: ScheduleV2
          Properties:
            OmitName: true
            ScheduleExpression: rate(1 minute)
            FlexibleTimeWindow: { Mode: "OFF" }
            RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 5 }
            DeadLetterConfig: { Arn: !GetAtt DeadLetters.Arn }
  DeadLetters:
    Type: AWS::SQS::Queue
    Properties: { SqsManagedSseEnabled: true }
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{ AttributeName: pk, KeyType: HASH }, { AttributeName: sk, KeyType: RANGE }]
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }, { AttributeName: sk, AttributeType: S }]
      GlobalSecondaryIndexes:
        - IndexName: queue
          KeySchema: [{ AttributeName: sk, KeyType: HASH }, { AttributeName: pk, KeyType: RANGE }]
          Projection: { ProjectionType: KEYS_ONLY }
          OnDemandThroughput: { MaxReadRequestUnits: !Ref RateLimit }
        - IndexName: due
          KeySchema: [{ AttributeName: pk, KeyType: HASH }]
          Projection: { ProjectionType: KEYS_ONLY }
      TimeToLiveSpecification: { AttributeName: expiresAt, Enabled: true }
      SSESpecification: !If [OwnKey, { KMSMasterKeyId: !Ref KeyArn }, !Ref AWS::NoValue]
"#;

    #[test]
    fn functions_have_their_globals_parameters_and_routes() -> Result<(), Error> {
        let template = Template::parse(TEMPLATE)?;

        let environment = [
            ("NAME", "local/dueline"),
            ("RATE_LIMIT", "120"),
            ("TABLE_NAME", "dueline"),
        ];
        let expected = Function {
            logical_id: "RuleCreate".to_owned(),
            binary: "rule-create".to_owned(),
            routes: vec![Route::Path {
                method: "POST".to_owned(),
                path: "/api/v1/teams/{teamId}/sla/rules".to_owned(),
            }],
            schedules: Vec::new(),
            timeout: Duration::from_secs(7),
            memory_mib: 256,
            environment: environment
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            dynamodb_actions: [
                "dynamodb:PutItem",
                "dynamodb:Query on queue",
                "dynamodb:UpdateItem",
            ]
            .map(str::to_owned)
            .into(),
        };
        assert_eq!(template.function("RuleCreate"), Some(&expected));
        assert_eq!(
            template
                .function("RouteUnknown")
                .map(|function| (function.timeout, function.routes.clone())),
            Some((Duration::from_secs(10), vec![Route::Default]))
        );
        Ok(())
    }

    #[test]
    fn a_scheduled_function_has_its_rate_and_no_routes() -> Result<(), Error> {
        let template = Template::parse(TEMPLATE)?;
        let environment = [
            ("NAMESPACE", "Dueline/local"),
            ("RATE_LIMIT", "120"),
            ("TABLE_NAME", "dueline"),
        ];
        let expected = Function {
            logical_id: "BreachSweep".to_owned(),
            binary: "breach-sweep".to_owned(),
            routes: Vec::new(),
            schedules: vec![Schedule {
                every: Duration::from_secs(60),
            }],
            timeout: Duration::from_secs(160),
            memory_mib: 256,
            environment: environment
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            dynamodb_actions: ["dynamodb:Query on due".to_owned()].into(),
        };
        assert_eq!(template.function("BreachSweep"), Some(&expected));
        Ok(())
    }

    #[test]
    fn the_whole_table_is_read() -> Result<(), Error> {
        let table = Template::parse(TEMPLATE)?.table;
        let keys = |schema: &[KeyElement]| {
            let keys = schema.iter();
            let keys = keys.map(|key| format!("{} {}", key.attribute_name, key.key_type));
            keys.collect::<Vec<_>>()
        };
        assert_eq!(keys(&table.key_schema), ["pk HASH", "sk RANGE"]);
        let indexes: Vec<_> = table
            .global_secondary_indexes
            .iter()
            .map(|index| (&*index.index_name, keys(&index.key_schema)))
            .collect();
        let queue = ["sk HASH", "pk RANGE"].map(str::to_owned);
        let due = vec!["pk HASH".to_owned()];
        assert_eq!(indexes, [("queue", queue.to_vec()), ("due", due)]);
        assert_eq!(
            (&*table.name, table.time_to_live_attribute.as_deref()),
            ("dueline", Some("expiresAt"))
        );
        Ok(())
    }

    #[test]
    fn an_error_names_what_is_not_supported() {
        let cases = [
            (
                "Timeout: 7",
                "Timeout: !Ref NoDefault",
                "template.yaml: RuleCreate.Timeout: the parameter NoDefault has no Default",
            ),
            (
                "Timeout: 7",
                "Timeout: soon",
                "template.yaml: RuleCreate.Timeout: `soon` is not a whole number",
            ),
            (
                "NAME: !Sub \"${AWS::StackName}/${Table}\"",
                "NAME: !ImportValue there",
                "template.yaml: RuleCreate.Environment.NAME: !ImportValue is not supported here",
            ),
            (
                "- AWSXrayWriteOnlyAccess",
                "- DynamoDBCrudPolicy: { TableName: !Ref Table }",
                "template.yaml: RuleCreate.Policies: DynamoDBCrudPolicy hides its actions; write a Statement",
            ),
            (
                "rate(1 minute)",
                "cron(0 * * * ? *)",
                "template.yaml: BreachSweep.Events.Schedule.ScheduleExpression: `cron(0 * * * ? *)` is \
                 not a rate, such as rate(1 minute), the only kind supported",
            ),
            (
                "CodeUri: target/lambda/route-unknown",
                "CodeUri: .",
                "template.yaml: RouteUnknown: has no CodeUri below target/lambda/",
            ),
        ];
        for (from, to, expected) in cases {
            let found = Template::parse(&TEMPLATE.replace(from, to))
                .map(|_| ())
                .map_err(|error| error.to_string());
            assert_eq!(found, Err(expected.to_owned()));
        }
    }
}
