//! The CloudFormation functions that template.yaml uses, in their long form: `Ref`, `GetAtt`,
//! `Sub`, `Select` of a `Split`, and `If` with conditions of `Equals` and `Not`.

use crate::{error::Error, table::TABLE_NAME};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A template and its parameters, in which names are looked up.
pub(super) struct Scope<'t> {
    root: &'t Json,
    parameters: &'t BTreeMap<String, String>,
}

impl<'t> Scope<'t> {
    /// A scope in which parameters that are not given have their defaults.
    pub(super) fn new(root: &'t Json, parameters: &'t BTreeMap<String, String>) -> Self {
        Self { root, parameters }
    }

    /// Whether a resource exists: its `Condition` is true, or it has none.
    pub(super) fn exists(&self, at: &str, resource: &Json) -> Result<bool, Error> {
        match resource.get("Condition") {
            None => Ok(true),
            Some(name) => self.condition(at, name.as_str().unwrap_or_default()),
        }
    }

    /// The value as text; `None` if it is `AWS::NoValue`.
    pub(super) fn text(&self, at: &str, value: &Json) -> Result<Option<String>, Error> {
        Ok(match self.json(at, value)? {
            None => None,
            Some(Json::String(text)) => Some(text),
            Some(Json::Number(number)) => Some(number.to_string()),
            Some(Json::Bool(flag)) => Some(flag.to_string()),
            Some(_) => return Err(Error::template(at, "is neither text nor a number")),
        })
    }

