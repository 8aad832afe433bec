//! What the functions must say: how they run, what they may do, and how they are updated.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::OnceLock;

use serde_json::{Value, json};
use shared::api::{self, Effect, Endpoint};
use shared::jobs::{self, Job};
use shared::serve::DEADLINE;
use shared::serve::schedule::RUN_DEADLINE;

use super::alarms::OURS;
use super::{
    DUE_INDEX, Deployment, FUNCTION, KEY_POLICY, QUEUE, SETTINGS, TEAM_INDEX, object, parameters,
    text,
};
use crate::contract::upper_camel;
use crate::world::root;

/// API Gateway waits 30 seconds.
const MAX_TIMEOUT_SECONDS: u64 = 29;
/// A run that hangs is ended before three more have started.
const MAX_RUN_SECONDS: u64 = 180;
/// Requests mostly wait for DynamoDB; more memory than this buys CPU that stays idle.
const MAX_MEMORY_MB: u64 = 1_024;
/// Lambda's limit for the description of a version.
const MAX_DESCRIPTION_CHARS: usize = 256;

/// Everything that a writing function may do to the table.
const WRITE_ACTIONS: &[&str] = &[
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
];
/// The same of an endpoint that also reads what it finds in an index.
const LIST_AND_WRITE_ACTIONS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
];
/// `UpdateItem` is for the admission, which counts the call.
const READ_ACTIONS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
];
/// Everything that a function may do to an index, in a statement of its own.
const INDEX_ACTIONS: &[&str] = &["dynamodb:Query"];

/// Members of a function that are not part of its configuration, so that no version holds them.
const NOT_CONFIGURATION: [&str; 6] = [
    "VersionDescription",
    "DeploymentPreference",
    "Policies",
    "Events",
    "EventInvokeConfig",
    "AutoPublishAlias",
];

/// Variables that only the scheduled functions have.
const JOB_VARIABLES: [&str; 2] = ["METRICS_NAMESPACE", "NOTICE_LOOK_AHEAD_SECONDS"];
/// A variable that no deployment has: it lets webhooks reach the machine itself.
const LOCAL_VARIABLE: &str = "LOOPBACK_WEBHOOKS";

/// The alarms that stop a deployment, by what they watch.
pub const DEPLOYMENT_METRICS: [&str; 2] = ["ServerErrors", "FailedInvocations"];

/// What a function is declared as.
#[derive(Clone, Copy)]
enum Declared {
    Endpoint(&'static Endpoint),
    Job(&'static Job),
}

impl Declared {
    fn all() -> impl Iterator<Item = Declared> {
        let endpoints = api::ALL.iter().copied().map(Declared::Endpoint);
        endpoints.chain(jobs::ALL.iter().copied().map(Declared::Job))
    }

    fn name(self) -> &'static str {
        match self {
            Declared::Endpoint(endpoint) => endpoint.name,
            Declared::Job(job) => job.name,
        }
    }

    /// The one index that it may query.
    fn index(self) -> &'static str {
        match self {
            Declared::Endpoint(_) => TEAM_INDEX,
            Declared::Job(_) => DUE_INDEX,
        }
    }

    fn effect(self) -> Effect {
        match self {
            Declared::Endpoint(endpoint) => endpoint.effect(),
            Declared::Job(_) => Effect::Write,
        }
    }
}

impl Deployment {
    pub(super) fn functions(&mut self) {
        for (name, function) in self.of_kind(FUNCTION) {
            match Declared::all().find(|declared| upper_camel(declared.name()) == name) {
                Some(declared) => self.function(&name, declared, &function["Properties"]),
                None => self.violation(
                    &name,
                    "neither api::ALL nor jobs::ALL has it; add it there, or remove this function"
                        .to_owned(),
                ),
            }
        }
        for declared in Declared::all() {
            let name = upper_camel(declared.name());
            if !self.each(FUNCTION).any(|(function, _)| *function == name) {
                self.violation(
                    &name,
                    "is missing, but api::ALL or jobs::ALL has it; add this function".to_owned(),
                );
            }
        }
    }

