//! What the functions promise: how they run, what they may do, and how a new version replaces them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::OnceLock;

use serde_json::{Value, json};
use shared::api::{self, Effect, Endpoint};
use shared::serve::DEADLINE;

use super::{Deployment, FUNCTION, KEY_POLICY, SETTINGS, parameters, text};
use crate::contract::camel;
use crate::world::root;

/// API Gateway waits 30 seconds.
const MAX_TIMEOUT_SECONDS: u64 = 29;
/// Requests wait for DynamoDB; more memory than this buys CPU that nothing uses.
const MAX_MEMORY_MB: u64 = 1_024;
/// The most that a version's description holds.
const MAX_DESCRIPTION: usize = 256;

/// Everything that a function may do to the table.
const WRITE_ACTIONS: &[&str] = &[
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
];
/// `UpdateItem` is the admission, which counts the call.
const READ_ACTIONS: &[&str] = &["dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"];

/// Members of a function that are none of the function's configuration: a version does not hold them.
const NOT_CONFIGURATION: [&str; 5] = [
    "VersionDescription",
    "DeploymentPreference",
    "Policies",
    "Events",
    "AutoPublishAlias",
];

/// The alarms that stop a deployment, by what they watch.
pub const DEPLOYMENT_METRICS: [&str; 2] = ["ServerErrors", "FailedInvocations"];

impl Deployment {
    pub(super) fn functions(&mut self) {
        for (name, function) in self.of_kind(FUNCTION) {
            let endpoint = api::ALL.iter().find(|e| camel(e.name, true) == name);
            match endpoint {
                Some(endpoint) => self.function(&name, endpoint, &function["Properties"]),
                None => self.broken(&name, "api::ALL has no such endpoint".to_owned()),
            }
        }
        for endpoint in api::ALL {
            let name = camel(endpoint.name, true);
            if !self.each(FUNCTION).any(|(function, _)| *function == name) {
                self.broken(&name, "is missing, and api::ALL has it".to_owned());
            }
        }
        let Some((name, settings)) = self.of_kind(SETTINGS).pop() else {
            return;
        };
        let length = text(&settings["Properties"]["Value"]).chars().count();
        if length > MAX_DESCRIPTION {
            self.broken(
                &name,
                format!("is {length} characters; a description holds {MAX_DESCRIPTION}"),
            );
        }
    }

    fn function(&mut self, name: &str, endpoint: &Endpoint, properties: &Value) {
        let settings = self
            .each(SETTINGS)
            .next()
            .map(|(_, settings)| settings.clone());
        let settings = settings.unwrap_or_default();
        let alarms = match self.parameter("DeploymentAlarms") {
            "attached" => DEPLOYMENT_METRICS
                .map(|metric| self.alarm_on(metric))
                .to_vec(),
            _ => Vec::new(),
        };
        let mut wanted = json!({
            "CodeUri": format!("target/lambda/{}", endpoint.name),
            "Handler": "bootstrap",
            "Runtime": "provided.al2023",
            "Architectures": [self.parameter("Architecture")],
            "Tracing": "Active",
            "LoggingConfig": {
                "LogFormat": "JSON",
                "LogGroup": self.function_log(),
                "ApplicationLogLevel": self.parameter("LogLevel"),
                "SystemLogLevel": "INFO",
            },
            "AutoPublishAlias": "live",
            "AutoPublishAliasAllProperties": true,
            "VersionDescription": settings["Properties"]["Value"],
            "DeploymentPreference": {
                "Enabled": true,
                "Type": self.parameter("DeploymentType"),
                "Alarms": alarms,
            },
            "Events": { "Http": { "Type": "HttpApi", "Properties": { "ApiId": self.only(super::API) } } },
        });
        if !endpoint.is_default() {
            let event = &mut wanted["Events"]["Http"]["Properties"];
            event["Method"] = json!(endpoint.method.as_str());
            event["Path"] = json!(endpoint.path);
        }
        let mut found = properties.clone();
        let members = found.as_object_mut().expect("properties");
        let mut take = |member: &str| members.remove(member).unwrap_or_default();
        let (timeout, memory) = (take("Timeout"), take("MemorySize"));
        let (description, policies) = (take("Description"), take("Policies"));
        let variables = take("Environment")["Variables"].take();
        self.same(name, &found, &wanted);
        if text(&description).len() < 10 {
            self.broken(name, "Description does not say what it does".to_owned());
        }
        let min_timeout = DEADLINE.as_secs() + 1;
        self.within(
            &format!("{name}.Timeout"),
            &timeout,
            min_timeout,
            MAX_TIMEOUT_SECONDS,
        );
        self.within(&format!("{name}.MemorySize"), &memory, 128, MAX_MEMORY_MB);
        self.environment(name, &variables);
        self.policies(name, endpoint, &policies);
    }

