//! template.yaml as plain JSON, with each CloudFormation function in its long form, and with
//! `Globals.Function` merged into every function, as SAM merges it.

use super::intrinsic::{Scope, intrinsic};
use crate::error::Error;
use serde_json::{Map, Value as Json, json};
use serde_yaml_ng::Value as Yaml;
use std::collections::BTreeMap;

/// The resource type that `Globals.Function` is merged into.
const FUNCTION: &str = "AWS::Serverless::Function";

/// Reads a template, with `!Sub x` as `{"Fn::Sub": "x"}`.
///
/// ```
/// let document = local::template::document::document("A: !Ref B\nC: !GetAtt D.Arn")?;
/// assert_eq!(document.to_string(), r#"{"A":{"Ref":"B"},"C":{"Fn::GetAtt":"D.Arn"}}"#);
/// # Ok::<(), local::error::Error>(())
/// ```
pub fn document(text: &str) -> Result<Json, Error> {
    let root: Yaml = serde_yaml_ng::from_str(text)
        .map_err(|error| Error::template("not YAML", error.to_string()))?;
    long_form(&root)
}

/// Evaluates a whole template with the given parameters, and the defaults of the others. It merges
/// Globals, decides conditions, replaces references, and omits resources whose condition is false.
pub fn expand(document: &Json, parameters: &BTreeMap<String, String>) -> Result<Json, Error> {
    let mut document = document.clone();
    merge_globals(&mut document);
    let scope = Scope::new(&document, parameters);
    let evaluated = |section: &str| -> Result<Json, Error> {
        let mut all = Map::new();
        let members = document.get(section).and_then(Json::as_object);
        for (name, member) in members.into_iter().flatten() {
            if scope.exists(name, member)?
                && let Some(member) = scope.json(name, member)?
            {
                all.insert(name.clone(), member);
            }
        }
        Ok(Json::Object(all))
    };
    Ok(json!({ "Resources": evaluated("Resources")?, "Outputs": evaluated("Outputs")? }))
}

/// Merges `Globals.Function` into every function, in place.
pub(super) fn merge_globals(document: &mut Json) {
    let Some(globals) = document.pointer("/Globals/Function").cloned() else {
        return;
    };
    let resources = document.get_mut("Resources").and_then(Json::as_object_mut);
    for (_, resource) in resources.into_iter().flatten() {
        if resource.get("Type").and_then(Json::as_str) == Some(FUNCTION)
            && let Some(resource) = resource.as_object_mut()
        {
            let own = resource.remove("Properties").unwrap_or(json!({}));
            resource.insert("Properties".to_owned(), merge(globals.clone(), own));
        }
    }
}

/// Merges two values by SAM's rule: mappings are merged, lists are joined, and for anything else
/// the function's own value counts.
/// <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html>
fn merge(global: Json, own: Json) -> Json {
    if intrinsic(&global).is_some() || intrinsic(&own).is_some() {
        return own;
    }
    match (global, own) {
        (Json::Object(mut merged), Json::Object(own)) => {
            for (name, value) in own {
                let value = match merged.remove(&name) {
                    Some(global) => merge(global, value),
                    None => value,
                };
                merged.insert(name, value);
            }
            Json::Object(merged)
        }
        (Json::Array(mut joined), Json::Array(own)) => {
            joined.extend(own);
            Json::Array(joined)
        }
        (_, own) => own,
    }
}

fn long_form(value: &Yaml) -> Result<Json, Error> {
    Ok(match value {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                "Ref" => "Ref".to_owned(),
                function => format!("Fn::{function}"),
            };
            json!({ name: long_form(&tagged.value)? })
        }
        Yaml::Sequence(items) => {
            Json::Array(items.iter().map(long_form).collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(members) => {
            let mut object = Map::new();
            for (key, member) in members {
                let key = key.as_str().ok_or_else(|| {
                    Error::template("not a template", "a member's name is not text")
                })?;
                object.insert(key.to_owned(), long_form(member)?);
            }
            Json::Object(object)
        }
        scalar => serde_json::to_value(scalar)
            .map_err(|error| Error::template("not a template", error.to_string()))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
Parameters:
  Arn: { Type: String, Default: "" }
  Level: { Type: String, Default: INFO }
Conditions:
  Own: !Equals [!Ref Arn, ""]
Globals:
  Function:
    Timeout: 10
    Logging: { Format: JSON, Level: !Ref Level }
    Alarms: [!If [Own, !Ref Alarm, !Ref AWS::NoValue]]
Resources:
  Alarm: { Type: "AWS::CloudWatch::Alarm" }
  Table: { Type: "AWS::DynamoDB::Table", Condition: Own }
  Get:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 7
      Logging: { Format: Text }
      Alarms: [other]
      Table: !If [Own, !GetAtt Table.Arn, !Select [1, !Split ["/", !Ref Arn]]]
"#;

    fn expanded(parameters: &[(&str, &str)]) -> Result<Json, Error> {
        let parameters = parameters.iter();
        let parameters = parameters.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        expand(&document(TEMPLATE)?, &parameters.collect())
    }

    #[test]
    fn a_function_has_its_own_properties_and_those_of_globals() -> Result<(), Error> {
        let properties = json!({
            "Timeout": 7,
            "Logging": { "Format": "Text", "Level": "INFO" },
            "Alarms": ["Alarm", "other"],
            "Table": "arn:aws:dynamodb:us-east-1:123456789012:table/dueline",
        });
        let expanded = expanded(&[])?;
        let found = expanded.pointer("/Resources/Get/Properties");
        assert_eq!(found, Some(&properties));
        Ok(())
    }

    #[test]
    fn parameters_decide_which_resources_exist() -> Result<(), Error> {
        let expanded = expanded(&[("Arn", "arn:table/restored"), ("Level", "DEBUG")])?;
        let properties = json!({
            "Timeout": 7,
            "Logging": { "Format": "Text", "Level": "DEBUG" },
            "Alarms": ["other"],
            "Table": "restored",
        });
        let found = expanded.pointer("/Resources/Get/Properties");
        assert_eq!(found, Some(&properties));
        assert_eq!(expanded.pointer("/Resources/Table"), None);
        Ok(())
    }
}
