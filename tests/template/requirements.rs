//! What template.yaml must say, by kind of resource. Each check reads the template as it would be
//! deployed: expanded with parameters, and with Globals merged into every function.
//!
//! The requirements are a closed list: a property, a resource type or an alarm that no requirement
//! covers is a violation too. Whoever adds one states here what it must be.

use std::collections::{BTreeMap, BTreeSet};

use local::template::document;
use serde_json::{Map, Value, json};

pub mod alarms;
pub mod functions;
mod parameters;

/// The resource type of a function.
pub const FUNCTION: &str = "AWS::Serverless::Function";
const TABLE: &str = "AWS::DynamoDB::Table";
const API: &str = "AWS::Serverless::HttpApi";
const LOG_GROUP: &str = "AWS::Logs::LogGroup";
const KEY_POLICY: &str = "AWS::IAM::ManagedPolicy";
const SETTINGS: &str = "AWS::SSM::Parameter";
const QUEUE: &str = "AWS::SQS::Queue";

/// The attribute in which the store keeps an item's expiry.
const TTL_ATTRIBUTE: &str = "ttl";

/// The table's indexes: the name, the partition key and the sort key.
const INDEXES: [[&str; 3]; 2] = [
    [TEAM_INDEX, "queuePk", "queueSk"],
    [DUE_INDEX, "duePk", "dueSk"],
];
/// What endpoints list; each partition is of one team.
const TEAM_INDEX: &str = "queue";
/// What scheduled functions work off; its partitions hold the items of all teams.
const DUE_INDEX: &str = "due";

/// The longest that SQS keeps a message: 14 days.
const MESSAGE_RETENTION_SECONDS: u32 = 1_209_600;