    /// A variable is named after the parameter that it holds: `LOG_LEVEL` is `LogLevel`.
    fn environment(&mut self, name: &str, variables: &Value) {
        let at = format!("{name}.Environment");
        let mut names = variables_of_config().clone();
        names.extend(
            variables
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone()),
        );
        names.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned());
        let wanted = names.iter().map(|name| {
            let parameter = camel(&name.to_ascii_lowercase().replace('_', "-"), true);
            let value = match name.as_str() {
                "TABLE_NAME" => self.table_name(),
                "AWS_ENDPOINT_URL_DYNAMODB" => {
                    "https://dynamodb.us-east-1.amazonaws.com".to_owned()
                }
                _ => self.parameter(&parameter).to_owned(),
            };
            (name.clone(), json!(value))
        });
        let wanted = Value::Object(wanted.collect());
        self.same(&at, variables, &wanted);
    }

    fn policies(&mut self, name: &str, endpoint: &Endpoint, policies: &Value) {
        let at = format!("{name}.Policies");
        let mut uses_table = false;
        let mut managed = Vec::new();
        for policy in policies.as_array().into_iter().flatten() {
            let Some(statements) = policy["Statement"].as_array() else {
                managed.push(text(policy));
                continue;
            };
            uses_table = true;
            if policy.as_object().is_none_or(|policy| policy.len() != 1) {
                self.broken(&at, format!("{policy} has more than a Statement"));
            }
            for statement in statements {
                self.statement(&at, endpoint, statement);
            }
        }
        let key_policies = self.each(KEY_POLICY).map(|(name, _)| name.clone());
        let wanted: Vec<_> = key_policies.filter(|_| uses_table).collect();
        if managed != wanted {
            self.broken(
                &at,
                format!("has the policies {managed:?}, and must have {wanted:?}"),
            );
        }
    }

    fn statement(&mut self, at: &str, endpoint: &Endpoint, statement: &Value) {
        let table = self.table_arn();
        let indexes = self
            .indexes
            .iter()
            .map(|index| format!("{table}/index/{index}"));
        let known: BTreeSet<_> = indexes.chain([table.clone()]).collect();
        let listed = |member: &str| match &statement[member] {
            Value::Array(items) => items.iter().map(text).collect(),
            Value::Null => Vec::new(),
            one => vec![text(one)],
        };
        let (actions, resources) = (listed("Action"), listed("Resource"));
        let may = match endpoint.effect() {
            Effect::None => &[],
            Effect::Read => READ_ACTIONS,
            Effect::Write => WRITE_ACTIONS,
        };
        for action in &actions {
            if !may.contains(&action.as_str()) {
                self.broken(at, format!("allows {action}; it may have {may:?}"));
            }
        }
        for resource in &resources {
            if !known.contains(resource) {
                self.broken(at, format!("allows {resource}, which is not the table"));
            }
        }
        let wanted = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
        let mut found = statement.clone();
        found["Action"] = json!(actions);
        found["Resource"] = json!(resources);
        self.same(at, &found, &wanted);
        if actions.is_empty() || resources.is_empty() {
            self.broken(at, "a statement without actions or resources".to_owned());
        }
    }

    fn within(&mut self, at: &str, found: &Value, min: u64, max: u64) {
        if !text(found)
            .parse()
            .is_ok_and(|number| (min..=max).contains(&number))
        {
            self.broken(at, format!("is {found}, and must be from {min} to {max}"));
        }
    }

    /// The logical id of the one resource of a kind.
    pub(super) fn only(&self, kind: &str) -> String {
        let found = self.each(kind).next();
        found.map_or_else(|| format!("the {kind}"), |(name, _)| name.clone())
    }
}

/// `live` runs a version, and SAM publishes one when the template's text changes. So a value that
/// reaches a function's configuration must be in its version's description, and no other value may
/// be: Lambda refuses a version that changes nothing. Each parameter has a mark as its value here,
/// and the marks are looked for in both.
pub fn values_reach_live(template: &Value) -> BTreeSet<String> {
    let names = parameters::defaults(template).into_keys();
    // As long as it contains a slash the mark will do as the ARN of a table.
    let marks: BTreeMap<_, _> = names
        .map(|name| (name.clone(), format!("/<{name}>")))
        .collect();
    let mut broken = BTreeSet::new();
    let Ok(marked) = Deployment::new(template, marks.clone()) else {
        return broken;
    };
    for (name, function) in marked.each(FUNCTION) {
        let description = text(&function["Properties"]["VersionDescription"]);
        let configuration = configuration(function).to_string();
        for (parameter, mark) in &marks {
            let mark = mark.trim_start_matches('/');
            match (configuration.contains(mark), description.contains(mark)) {
                (true, false) => broken.insert(format!(
                    "{name}: a change of {parameter} does not reach `live`; is it in Settings?"
                )),
                (false, true) => broken.insert(format!(
                    "{name}: a change of {parameter} publishes a version that changes nothing"
                )),
                _ => false,
            };
        }
    }
    broken
}

fn configuration(function: &Value) -> Value {
    let mut properties = function["Properties"].clone();
    for member in NOT_CONFIGURATION {
        properties
            .as_object_mut()
            .and_then(|properties| properties.remove(member));
    }
    properties
}

/// The route key of an endpoint.
pub fn route(endpoint: &Endpoint) -> String {
    match endpoint.is_default() {
        true => endpoint.path.to_owned(),
        false => format!("{} {}", endpoint.method, endpoint.path),
    }
}

/// The variables that `shared::config` reads, but for the one that Lambda sets.
fn variables_of_config() -> &'static BTreeSet<String> {
    static VARIABLES: OnceLock<BTreeSet<String>> = OnceLock::new();
    VARIABLES.get_or_init(|| {
        let source = fs::read_to_string(root().join("shared/src/config.rs")).expect("config.rs");
        let quoted = source.split('"').skip(1).step_by(2);
        let names = quoted.filter(|text| {
            let capital = |letter: char| letter.is_ascii_uppercase() || letter == '_';
            text.len() > 2 && text.chars().all(capital)
        });
        let names = names.filter(|name| *name != "AWS_LAMBDA_LOG_LEVEL");
        names.map(str::to_owned).collect()
    })
}