    fn function(&mut self, name: &str, declared: Declared, properties: &Value) {
        let mut found = object(properties);
        let mut take = |member: &str| found.remove(member).unwrap_or_default();
        let (timeout, memory) = (take("Timeout"), take("MemorySize"));
        let (description, policies) = (take("Description"), take("Policies"));
        let variables = take("Environment")["Variables"].clone();
        let wanted = self.wanted_function(declared);
        self.same(name, &Value::Object(found), &wanted);
        if text(&description).len() < 10 {
            self.violation(
                name,
                "needs a Description that says what it does".to_owned(),
            );
        }
        let length = text(&properties["VersionDescription"]).chars().count();
        if length > MAX_DESCRIPTION_CHARS {
            self.violation(
                &format!("{name}.VersionDescription"),
                format!("is {length} characters, but may be {MAX_DESCRIPTION_CHARS}"),
            );
        }
        let (deadline, max) = match declared {
            Declared::Endpoint(_) => (DEADLINE, MAX_TIMEOUT_SECONDS),
            Declared::Job(_) => (RUN_DEADLINE, MAX_RUN_SECONDS),
        };
        let at = format!("{name}.Timeout");
        self.within(&at, &timeout, deadline.as_secs() + 1, max);
        self.within(&format!("{name}.MemorySize"), &memory, 128, MAX_MEMORY_MB);
        self.environment(name, declared, &variables);
        self.policies(name, declared, &policies);
    }

