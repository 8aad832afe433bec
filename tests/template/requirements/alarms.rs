//! What the alarms must say: what they watch, when they notify, and that the metrics derived from
//! the logs count the right lines.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::jobs;

use super::{Deployment, object, text};
use crate::contract::upper_camel;

pub const ALARM: &str = "AWS::CloudWatch::Alarm";
pub const FILTER: &str = "AWS::Logs::MetricFilter";

/// The namespace of the metrics derived from our logs.
pub const OURS: &str = "Dueline/local";

/// Later than this, the scheduled function does not keep up: even where it does not look ahead, it
/// finds a mark a minute after its instant, and may itself start a minute late.
const LATE_SECONDS: u32 = 180;

/// The log that a line is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Log {
    Access,
    Functions,
}

/// A line, and the values it must add to metrics.
type Line = (Log, &'static str, &'static [(&'static str, &'static str)]);

const LINES: [Line; 13] = [
    (Log::Access, r#"{"status":200}"#, &[("ServerErrors", "0")]),
    (Log::Access, r#"{"status":404}"#, &[("ServerErrors", "0")]),
    (Log::Access, r#"{"status":499}"#, &[("ServerErrors", "0")]),
    (Log::Access, r#"{"status":500}"#, &[("ServerErrors", "1")]),
    (Log::Access, r#"{"status":503}"#, &[("ServerErrors", "1")]),
    (Log::Functions, r#"{"message":"request","status":200}"#, &[]),
    (Log::Functions, r#"{"message":"request","status":500}"#, &[]),
    (
        Log::Functions,
        r#"{"message":"request","status":503}"#,
        &[("UnavailableAnswers", "1")],
    ),
    (Log::Functions, r#"{"message":"run","took_ms":503}"#, &[]),
    (
        Log::Functions,
        r#"{"type":"platform.report","record":{"status":"success"}}"#,
        &[],
    ),
    (
        Log::Functions,
        r#"{"type":"platform.report","record":{"status":"timeout"}}"#,
        &[("FailedInvocations", "1")],
    ),
    (
        Log::Functions,
        r#"{"type":"platform.report","record":{"status":"error"}}"#,
        &[("FailedInvocations", "1")],
    ),
    (
        Log::Functions,
        r#"{"type":"platform.report","record":{"status":"failure"}}"#,
        &[("FailedInvocations", "1")],
    ),
];

impl Deployment {
    pub(super) fn alarms(&mut self) {
        let mut wanted = self.wanted_alarms();
        for (name, alarm) in self.of_kind(ALARM) {
            let exclusive_stack = BTreeSet::from_iter(metrics(&alarm["Properties"]));
            let watches = |wanted: &Value| BTreeSet::from_iter(metrics(wanted)) == exclusive_stack;
            let dimensions = &alarm["Properties"]["Dimensions"];
            let number = wanted
                .iter()
                .position(|wanted| watches(wanted) && wanted["Dimensions"] == *dimensions)
                .or_else(|| wanted.iter().position(watches));
            match number.map(|number| wanted.remove(number)) {
                Some(wanted) => self.alarm(&name, &alarm["Properties"], &wanted),
                None => self.violation(
                    &name,
                    format!(
                        "watches {}, and no requirement covers it",
                        list(&exclusive_stack)
                    ),
                ),
            }
        }
        for wanted in wanted {
            let exclusive_stack = list(&BTreeSet::from_iter(metrics(&wanted)));
            self.violation(
                "alarms",
                format!(
                    "none watches {exclusive_stack}; add an {ALARM} with what wanted_alarms() lists"
                ),
            );
        }
        self.filters();
    }

    /// The logical id of the alarm on one of our metrics.
    pub(super) fn alarm_on(&self, metric: &str) -> String {
        let watches = |alarm: &Value| {
            metrics(&alarm["Properties"])
                .iter()
                .all(|(space, name)| space == OURS && name == metric)
        };
        let alarm = self.each(ALARM).find(|(_, alarm)| watches(alarm));
        alarm.map_or_else(
            || format!("the alarm on {metric}"),
            |(name, _)| name.clone(),
        )
    }

    fn alarm(&mut self, name: &str, found: &Value, wanted: &Value) {
        let mut found = found.clone();
        let description = found
            .as_object_mut()
            .and_then(|alarm| alarm.remove("AlarmDescription"));
        if text(&description.unwrap_or_default()).len() < 20 {
            self.violation(
                name,
                "needs an AlarmDescription that says what happened".to_owned(),
            );
        }
        let entries = found.get_mut("Metrics").and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            entry
                .as_object_mut()
                .and_then(|entry| entry.remove("Label"));
        }
        self.same(name, &found, wanted);
    }

    /// Every alarm, complete except for its description.
    fn wanted_alarms(&self) -> Vec<Value> {
        let api = self.only(super::API);
        let of_api = json!([{ "Name": "ApiId", "Value": api }]);
        let persists = json!({ "Period": 60, "EvaluationPeriods": 5, "DatapointsToAlarm": 2 });
        let sum = |namespace: &str, metric: &str| {
            json!({
                "Namespace": namespace, "MetricName": metric, "Statistic": "Sum", "Threshold": 0,
            })
        };
        let ours = |stat: &str| {
            json!({
                "Metric": { "Namespace": OURS, "MetricName": "ServerErrors" },
                "Period": 60, "Stat": stat,
            })
        };
        let mut alarms = vec![
            json!({
                "Metrics": [
                    { "Id": "percent", "Expression": "IF(failed >= 3, 100 * share, 0)" },
                    { "Id": "failed", "ReturnData": false, "MetricStat": ours("Sum") },
                    { "Id": "share", "ReturnData": false, "MetricStat": ours("Average") },
                ],
                "EvaluationPeriods": 1,
                "Threshold": self.parameter("ErrorRateAlarmPercent"),
            }),
            with(
                &sum("AWS/ApiGateway", "5xx"),
                &json!({
                    "Dimensions": of_api, "Period": 60, "EvaluationPeriods": 5, "DatapointsToAlarm": 3,
                }),
            ),
            json!({
                "Namespace": "AWS/ApiGateway", "MetricName": "Latency", "Dimensions": of_api,
                "ExtendedStatistic": "p99", "EvaluateLowSampleCountPercentile": "ignore",
                "Period": 300, "EvaluationPeriods": 3,
                "Threshold": self.parameter("LatencyAlarmMilliseconds"),
            }),
            with(&sum(OURS, "FailedInvocations"), &persists),
            with(&sum("AWS/Lambda", "Throttles"), &persists),
            json!({
                "Metrics": self.throttled_metrics(),
                "EvaluationPeriods": 5, "DatapointsToAlarm": 2, "Threshold": 0,
            }),
            with(&sum(OURS, "UnavailableAnswers"), &persists),
        ];
        alarms.extend(self.alarms_of_scheduled_functions());
        let mut always = json!({
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        });
        let topic = self.parameter("AlarmTopicArn");
        if !topic.is_empty() {
            always["AlarmActions"] = json!([topic]);
            always["OKActions"] = json!([topic]);
        }
        alarms.iter().map(|alarm| with(&always, alarm)).collect()
    }

    fn alarms_of_scheduled_functions(&self) -> Vec<Value> {
        let queue = format!("{}.QueueName", self.only(super::QUEUE));
        let mut alarms = vec![
            json!({
                "Namespace": OURS, "MetricName": "OldestDueSeconds", "Statistic": "Maximum",
                "Period": 60, "EvaluationPeriods": 5, "DatapointsToAlarm": 2,
                "Threshold": LATE_SECONDS,
            }),
            // One of either is news, and neither is urgent.
            json!({
                "Namespace": OURS, "MetricName": "DeliveriesGivenUp", "Statistic": "Sum",
                "Period": 300, "EvaluationPeriods": 1, "Threshold": 0,
            }),
            json!({
                "Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{ "Name": "QueueName", "Value": queue }], "Statistic": "Maximum",
                "Period": 300, "EvaluationPeriods": 1, "Threshold": 0,
            }),
        ];
        // A function that does not run has no metric.
        alarms.extend(jobs::ALL.iter().map(|job| {
            json!({
                "Namespace": "AWS/Lambda", "MetricName": "Invocations",
                "Dimensions": [{ "Name": "FunctionName", "Value": upper_camel(job.name) }],
                "Statistic": "Sum", "Period": 60 * job.every_minutes, "EvaluationPeriods": 5,
                "Threshold": 1, "ComparisonOperator": "LessThanThreshold",
                "TreatMissingData": "breaching",
            })
        }));
        alarms
    }

    /// Throttled reads and writes of the table and of each index, with ids such as `queueReads`.
    fn throttled_metrics(&self) -> Vec<Value> {
        let mut metrics = vec![json!({ "Id": "throttled", "Expression": "SUM(METRICS())" })];
        let indexes = self.indexes.iter().map(|index| Some(index.as_str()));
        for index in [None].into_iter().chain(indexes) {
            for (id, metric) in [
                ("reads", "ReadThrottleEvents"),
                ("writes", "WriteThrottleEvents"),
            ] {
                let mut dimensions =
                    vec![json!({ "Name": "TableName", "Value": self.table_name() })];
                let mut id = id.to_owned();
                if let Some(index) = index {
                    dimensions.push(json!({ "Name": "GlobalSecondaryIndexName", "Value": index }));
                    id = format!("{index}{}{}", id[..1].to_ascii_uppercase(), &id[1..]);
                }
                let metric = json!({
                    "Namespace": "AWS/DynamoDB", "MetricName": metric, "Dimensions": dimensions,
                });
                metrics.push(json!({
                    "Id": id, "ReturnData": false,
                    "MetricStat": { "Metric": metric, "Period": 60, "Stat": "Sum" },
                }));
            }
        }
        metrics
    }

    fn filters(&mut self) {
        let filters = self.of_kind(FILTER);
        for (name, filter) in &filters {
            let transformation = &filter["Properties"]["MetricTransformations"][0];
            // No DefaultValue: the metric would be billed for every hour with a request.
            let wanted = json!({
                "LogGroupName": filter["Properties"]["LogGroupName"],
                "FilterPattern": filter["Properties"]["FilterPattern"],
                "MetricTransformations": [{
                    "MetricNamespace": OURS,
                    "MetricName": transformation["MetricName"],
                    "MetricValue": transformation["MetricValue"],
                    "Unit": "Count",
                }],
            });
            self.same(name, &filter["Properties"], &wanted);
        }
        for (log, line, wanted) in LINES {
            let group = match log {
                Log::Access => self.access_log(),
                Log::Functions => self.function_log(),
            };
            let parsed: Value = serde_json::from_str(line).expect("JSON");
            let counted: BTreeSet<_> = filters
                .iter()
                .map(|(_, filter)| &filter["Properties"])
                .filter(|filter| text(&filter["LogGroupName"]) == group)
                .filter(|filter| matches(&text(&filter["FilterPattern"]), &parsed))
                .map(|filter| &filter["MetricTransformations"][0])
                .map(|counts| (text(&counts["MetricName"]), text(&counts["MetricValue"])))
                .collect();
            let wanted: BTreeSet<_> = wanted
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            if counted != wanted {
                self.violation(
                    "metric filters",
                    format!(
                        "{line} in {group} must add {wanted:?} and adds {counted:?}; \
                         add or correct an {FILTER} in {OURS}"
                    ),
                );
            }
        }
    }
}

/// `AWS/Lambda Throttles`, and the like.
fn list(metrics: &BTreeSet<(String, String)>) -> String {
    let names = metrics
        .iter()
        .map(|(space, name)| format!("{space} {name}"));
    names.collect::<Vec<_>>().join(", ")
}

/// The metrics that an alarm watches: namespace and name.
pub fn metrics(alarm: &Value) -> Vec<(String, String)> {
    let of = |metric: &Value| (text(&metric["Namespace"]), text(&metric["MetricName"]));
    match alarm["Metrics"].as_array() {
        None => vec![of(alarm)],
        Some(entries) => {
            let entries = entries
                .iter()
                .filter(|entry| entry["MetricStat"].is_object());
            entries
                .map(|entry| of(&entry["MetricStat"]["Metric"]))
                .collect()
        }
    }
}

fn with(base: &Value, more: &Value) -> Value {
    let mut members = object(base);
    members.extend(object(more));
    Value::Object(members)
}

/// Whether a filter pattern of the form `{ ($.a.b != "x") && ($.c >= 1) }` matches a line.
fn matches(pattern: &str, line: &Value) -> bool {
    let Some(terms) = pattern
        .trim()
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    else {
        return false;
    };
    terms.split("&&").all(|term| {
        let term = term.trim().trim_start_matches('(').trim_end_matches(')');
        let mut words = term.split_whitespace();
        let (Some(selector), Some(operator), Some(literal), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return false;
        };
        let Some(path) = selector.strip_prefix('$') else {
            return false;
        };
        let Some(found) = line.pointer(&path.replace('.', "/")) else {
            return false;
        };
        let number = || found.as_f64().zip(literal.parse::<f64>().ok());
        // A pattern's literals are JSON: `503` and `"success"`.
        let equal = serde_json::from_str::<Value>(literal).is_ok_and(|literal| literal == *found);
        match operator {
            "=" => equal,
            "!=" => !equal,
            ">=" => number().is_some_and(|(found, literal)| found >= literal),
            "<" => number().is_some_and(|(found, literal)| found < literal),
            _ => false,
        }
    })
}