    /// The value with every function in it evaluated; `None` if it is `AWS::NoValue`.
    pub(super) fn json(&self, at: &str, value: &Json) -> Result<Option<Json>, Error> {
        let Some(value) = self.choose(at, value)? else {
            return Ok(None);
        };
        if let Some((name, argument)) = intrinsic(value) {
            return self.call(at, name, argument).map(Some);
        }
        match value {
            Json::Array(items) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self.json(at, item)).collect();
                Ok(Some(Json::Array(items?.into_iter().flatten().collect())))
            }
            Json::Object(members) => {
                let mut object = serde_json::Map::new();
                for (key, member) in members {
                    if let Some(member) = self.json(at, member)? {
                        object.insert(key.clone(), member);
                    }
                }
                Ok(Some(Json::Object(object)))
            }
            scalar => Ok(Some(scalar.clone())),
        }
    }

    /// The items of a list, or a single item in place of a list, with every `If` decided.
    pub(super) fn items<'v>(
        &self,
        at: &str,
        list: Option<&'v Json>,
    ) -> Result<Vec<&'v Json>, Error> {
        let Some(list) = list else {
            return Ok(Vec::new());
        };
        match self.choose(at, list)? {
            None => Ok(Vec::new()),
            Some(Json::Array(items)) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self.choose(at, item)).collect();
                Ok(items?.into_iter().flatten().collect())
            }
            Some(one) => Ok(vec![one]),
        }
    }

    /// Decides an `If`, and those in the branch it chooses; `None` if the result is `AWS::NoValue`.
    pub(super) fn choose<'v>(&self, at: &str, value: &'v Json) -> Result<Option<&'v Json>, Error> {
        let mut value = value;
        loop {
            match intrinsic(value) {
                Some(("If", argument)) => {
                    let [condition, yes, no] = arguments(argument) else {
                        return Err(Error::template(at, "!If needs a condition and two values"));
                    };
                    let name = condition
                        .as_str()
                        .ok_or_else(|| Error::template(at, "!If needs a condition's name"))?;
                    value = if self.condition(at, name)? { yes } else { no };
                }
                Some(("Ref", name)) if name.as_str() == Some("AWS::NoValue") => return Ok(None),
                _ => return Ok(Some(value)),
            }
        }
    }

    fn call(&self, at: &str, name: &str, argument: &Json) -> Result<Json, Error> {
        match name {
            "Ref" => self.reference(at, argument.as_str().unwrap_or_default()),
            "Sub" => self.substitute(at, argument),
            "GetAtt" => self.attribute(at, argument.as_str().unwrap_or_default()),
            "Select" => return self.select(at, argument),
            "Split" => return self.split(at, argument),
            other => Err(unsupported(at, other)),
        }
        .map(Json::String)
    }

    fn select(&self, at: &str, argument: &Json) -> Result<Json, Error> {
        let [index, list] = arguments(argument) else {
            return Err(Error::template(at, "!Select needs a number and a list"));
        };
        let index = self.text(at, index)?.and_then(|index| index.parse().ok());
        self.json(at, list)?
            .zip(index)
            .and_then(|(list, index): (Json, usize)| list.get(index).cloned())
            .ok_or_else(|| Error::template(at, "!Select finds nothing"))
    }

    fn split(&self, at: &str, argument: &Json) -> Result<Json, Error> {
        let [separator, text] = arguments(argument) else {
            return Err(Error::template(at, "!Split needs a separator and text"));
        };
        let separator = separator.as_str().unwrap_or_default();
        let text = self.text(at, text)?.unwrap_or_default();
        Ok(json!(text.split(separator).collect::<Vec<_>>()))
    }

    fn reference(&self, at: &str, name: &str) -> Result<String, Error> {
        if let Some(text) = pseudo_parameter(name) {
            return Ok(text.to_owned());
        }
        if let Some(parameter) = self
            .root
            .get("Parameters")
            .and_then(|parameters| parameters.get(name))
        {
            if let Some(given) = self.parameters.get(name) {
                return Ok(given.clone());
            }
            let default = parameter.get("Default").ok_or_else(|| {
                Error::template(at, format!("the parameter {name} has no Default"))
            })?;
            return self.text(at, default).map(Option::unwrap_or_default);
        }
        match self.kind(name) {
            Some("AWS::DynamoDB::Table") => Ok(TABLE_NAME.to_owned()),
            // On this machine, a function's name is its logical id. Other names only have to
            // differ.
            Some(_) => Ok(name.to_owned()),
            None => Err(Error::template(
                at,
                format!("refers to {name}, which is neither a parameter nor a resource"),
            )),
        }
    }

    fn attribute(&self, at: &str, path: &str) -> Result<String, Error> {
        let unknown = || unsupported(at, &format!("GetAtt {path}"));
        let (name, attribute) = path.split_once('.').ok_or_else(unknown)?;
        match (self.kind(name), attribute) {
            (Some("AWS::DynamoDB::Table"), "Arn") => Ok(format!(
                "arn:aws:dynamodb:us-east-1:123456789012:table/{TABLE_NAME}"
            )),
            (Some("AWS::SSM::Parameter"), "Value") => {
                let value = self
                    .root
                    .get("Resources")
                    .and_then(|resources| resources.get(name)?.get("Properties")?.get("Value"))
                    .ok_or_else(unknown)?;
                self.text(at, value)?.ok_or_else(unknown)
            }
            // Other attributes only have to differ.
            (Some(_), _) => Ok(path.to_owned()),
            (None, _) => Err(unknown()),
        }
    }

    /// The type of a resource.
    fn kind(&self, name: &str) -> Option<&'t str> {
        self.root.get("Resources")?.get(name)?.get("Type")?.as_str()
    }

    fn substitute(&self, at: &str, argument: &Json) -> Result<String, Error> {
        let (pattern, own) = match argument {
            Json::String(pattern) => (pattern.as_str(), None),
            Json::Array(parts) => (
                parts.first().and_then(Json::as_str).unwrap_or_default(),
                parts.get(1),
            ),
            _ => return Err(Error::template(at, "!Sub needs text")),
        };
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            text.push_str(before);
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| Error::template(at, "!Sub has an unclosed ${"))?;
            rest = after;
            if let Some(value) = own.and_then(|own| own.get(name)) {
                text.push_str(&self.text(at, value)?.unwrap_or_default());
            } else if name.contains('.') {
                text.push_str(&self.attribute(at, name)?);
            } else {
                text.push_str(&self.reference(at, name)?);
            }
        }
        text.push_str(rest);
        Ok(text)
    }

    fn condition(&self, at: &str, name: &str) -> Result<bool, Error> {
        let condition = self
            .root
            .get("Conditions")
            .and_then(|conditions| conditions.get(name))
            .ok_or_else(|| Error::template(at, format!("there is no condition {name}")))?;
        self.decide(&format!("Conditions.{name}"), condition)
    }

    fn decide(&self, at: &str, condition: &Json) -> Result<bool, Error> {
        let (name, argument) =
            intrinsic(condition).ok_or_else(|| Error::template(at, "is not a condition"))?;
        match (name, arguments(argument)) {
            ("Equals", [left, right]) => Ok(self.text(at, left)? == self.text(at, right)?),
            ("Not", [negated]) => Ok(!self.decide(at, negated)?),
            _ => Err(unsupported(at, name)),
        }
    }
}

fn unsupported(at: &str, function: &str) -> Error {
    Error::template(at, format!("!{function} is not supported here"))
}

/// The function's name without `Fn::`, and its argument, when the value is a function call.
pub(super) fn intrinsic(value: &Json) -> Option<(&str, &Json)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let (key, argument) = members.iter().next()?;
    match key.as_str() {
        "Ref" => Some(("Ref", argument)),
        key => Some((key.strip_prefix("Fn::")?, argument)),
    }
}

fn arguments(argument: &Json) -> &[Json] {
    argument.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn pseudo_parameter(name: &str) -> Option<&'static str> {
    Some(match name {
        "AWS::Region" => "us-east-1",
        "AWS::StackName" => "local",
        "AWS::URLSuffix" => "amazonaws.com",
        _ => return None,
    })
}