    /// A function, except for the members that may differ between functions of a kind.
    fn wanted_function(&self, declared: Declared) -> Value {
        let settings = self.each(SETTINGS).next();
        let settings = settings.map(|(_, settings)| text(&settings["Properties"]["Value"]));
        let settings = settings.unwrap_or_default();
        let alarms = match self.parameter("DeploymentAlarms") {
            "attached" => DEPLOYMENT_METRICS
                .map(|metric| self.alarm_on(metric))
                .to_vec(),
            _ => Vec::new(),
        };
        let mut wanted = json!({
            "CodeUri": format!("target/lambda/{}", declared.name()),
            "Handler": "bootstrap",
            "Runtime": "provided.al2023",
            "Architectures": [self.parameter("Architecture")],
            "LoggingConfig": {
                "LogFormat": "JSON",
                "LogGroup": self.function_log(),
                "ApplicationLogLevel": self.parameter("LogLevel"),
                "SystemLogLevel": "INFO",
            },
            "AutoPublishAlias": "live",
            "AutoPublishAliasAllProperties": true,
            "DeploymentPreference": {
                "Enabled": true,
                "Type": self.parameter("DeploymentType"),
                "Alarms": alarms,
            },
        });
        match declared {
            Declared::Endpoint(endpoint) => {
                wanted["VersionDescription"] = json!(settings);
                wanted["Tracing"] = json!("Active");
                wanted["Events"] = self.wanted_route(endpoint);
            }
            Declared::Job(job) => {
                let look_ahead = self.parameter(parameters::LOOK_AHEAD);
                wanted["VersionDescription"] = json!(format!("{settings} {look_ahead}"));
                // One run a minute: nearly every one would be sampled.
                wanted["Tracing"] = json!("Disabled");
                // The next run does what one that failed, or that waited for so long, left.
                wanted["EventInvokeConfig"] =
                    json!({ "MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0 });
                wanted["Events"] = self.wanted_schedule(job);
            }
        }
        wanted
    }

    fn wanted_route(&self, endpoint: &Endpoint) -> Value {
        let mut event = json!({ "ApiId": self.only(super::API) });
        if !endpoint.is_default() {
            event["Method"] = json!(endpoint.method.as_str());
            event["Path"] = json!(endpoint.path);
        }
        json!({ "Http": { "Type": "HttpApi", "Properties": event } })
    }

    fn wanted_schedule(&self, job: &Job) -> Value {
        let rate = match job.every_minutes {
            1 => "rate(1 minute)".to_owned(),
            several => format!("rate({several} minutes)"),
        };
        let schedule = json!({
            // A name of SAM's would be the same in every stack.
            "OmitName": true,
            "ScheduleExpression": rate,
            "FlexibleTimeWindow": { "Mode": "OFF" },
            "RetryPolicy": { "MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 5 },
            "DeadLetterConfig": { "Arn": format!("{}.Arn", self.only(QUEUE)) },
        });
        json!({ "Schedule": { "Type": "ScheduleV2", "Properties": schedule } })
    }

    /// A variable is named after the parameter it holds: `LOG_LEVEL` holds `LogLevel`.
    fn environment(&mut self, name: &str, declared: Declared, variables: &Value) {
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
        names.remove(LOCAL_VARIABLE);
        for variable in JOB_VARIABLES {
            match declared {
                Declared::Endpoint(_) => names.remove(variable),
                Declared::Job(_) => names.insert(variable.to_owned()),
            };
        }
        let wanted = names.iter().map(|name| {
            let parameter = upper_camel(&name.to_ascii_lowercase().replace('_', "-"));
            let value = match name.as_str() {
                "TABLE_NAME" => self.table_name(),
                "METRICS_NAMESPACE" => OURS.to_owned(),
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

    fn policies(&mut self, name: &str, declared: Declared, policies: &Value) {
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
                self.violation(&at, format!("{policy} has more than a Statement"));
            }
            let has_index = statements
                .iter()
                .any(|statement| statement["Resource"].to_string().contains("/index/"));
            let lists = has_index && matches!(declared, Declared::Endpoint(_));
            for statement in statements {
                self.statement(&at, declared, lists, statement);
            }
        }
        let key_policies = self.each(KEY_POLICY).map(|(name, _)| name.clone());
        let wanted: Vec<_> = key_policies.filter(|_| uses_table).collect();
        if managed != wanted {
            self.violation(
                &at,
                format!("has the policies {managed:?}, but must have {wanted:?}"),
            );
        }
    }

    fn statement(&mut self, at: &str, declared: Declared, lists: bool, statement: &Value) {
        let table = self.table_arn();
        let index = format!("{table}/index/{}", declared.index());
        let listed = |member: &str| match &statement[member] {
            Value::Array(items) => items.iter().map(text).collect(),
            Value::Null => Vec::new(),
            one => vec![text(one)],
        };
        let (actions, resources) = (listed("Action"), listed("Resource"));
        let of_index = resources.contains(&index);
        let may = match declared.effect() {
            Effect::None => &[],
            Effect::Read | Effect::Write if of_index => INDEX_ACTIONS,
            Effect::Read => READ_ACTIONS,
            Effect::Write if lists => LIST_AND_WRITE_ACTIONS,
            Effect::Write => WRITE_ACTIONS,
        };
        for action in &actions {
            if !may.contains(&action.as_str()) {
                self.violation(at, format!("allows {action}, but may only allow {may:?}"));
            }
        }
        for resource in &resources {
            if ![&table, &index].contains(&resource) {
                let index = declared.index();
                self.violation(
                    at,
                    format!("allows {resource}, which is neither the table nor its index {index}"),
                );
            }
        }
        let wanted = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
        let mut found = statement.clone();
        found["Action"] = json!(actions);
        found["Resource"] = json!(resources);
        self.same(at, &found, &wanted);
        if actions.is_empty() || resources.is_empty() {
            self.violation(
                at,
                "has a statement without actions or resources".to_owned(),
            );
        }
    }

    fn within(&mut self, at: &str, found: &Value, min: u64, max: u64) {
        if !text(found)
            .parse()
            .is_ok_and(|number| (min..=max).contains(&number))
        {
            self.violation(at, format!("is {found}, but must be from {min} to {max}"));
        }
    }

    /// The logical id of the one resource of a kind.
    pub(super) fn only(&self, kind: &str) -> String {
        let found = self.each(kind).next();
        found.map_or_else(|| format!("the {kind}"), |(name, _)| name.clone())
    }
}

/// `live` points to a version, and SAM publishes one when the template's text changes. So a value
/// that reaches a function's configuration must be in its version's description, and no other value
/// may be: Lambda refuses a version that changes nothing. Here every parameter's value is a unique
/// marker, and both places are searched for the markers.
pub fn parameters_that_miss_live(template: &Value) -> BTreeSet<String> {
    let names = parameters::defaults(template).into_keys();
    // A marker with a slash also passes for the ARN of a table.
    let markers: BTreeMap<_, _> = names
        .map(|name| (name.clone(), format!("/<{name}>")))
        .collect();
    let mut violations = BTreeSet::new();
    let Ok(marked) = Deployment::new(template, markers.clone()) else {
        return violations;
    };
    for (name, function) in marked.each(FUNCTION) {
        let description = text(&function["Properties"]["VersionDescription"]);
        let configuration = configuration(function).to_string();
        for (parameter, marker) in &markers {
            let marker = marker.trim_start_matches('/');
            match (configuration.contains(marker), description.contains(marker)) {
                (true, false) => violations.insert(format!(
                    "{name}: a change of {parameter} does not reach `live`; add it to Settings"
                )),
                (false, true) => violations.insert(format!(
                    "{name}: a change of {parameter} publishes an unchanged version; remove it from Settings"
                )),
                _ => false,
            };
        }
    }
    violations
}

fn configuration(function: &Value) -> Value {
    let mut properties = object(&function["Properties"]);
    properties.retain(|member, _| !NOT_CONFIGURATION.contains(&member.as_str()));
    Value::Object(properties)
}

/// The route key of an endpoint.
pub fn route(endpoint: &Endpoint) -> String {
    match endpoint.is_default() {
        true => endpoint.path.to_owned(),
        false => format!("{} {}", endpoint.method, endpoint.path),
    }
}

/// The variables that `shared::config` reads, except the one that Lambda sets.
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
