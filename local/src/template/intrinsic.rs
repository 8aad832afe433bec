//! The CloudFormation functions that a template of ours may use where this machine reads it:
//! `Ref`, `Sub`, `GetAtt` of the table, `If` with its conditions, `Join` and `FindInMap`,
//! in the short form (`!Ref X`) and the long one (`Fn::Sub: …`).

use super::TABLE_NAME;
use crate::error::Error;
use serde_json::Value as Json;
use serde_yaml_ng::Value;

/// A condition may name another; deeper than this is a circle.
const MAX_CONDITION_DEPTH: usize = 16;

/// What a template's names mean on this machine.
pub(super) struct Scope<'t> {
    root: &'t Value,
}

impl<'t> Scope<'t> {
    pub(super) fn new(root: &'t Value) -> Self {
        Self { root }
    }

    /// The value as text; `None` when it is `AWS::NoValue`.
    pub(super) fn text(&self, at: &str, value: &Value) -> Result<Option<String>, Error> {
        Ok(match self.json(at, value)? {
            None => None,
            Some(Json::String(text)) => Some(text),
            Some(Json::Number(number)) => Some(number.to_string()),
            Some(Json::Bool(flag)) => Some(flag.to_string()),
            Some(_) => return Err(Error::template(at, "is not text or a number")),
        })
    }

