//! Requests from the examples in `functions/openapi.json`, for tests and measurements: a new
//! endpoint is covered when its contract has an example.
//!
//! Of several examples of a body the first counts. It must be one that a team without anything
//! accepts, if the path exists.

use http::Method;
use serde_json::Value;
use std::{error, fmt};

/// An operation of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    contract: &'a Value,
    method: &'a Method,
    path: &'a str,
}

/// The example of a body.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// The first of the media types that the operation reads.
    pub content_type: &'a str,
    /// What it holds: the text itself, if it is not JSON.
    pub value: &'a Value,
}

/// The contract lacks an example.
#[derive(Debug, PartialEq, Eq)]
pub struct NoExample {
    /// Method and path.
    pub operation: String,
    /// A path parameter, or `body`.
    pub of: String,
}

impl<'a> Operation<'a> {
    /// The operation with this method and this path, as the contract spells it.
    pub fn new(contract: &'a Value, method: &'a Method, path: &'a str) -> Operation<'a> {
        Operation {
            contract,
            method,
            path,
        }
    }

    /// A body that the operation accepts.
    ///
    /// # Errors
    ///
    /// The contract has no example of one.
    pub fn body(self) -> Result<Body<'a>, NoExample> {
        self.find_body().ok_or_else(|| self.lacks("body"))
    }

    /// The path with these values, and with examples of all other parameters.
    ///
    /// # Errors
    ///
    /// The contract has no example of one of these.
    pub fn path(self, values: &[(&str, &str)]) -> Result<String, NoExample> {
        let mut path = self.path.to_owned();
        for name in parameters(self.path) {
            let value = match values.iter().find(|(named, _)| *named == name) {
                Some((_, value)) => value,
                None => self.parameter(name)?,
            };
            path = path.replace(&format!("{{{name}}}"), value);
        }
        Ok(path)
    }

    /// The example of a path parameter.
    ///
    /// # Errors
    ///
    /// The contract has none.
    pub fn parameter(self, name: &str) -> Result<&'a str, NoExample> {
        let declared = [self.item(), self.documented()].into_iter().flatten();
        let declared = declared.filter_map(|value| value.get("parameters")?.as_array());
        let parameter = declared
            .flatten()
            .filter_map(|parameter| self.resolve(parameter))
            .find(|parameter| {
                let is = |member, value| parameter.get(member).is_some_and(|found| found == value);
                is("name", name) && is("in", "path")
            });
        let example = parameter.and_then(|parameter| parameter.get("example")?.as_str());
        example.ok_or_else(|| self.lacks(name))
    }

    /// The statuses that the contract documents.
    pub fn statuses(self) -> impl Iterator<Item = u16> + use<'a> {
        let responses = self
            .documented()
            .and_then(|operation| operation.get("responses")?.as_object());
        let responses = responses.into_iter().flatten();
        responses.filter_map(|(status, _)| status.parse().ok())
    }

    /// The status of a success, if the contract documents one.
    pub fn success(self) -> Option<u16> {
        self.statuses().find(|status| (200..300).contains(status))
    }

    fn find_body(self) -> Option<Body<'a>> {
        let content = self.documented()?.pointer("/requestBody/content")?;
        let (content_type, media) = content.as_object()?.iter().next()?;
        let (_, example) = media.get("examples")?.as_object()?.iter().next()?;
        Some(Body {
            content_type,
            value: example.get("value")?,
        })
    }

    fn item(self) -> Option<&'a Value> {
        self.contract.get("paths")?.get(self.path)
    }

    fn documented(self) -> Option<&'a Value> {
        self.item()?.get(self.method.as_str().to_ascii_lowercase())
    }

    fn resolve(self, value: &'a Value) -> Option<&'a Value> {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.contract.pointer(reference.trim_start_matches('#')),
            None => Some(value),
        }
    }

    fn lacks(self, of: &str) -> NoExample {
        NoExample {
            operation: format!("{} {}", self.method, self.path),
            of: of.to_owned(),
        }
    }
}

impl Body<'_> {
    /// Whether the operation reads JSON.
    pub fn is_json(&self) -> bool {
        self.content_type.ends_with("json")
    }

    /// The body as it is sent.
    pub fn text(&self) -> String {
        match self.value {
            Value::String(text) if !self.is_json() => text.clone(),
            value => value.to_string(),
        }
    }
}

/// The names of a path's parameters.
pub fn parameters(path: &str) -> impl Iterator<Item = &str> {
    let segments = path.split('/');
    segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// The parameter that names one of a team's resources; the first if there are several.
pub fn resource_parameter(path: &str) -> Option<&str> {
    parameters(path).find(|name| *name != "teamId")
}

/// The path under which the resource of a path is created: what is before its parameter, or all of it.
pub fn collection(path: &str) -> &str {
    let end = resource_parameter(path).and_then(|name| path.find(&format!("/{{{name}}}")));
    end.and_then(|end| path.get(..end)).unwrap_or(path)
}

impl fmt::Display for NoExample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NoExample { operation, of } = self;
        write!(
            f,
            "functions/openapi/ has no example of `{of}` for {operation}"
        )
    }
}

impl error::Error for NoExample {}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use serde_json::json;

    const RULES: &str = "/teams/{teamId}/rules";
    const RULE: &str = "/teams/{teamId}/rules/{ruleId}";

    fn contract() -> Value {
        json!({
            "paths": {
                RULES: {"post": {"requestBody": {"content": {"application/json": {"examples": {
                    "z": {"value": {"name": "the first"}},
                    "a": {"value": {"name": "the second"}},
                }}}}}},
                RULE: {
                    "parameters": [{"$ref": "#/components/parameters/RuleId"}],
                    "get": {"responses": {"401": {}, "200": {}}},
                },
            },
            "components": {"parameters": {
                "RuleId": {"name": "ruleId", "in": "path", "example": "sla_1"},
            }},
        })
    }

    #[test]
    fn requests_are_what_the_contract_shows() {
        let contract = contract();
        let body = Operation::new(&contract, &Method::POST, RULES).body();
        assert_eq!(body.expect("a body").text(), r#"{"name":"the first"}"#);
        let get = Operation::new(&contract, &Method::GET, RULE);
        let path = get.path(&[("teamId", "team_1")]);
        assert_eq!(path.as_deref(), Ok("/teams/team_1/rules/sla_1"));
        assert_eq!(get.success(), Some(200));
    }

    #[test]
    fn a_missing_example_is_named() {
        let contract = contract();
        let get = Operation::new(&contract, &Method::GET, RULE);
        assert_eq!(
            get.path(&[]).expect_err("no team").to_string(),
            "functions/openapi/ has no example of `teamId` for GET /teams/{teamId}/rules/{ruleId}"
        );
        assert_eq!(get.body().expect_err("no body").of, "body");
    }

    #[test]
    fn a_resource_is_created_in_its_collection() {
        assert_eq!(collection("/teams/{teamId}/rules/{ruleId}/targets"), RULES);
        assert_eq!(collection(RULES), RULES);
    }
}