/// The actions that DynamoDB documents for writing to a table with a customer managed key:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html>.
const KEY_ACTIONS: [&str; 8] = [
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

/// The access log's members. None identifies a caller; `status` is a number.
const ACCESS_LOG: [(&str, &str); 9] = [
    ("requestId", "$context.requestId"),
    ("time", "$context.requestTimeEpoch"),
    ("route", "$context.routeKey"),
    ("status", "$context.status"),
    ("responseBytes", "$context.responseLength"),
    ("latencyMs", "$context.responseLatency"),
    ("integrationLatencyMs", "$context.integrationLatency"),
    ("integrationStatus", "$context.integrationStatus"),
    ("error", "$context.error.responseType"),
];

/// Everything in a template that violates a requirement, one line each. Each set is one view of the
/// template, and is computed only when it is asked for.
pub fn violations(template: &Value) -> impl Iterator<Item = BTreeSet<String>> {
    let different = parameters::all_different(template);
    let mut own_table = different.clone();
    own_table.remove("ExistingTableArn");
    let deployments = [BTreeMap::new(), different, own_table];
    let deployed = move |parameters| match Deployment::new(template, parameters) {
        Ok(mut deployment) => {
            deployment.check();
            deployment.violations
        }
        Err(error) => BTreeSet::from([error]),
    };
    std::iter::once_with(|| parameters::violations(template))
        .chain(deployments.into_iter().map(deployed))
        .chain(std::iter::once_with(|| {
            functions::parameters_that_miss_live(template)
        }))
}

/// The template as one deployment sees it.
pub struct Deployment {
    parameters: BTreeMap<String, String>,
    resources: Map<String, Value>,
    /// The table's indexes, also where the stack uses an existing table.
    indexes: Vec<String>,
    violations: BTreeSet<String>,
}

impl Deployment {
    /// Expands a template with the given parameters, and the defaults of the others.
    pub fn new(template: &Value, given: BTreeMap<String, String>) -> Result<Self, String> {
        let expanded = document::expand(template, &given).map_err(|error| error.to_string())?;
        let mut parameters = parameters::defaults(template);
        parameters.extend(given);
        let tables = template["Resources"].as_object().into_iter().flatten();
        let indexes = tables
            .filter(|(_, resource)| resource["Type"] == TABLE)
            .filter_map(|(_, table)| table["Properties"]["GlobalSecondaryIndexes"].as_array())
            .flatten()
            .map(|index| text(&index["IndexName"]))
            .collect();
        Ok(Self {
            parameters,
            resources: expanded["Resources"]
                .as_object()
                .cloned()
                .unwrap_or_default(),
            indexes,
            violations: BTreeSet::new(),
        })
    }

    fn check(&mut self) {
        const KNOWN: [&str; 9] = [
            FUNCTION,
            TABLE,
            API,
            LOG_GROUP,
            KEY_POLICY,
            SETTINGS,
            QUEUE,
            alarms::ALARM,
            alarms::FILTER,
        ];
        for (name, resource) in self.resources.clone() {
            let kind = text(&resource["Type"]);
            if !KNOWN.contains(&kind.as_str()) {
                self.violation(
                    &name,
                    format!("no requirement covers {kind}; add one, or remove it"),
                );
            }
        }
        let own_table = self.parameter("ExistingTableArn").is_empty();
        let own_key = !self.parameter("TableKeyArn").is_empty();
        self.count(API, 1);
        self.count(SETTINGS, 1);
        self.count(LOG_GROUP, 2);
        self.count(QUEUE, 1);
        self.count(TABLE, usize::from(own_table));
        self.count(KEY_POLICY, usize::from(own_key));
        for (name, table) in self.of_kind(TABLE) {
            self.table(&name, &table);
        }
        for (name, api) in self.of_kind(API) {
            self.api(&name, &api);
        }
        for (name, policy) in self.of_kind(KEY_POLICY) {
            self.key_policy(&name, &policy);
        }
        for (name, queue) in self.of_kind(QUEUE) {
            let wanted = json!({
                "SqsManagedSseEnabled": true,
                "MessageRetentionPeriod": MESSAGE_RETENTION_SECONDS,
            });
            self.same(&name, &queue["Properties"], &wanted);
        }
        for (name, group) in self.of_kind(LOG_GROUP) {
            let mut group = group["Properties"].clone();
            group
                .as_object_mut()
                .and_then(|group| group.remove("LogGroupName"));
            let wanted = json!({ "RetentionInDays": self.parameter("LogRetentionDays") });
            self.same(&name, &group, &wanted);
        }
        self.functions();
        self.alarms();
    }

    fn table(&mut self, name: &str, table: &Value) {
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            self.same(
                &format!("{name}.{policy}"),
                &table[policy],
                &json!("Retain"),
            );
        }
        let throughput = json!({
            "MaxReadRequestUnits": self.parameter("TableMaxReadUnits"),
            "MaxWriteRequestUnits": self.parameter("TableMaxWriteUnits"),
        });
        let mut properties = object(&table["Properties"]);
        let mut take = |member: &str| properties.remove(member).unwrap_or_default();
        let (definitions, indexes) = (take("AttributeDefinitions"), take("GlobalSecondaryIndexes"));
        let properties = Value::Object(properties);
        let mut wanted = json!({
            "KeySchema": [
                { "AttributeName": "pk", "KeyType": "HASH" },
                { "AttributeName": "sk", "KeyType": "RANGE" },
            ],
            "BillingMode": "PAY_PER_REQUEST",
            "OnDemandThroughput": throughput,
            "TimeToLiveSpecification": { "AttributeName": TTL_ATTRIBUTE, "Enabled": true },
            "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true },
            "DeletionProtectionEnabled": true,
        });
        let key = self.parameter("TableKeyArn");
        if !key.is_empty() {
            wanted["SSESpecification"] =
                json!({ "SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": key });
        }
        let mut keys = BTreeSet::new();
        let indexed = indexes.as_array().into_iter().flatten();
        for index in indexed.chain([&properties]) {
            let schema = index["KeySchema"].as_array().into_iter().flatten();
            // Every key is text.
            keys.extend(schema.map(|key| format!("{} S", text(&key["AttributeName"]))));
        }
        let defined = definitions.as_array().into_iter().flatten();
        let defined = defined.map(|one| ["AttributeName", "AttributeType"].map(|m| text(&one[m])));
        let defined: BTreeSet<_> = defined.map(|one| one.join(" ")).collect();
        if keys != defined {
            self.violation(
                name,
                format!("AttributeDefinitions has {defined:?}, but the keys are {keys:?}"),
            );
        }
        // What an index finds is read from the table, so it holds keys only.
        let wanted_indexes = INDEXES.map(|[index, partition_key, sort_key]| {
            json!({
                "IndexName": index,
                "KeySchema": [
                    { "AttributeName": partition_key, "KeyType": "HASH" },
                    { "AttributeName": sort_key, "KeyType": "RANGE" },
                ],
                "Projection": { "ProjectionType": "KEYS_ONLY" },
                "OnDemandThroughput": throughput,
            })
        });
        let at = format!("{name}.GlobalSecondaryIndexes");
        self.same(&at, &indexes, &json!(wanted_indexes));
        self.same(name, &properties, &wanted);
    }

    fn api(&mut self, name: &str, api: &Value) {
        let throttle = |rate: &str, burst: &str| {
            json!({
                "ThrottlingRateLimit": self.parameter(rate),
                "ThrottlingBurstLimit": self.parameter(burst),
                "DetailedMetricsEnabled": false,
            })
        };
        let open = throttle("OpenRouteRateLimit", "OpenRouteBurstLimit");
        let routes: Map<String, Value> = shared::api::ALL
            .iter()
            .filter(|endpoint| endpoint.access == shared::api::Access::Anyone)
            .map(|endpoint| (functions::route(endpoint), open.clone()))
            .collect();
        let wanted = json!({
            "Name": "local",
            // Any member will do: without one `sam deploy --guided` asks about each function.
            "Auth": { "EnableIamAuthorizer": false },
            "DefaultRouteSettings": throttle("RouteRateLimit", "RouteBurstLimit"),
            "RouteSettings": routes,
            "AccessLogSettings": { "DestinationArn": format!("{}.Arn", self.access_log()) },
        });
        let mut properties = api["Properties"].clone();
        let format = properties["AccessLogSettings"]
            .as_object_mut()
            .and_then(|settings| settings.remove("Format"));
        self.same(name, &properties, &wanted);
        let format = text(&format.unwrap_or_default());
        if format.contains('\n') {
            self.violation(
                name,
                "the access log's format has more than one line".to_owned(),
            );
        }
        if !format.contains(r#""status":$context.status,"#) {
            self.violation(name, "the access log's status is not a number".to_owned());
        }
        let format = format.replace(":$context.status,", r#":"$context.status","#);
        let wanted: Map<_, _> = ACCESS_LOG
            .iter()
            .map(|(member, variable)| ((*member).to_owned(), json!(variable)))
            .collect();
        let found = serde_json::from_str(&format).unwrap_or(Value::String(format));
        self.same(
            &format!("{name}.AccessLogSettings.Format"),
            &found,
            &Value::Object(wanted),
        );
    }

    fn key_policy(&mut self, name: &str, policy: &Value) {
        let mut properties = policy["Properties"].clone();
        properties
            .as_object_mut()
            .and_then(|policy| policy.remove("Description"));
        let statement = json!({
            "Effect": "Allow",
            "Action": KEY_ACTIONS,
            "Resource": self.parameter("TableKeyArn"),
            "Condition": { "StringEquals": { "kms:ViaService": "dynamodb.us-east-1.amazonaws.com" } },
        });
        let wanted =
            json!({ "PolicyDocument": { "Version": "2012-10-17", "Statement": [statement] } });
        self.same(name, &properties, &wanted);
    }

    /// The log group whose name allows API Gateway to write to it.
    fn access_log(&self) -> String {
        self.log_group("/aws/vendedlogs/apigateway/local")
    }

    /// The log group of all functions.
    fn function_log(&self) -> String {
        self.log_group("/aws/lambda/local")
    }

    fn log_group(&self, log: &str) -> String {
        let mut groups = self.each(LOG_GROUP);
        let group = groups.find(|(_, group)| group["Properties"]["LogGroupName"] == log);
        group.map_or_else(|| format!("the log group {log}"), |(name, _)| name.clone())
    }

    fn table_name(&self) -> String {
        match self.parameter("ExistingTableArn").split_once('/') {
            Some((_, name)) => name.to_owned(),
            None => local::table::TABLE_NAME.to_owned(),
        }
    }

    fn table_arn(&self) -> String {
        match self.parameter("ExistingTableArn") {
            "" => format!(
                "arn:aws:dynamodb:us-east-1:123456789012:table/{}",
                self.table_name()
            ),
            arn => arn.to_owned(),
        }
    }

    fn parameter(&self, name: &str) -> &str {
        self.parameters
            .get(name)
            .map_or("(no such parameter)", String::as_str)
    }

    /// The resources of a type, by logical id.
    pub fn each(&self, kind: &str) -> impl Iterator<Item = (&String, &Value)> {
        let resources = self.resources.iter();
        resources.filter(move |(_, resource)| resource["Type"] == kind)
    }

    /// As [`Self::each`], but owned, so that violations can be recorded meanwhile.
    fn of_kind(&self, kind: &str) -> Vec<(String, Value)> {
        self.each(kind)
            .map(|(name, resource)| (name.clone(), resource.clone()))
            .collect()
    }

    fn count(&mut self, kind: &str, wanted: usize) {
        let found = self.each(kind).count();
        if found != wanted {
            self.violation(
                kind,
                format!("there must be {wanted} of this type, and there are {found}"),
            );
        }
    }

    /// Compares two values down to their leaves; each difference is a violation of its own.
    fn same(&mut self, at: &str, found: &Value, wanted: &Value) {
        match (found, wanted) {
            (Value::Object(found), Value::Object(wanted)) => {
                let names: BTreeSet<_> = found.keys().chain(wanted.keys()).collect();
                for name in names {
                    let at = format!("{at}.{name}");
                    match (found.get(name), wanted.get(name)) {
                        (Some(found), Some(wanted)) => self.same(&at, found, wanted),
                        (Some(found), None) => {
                            self.violation(&at, format!("is {found}, and no requirement covers it"))
                        }
                        (None, wanted) => {
                            let wanted = wanted.cloned().unwrap_or_default();
                            self.violation(&at, format!("is missing; add {wanted}"));
                        }
                    }
                }
            }
            (Value::Array(found), Value::Array(wanted)) if found.len() == wanted.len() => {
                for (number, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                    self.same(&format!("{at}.{number}"), found, wanted);
                }
            }
            (Value::Array(found), Value::Array(wanted)) => {
                let has = |list: &[Value], one| list.iter().any(|other| plain(other) == plain(one));
                for missing in wanted.iter().filter(|one| !has(found, one)) {
                    self.violation(at, format!("is missing an entry; add {missing}"));
                }
                for surplus in found.iter().filter(|one| !has(wanted, one)) {
                    self.violation(at, format!("has {surplus}, and no requirement covers it"));
                }
            }
            // CloudFormation also accepts a number or a flag as text, and a parameter is text.
            _ if plain(found) == plain(wanted) => {}
            _ => self.violation(at, format!("is {found}, but must be {wanted}")),
        }
    }

    fn violation(&mut self, at: &str, what: String) {
        self.violations.insert(format!("{at}: {what}"));
    }
}

/// A scalar as CloudFormation sees it: as text.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The members of an object; none if the template has no object there.
pub fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// A value with every number and flag in it as text.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter();
            Value::Object(
                members
                    .map(|(name, one)| (name.clone(), plain(one)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
        Value::Null => Value::Null,
        scalar => Value::String(text(scalar)),
    }
}