    /// The value with every function in it evaluated; `None` when it is `AWS::NoValue`.
    pub(super) fn json(&self, at: &str, value: &Value) -> Result<Option<Json>, Error> {
        let Some(value) = self.choose(at, value)? else {
            return Ok(None);
        };
        if let Some((name, argument)) = intrinsic(value) {
            return self
                .call(at, &name, argument)
                .map(|text| Some(Json::String(text)));
        }
        match value {
            Value::Sequence(items) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self.json(at, item)).collect();
                Ok(Some(Json::Array(items?.into_iter().flatten().collect())))
            }
            Value::Mapping(members) => {
                let mut object = serde_json::Map::new();
                for (key, member) in members {
                    let key = key
                        .as_str()
                        .ok_or_else(|| Error::template(at, "a member's name is not text"))?;
                    if let Some(member) = self.json(at, member)? {
                        object.insert(key.to_owned(), member);
                    }
                }
                Ok(Some(Json::Object(object)))
            }
            scalar => serde_json::to_value(scalar)
                .map(Some)
                .map_err(|error| Error::template(at, error.to_string())),
        }
    }

    /// The items of a list, or the one item that stands for a list, with every `If` decided.
    pub(super) fn items<'v>(
        &self,
        at: &str,
        list: Option<&'v Value>,
    ) -> Result<Vec<&'v Value>, Error> {
        let Some(list) = list else {
            return Ok(Vec::new());
        };
        match self.choose(at, list)? {
            None => Ok(Vec::new()),
            Some(Value::Sequence(items)) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self.choose(at, item)).collect();
                Ok(items?.into_iter().flatten().collect())
            }
            Some(one) => Ok(vec![one]),
        }
    }

    /// Decides an `If` (and those inside its chosen branch); `None` when that leaves `AWS::NoValue`.
    pub(super) fn choose<'v>(
        &self,
        at: &str,
        value: &'v Value,
    ) -> Result<Option<&'v Value>, Error> {
        let mut value = value;
        loop {
            match intrinsic(value)
                .as_ref()
                .map(|(name, argument)| (name.as_str(), *argument))
            {
                Some(("If", argument)) => {
                    let [condition, yes, no] = argument
                        .as_sequence()
                        .map(Vec::as_slice)
                        .unwrap_or_default()
                    else {
                        return Err(Error::template(at, "!If needs a condition and two values"));
                    };
                    let name = condition
                        .as_str()
                        .ok_or_else(|| Error::template(at, "!If needs a condition's name"))?;
                    value = if self.condition(at, name, 0)? {
                        yes
                    } else {
                        no
                    };
                }
                Some(("Ref", name)) if name.as_str() == Some("AWS::NoValue") => return Ok(None),
                _ => return Ok(Some(value)),
            }
        }
    }

    fn call(&self, at: &str, name: &str, argument: &Value) -> Result<String, Error> {
        match name {
            "Ref" => self.reference(at, argument.as_str().unwrap_or_default()),
            "Sub" => self.substitute(at, argument),
            "GetAtt" => match argument {
                Value::String(path) => self.attribute(at, path),
                Value::Sequence(parts) => {
                    let parts: Vec<_> = parts.iter().filter_map(Value::as_str).collect();
                    self.attribute(at, &parts.join("."))
                }
                _ => Err(Error::template(
                    at,
                    "!GetAtt needs a resource and an attribute",
                )),
            },
            "Join" => {
                let [separator, list] = argument
                    .as_sequence()
                    .map(Vec::as_slice)
                    .unwrap_or_default()
                else {
                    return Err(Error::template(at, "!Join needs a separator and a list"));
                };
                let parts: Result<Vec<_>, _> = self
                    .items(at, Some(list))?
                    .into_iter()
                    .map(|part| self.text(at, part))
                    .collect();
                let parts: Vec<_> = parts?.into_iter().flatten().collect();
                Ok(parts.join(separator.as_str().unwrap_or_default()))
            }
            "FindInMap" => {
                let keys: Result<Vec<_>, _> = self
                    .items(at, Some(argument))?
                    .into_iter()
                    .map(|key| self.text(at, key))
                    .collect();
                let mut found = self.root.get("Mappings");
                for key in keys?.into_iter().flatten() {
                    found = found.and_then(|map| map.get(key.as_str()));
                }
                let found = found.ok_or_else(|| Error::template(at, "!FindInMap finds nothing"))?;
                self.text(at, found)?
                    .ok_or_else(|| Error::template(at, "!FindInMap finds nothing"))
            }
            other => Err(Error::template(
                at,
                format!("!{other} is not understood here"),
            )),
        }
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
            let default = parameter.get("Default").ok_or_else(|| {
                Error::template(at, format!("the parameter {name} has no Default"))
            })?;
            return self.text(at, default).map(Option::unwrap_or_default);
        }
        let resource = self
            .root
            .get("Resources")
            .and_then(|resources| resources.get(name));
        match resource.and_then(|resource| resource.get("Type")?.as_str()) {
            Some("AWS::DynamoDB::Table") => Ok(TABLE_NAME.to_owned()),
            // A function's name on this machine is its logical id; anything else only has to be told apart.
            Some(_) => Ok(name.to_owned()),
            None => Err(Error::template(
                at,
                format!("refers to {name}, which is no parameter or resource"),
            )),
        }
    }

    fn attribute(&self, at: &str, path: &str) -> Result<String, Error> {
        let unknown = || Error::template(at, format!("!GetAtt {path} is not understood here"));
        let (name, attribute) = path.split_once('.').ok_or_else(unknown)?;
        let kind = self
            .root
            .get("Resources")
            .and_then(|resources| resources.get(name)?.get("Type")?.as_str());
        match (kind, attribute) {
            (Some("AWS::DynamoDB::Table"), "Arn") => Ok(format!(
                "arn:aws:dynamodb:us-east-1:123456789012:table/{TABLE_NAME}"
            )),
            (Some("AWS::Serverless::Function"), "Arn") => Ok(format!(
                "arn:aws:lambda:us-east-1:123456789012:function:{name}"
            )),
            _ => Err(unknown()),
        }
    }

    fn substitute(&self, at: &str, argument: &Value) -> Result<String, Error> {
        let (pattern, own) = match argument {
            Value::String(pattern) => (pattern.as_str(), None),
            Value::Sequence(parts) => (
                parts.first().and_then(Value::as_str).unwrap_or_default(),
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
                .ok_or_else(|| Error::template(at, "!Sub has a ${ that is not closed"))?;
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                text.push_str(&format!("${{{literal}}}"));
            } else if let Some(value) = own.and_then(|own| own.get(name)) {
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

    fn condition(&self, at: &str, name: &str, depth: usize) -> Result<bool, Error> {
        let condition = self
            .root
            .get("Conditions")
            .and_then(|conditions| conditions.get(name))
            .ok_or_else(|| Error::template(at, format!("there is no condition {name}")))?;
        self.decide(&format!("Conditions.{name}"), condition, depth)
    }

    fn decide(&self, at: &str, condition: &Value, depth: usize) -> Result<bool, Error> {
        if depth > MAX_CONDITION_DEPTH {
            return Err(Error::template(at, "is nested too deeply"));
        }
        let (name, argument) =
            intrinsic(condition).ok_or_else(|| Error::template(at, "is not a condition"))?;
        let arguments = argument
            .as_sequence()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let all = || {
            arguments
                .iter()
                .map(|argument| self.decide(at, argument, depth + 1))
                .collect::<Result<Vec<_>, _>>()
        };
        match (name.as_str(), arguments) {
            ("Equals", [left, right]) => Ok(self.text(at, left)? == self.text(at, right)?),
            ("Not", [negated]) => Ok(!self.decide(at, negated, depth + 1)?),
            ("And", _) => Ok(all()?.into_iter().all(|decided| decided)),
            ("Or", _) => Ok(all()?.into_iter().any(|decided| decided)),
            ("Condition", _) => {
                self.condition(at, argument.as_str().unwrap_or_default(), depth + 1)
            }
            _ => Err(Error::template(
                at,
                format!("!{name} is not understood here"),
            )),
        }
    }
}

/// The function's name without `!` or `Fn::`, and its argument, when the value is a function call.
fn intrinsic(value: &Value) -> Option<(String, &Value)> {
    match value {
        Value::Tagged(tagged) => Some((
            tagged.tag.to_string().trim_start_matches('!').to_owned(),
            &tagged.value,
        )),
        Value::Mapping(members) if members.len() == 1 => {
            let (key, argument) = members.iter().next()?;
            match key.as_str()? {
                "Ref" => Some(("Ref".to_owned(), argument)),
                "Condition" if argument.is_string() => Some(("Condition".to_owned(), argument)),
                key => Some((key.strip_prefix("Fn::")?.to_owned(), argument)),
            }
        }
        _ => None,
    }
}

fn pseudo_parameter(name: &str) -> Option<&'static str> {
    Some(match name {
        "AWS::AccountId" => "123456789012",
        "AWS::Partition" => "aws",
        "AWS::Region" => "us-east-1",
        "AWS::StackName" => "local",
        "AWS::URLSuffix" => "amazonaws.com",
        _ => return None,
    })
}
