//! The contract as a document: how it and the page that shows it are served, that its descriptions
//! are true, and that client generators can read it.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::actors::{Actor, Response, Team};
use crate::contract::openapi;
use crate::world::root;

crate::stories![
    the_contract_is_served_compressed_and_conditionally,
    the_page_that_shows_the_contract_may_use_this_service_alone,
    the_pages_files_are_served_compressed_and_conditionally,
    other_files_than_the_pages_are_unknown_paths,
    the_introductions_example_calls_succeed,
    the_contract_states_the_latest_instant,
    the_contract_and_the_service_accept_the_same_idempotency_keys,
    the_contract_avoids_what_client_generators_get_wrong,
];

const CONTRACT: &str = "/api/v1/openapi.json";
const PAGE: &str = "/api/v1/docs";

async fn the_contract_is_served_compressed_and_conditionally() {
    let anyone = Team::new().await.anonymous();
    let document = openapi().to_string();

    // Not `assert_is`, which would print the whole document twice.
    let assert_document = |response: &Response| {
        let served = response.body == document;
        assert!(
            served,
            "the binary serves another openapi.json: build it again"
        );
        response.assert_is(200, &response.body);
    };

    let plain = anyone.get(CONTRACT).await;
    assert_document(&plain);
    let headers = |response: &Response| {
        ["cache-control", "vary", "content-encoding", "etag"]
            .map(|name| response.header(name).map(str::to_owned))
    };
    let [cache_control, vary, coding, etag] = headers(&plain);
    assert_eq!(cache_control.as_deref(), Some("public, max-age=300"));
    assert_eq!(vary.as_deref(), Some("accept-encoding"));
    assert_eq!(coding, None);
    let etag = etag.expect("an entity tag");

    for accepted in ["gzip", "br, GZIP;q=0.5", "*", "br;q=1.0, *;q=0.1"] {
        let zipped = anyone.with("accept-encoding", accepted).get(CONTRACT).await;
        assert_document(&zipped);
        let length: usize = zipped.header("content-length").unwrap().parse().unwrap();
        assert!(length * 5 < document.len(), "{length} bytes");
        let [cache_control_of, vary_of, coding, etag_of] = headers(&zipped);
        assert_eq!(coding.as_deref(), Some("gzip"), "{accepted}");
        assert_eq!(
            (&cache_control_of, &vary_of, etag_of.as_ref()),
            (&cache_control, &vary, Some(&etag))
        );
    }
    for refused in ["", "br", "gzip;q=0", "*, gzip;q=0", "*;q=0"] {
        let plain = anyone.with("accept-encoding", refused).get(CONTRACT).await;
        assert_document(&plain);
        assert_eq!(plain.header("content-encoding"), None, "{refused}");
    }

    let caller = anyone.with("accept-encoding", "gzip");
    for known in [etag.clone(), format!("\"other\", {etag}"), "*".to_owned()] {
        let same = caller.with("if-none-match", known).get(CONTRACT).await;
        assert_eq!((same.status, same.body.as_str()), (304, ""));
        assert_eq!(same.header("content-type"), None);
        let expected = [&cache_control, &vary, &None, &Some(etag.clone())].map(Clone::clone);
        assert_eq!(headers(&same), expected);
    }
    let stale = caller.with("if-none-match", "W/\"other\"");
    assert_document(&stale.get(CONTRACT).await);
}

async fn the_page_that_shows_the_contract_may_use_this_service_alone() {
    let anyone = Team::new().await.anonymous();
    let page = anyone.get(PAGE).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.body, source("page.html"));
    let header = |name| page.header(name);
    assert_eq!(header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(header("content-encoding"), None);
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
        connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    assert_eq!(header("content-security-policy"), Some(policy));
    assert_cached(&anyone, PAGE, &page, None).await;

    // Relative, so that they also work behind a stage and under a path of a custom domain.
    let named = |attribute: &str| {
        let values = page.body.split(attribute).skip(1);
        let values = values.map(|rest| rest.split('"').next().expect("a quote").to_owned());
        values.collect::<Vec<_>>()
    };
    let named = [named("href=\""), named("src=\"")].concat();
    let files = files().into_iter().map(|file| format!("docs/{file}"));
    let others = ["data:,", "openapi.json"].map(str::to_owned);
    assert_eq!(
        named.into_iter().collect::<BTreeSet<_>>(),
        files.chain(others).collect()
    );
}

async fn the_pages_files_are_served_compressed_and_conditionally() {
    let anyone = Team::new().await.anonymous();
    for file in files() {
        let path = format!("{PAGE}/{file}");
        let plain = anyone.get(&path).await;
        assert_eq!(plain.status, 200, "{file}");
        // Not `assert_eq`, which would print Swagger UI twice.
        match file {
            "page.css" | "start.js" => assert!(plain.body == source(file), "build {file} again"),
            _ => assert!(plain.body.contains("swagger-ui"), "{file}"),
        }
        let zipped = anyone.with("accept-encoding", "gzip").get(&path).await;
        assert_eq!(zipped.status, 200, "{file}");
        assert!(zipped.body == plain.body, "{file}");
        let coding = |response: &Response| response.header("content-encoding").map(str::to_owned);
        assert_eq!(coding(&plain), None, "{file}");
        assert_eq!(coding(&zipped).as_deref(), Some("gzip"), "{file}");
        let length = |response: &Response| -> usize {
            response.header("content-length").unwrap().parse().unwrap()
        };
        assert_eq!(length(&plain), plain.body.len(), "{file}");
        let large = plain.body.len() > 10_000;
        assert!(!large || length(&zipped) * 3 < length(&plain), "{file}");

        let content_type = match file.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            _ => "text/css; charset=utf-8",
        };
        for response in [&plain, &zipped] {
            let found = response.header("content-type");
            assert_eq!(found, Some(content_type), "{file}");
            assert_cached(&anyone, &path, response, Some("accept-encoding")).await;
        }
    }
}

/// Asserts that anyone may store the response for five minutes, and that it is not sent again to
/// those who have it.
async fn assert_cached(anyone: &Actor, path: &str, response: &Response, vary: Option<&str>) {
    let etag = response.header("etag").expect("an entity tag");
    let headers = |response: &Response| {
        ["cache-control", "vary", "etag", "x-content-type-options"]
            .map(|name| response.header(name).map(str::to_owned))
    };
    let expected = [
        Some("public, max-age=300"),
        vary,
        Some(etag),
        Some("nosniff"),
    ];
    let expected = expected.map(|value| value.map(str::to_owned));
    assert_eq!(headers(response), expected, "{path}");
    let same = anyone.with("if-none-match", etag).get(path).await;
    assert_eq!((same.status, same.body.as_str()), (304, ""), "{path}");
    assert_eq!(same.header("content-type"), None, "{path}");
    assert_eq!(headers(&same), expected, "{path}");
    let stale = anyone.with("if-none-match", "W/\"other\"").get(path).await;
    assert_eq!(stale.status, 200, "{path}");
    assert!(stale.body == response.body, "{path}");
}

async fn other_files_than_the_pages_are_unknown_paths() {
    let anyone = Team::new().await.anonymous();
    for path in [
        "/",
        "/index.html",
        "/page.html",
        "/Start.js",
        "/start.js.gz",
        "/start.js/",
        "/swagger-ui.js",
        "/swagger-ui-bundle.js.map",
        "/..%2Fopenapi.json",
        "/%00",
    ] {
        let response = anyone.get(&format!("{PAGE}{path}")).await;
        let message = "There is no endpoint at this path.";
        response.assert_cstar_error(404, "not_found_error", "resource_missing", message, "");
    }
}

/// A file that `docs-get` or `docs-file-get` includes.
fn source(file: &str) -> String {
    fs::read_to_string(root().join("functions/docs").join(file)).expect(file)
}

/// The page's files, as the contract lists them.
fn files() -> BTreeSet<&'static str> {
    let parameter = &openapi()["paths"]["/api/v1/docs/{file}"]["get"]["parameters"][0];
    assert_eq!(parameter["name"], "file");
    let files = parameter["schema"]["enum"].as_array().expect("names");
    files.iter().filter_map(Value::as_str).collect()
}

async fn the_introductions_example_calls_succeed() {
    let introduction = openapi()["info"]["description"].as_str().unwrap();
    let sections = introduction
        .lines()
        .filter_map(|line| line.strip_prefix("## "));
    let sections: Vec<_> = sections.take(5).collect();
    assert_eq!(
        sections,
        [
            "Authentication",
            "Errors",
            "Rate limits",
            "Idempotency",
            "A first call"
        ]
    );

    // Sends the calls that it shows, as they are written there.
    let team = Team::new().await;
    let caller = team
        .secret_key()
        .await
        .with("idempotency-key", "first-rule");
    let mut statuses = Vec::new();
    for call in introduction.split("curl \"$URL").skip(1) {
        let path = call.split('"').next().unwrap();
        let path = path.replace("$TEAM", team.id.as_str());
        let body = call.split('\'').nth(1).unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        let response = caller.post(&path, &body).await;
        statuses.push(response.status);
        if path.ends_with("/preview") {
            let due = &response.json()["data"]["firstResponse"]["dueAt"];
            assert_eq!(due, "2026-12-23T16:00:00Z", "{}", response.body);
        }
    }
    assert_eq!(statuses, [201, 200]);
}

async fn the_contract_states_the_latest_instant() {
    const LATEST: &str = "9999-12-30T22:00:00.999999999Z";
    let members = &openapi()["components"]["schemas"]["NewPreview"]["properties"];
    for member in ["createdAt", "asOf"] {
        let text = members[member]["description"].as_str().unwrap();
        let named = text.contains(&format!("t the latest {LATEST}"));
        assert!(named, "{member}: {text}");
    }

    let team = Team::new().await;
    let caller = team.secret_key().await;
    let path = team.preview();
    let body = |created_at: &str| json!({"createdAt": created_at, "priority": "high"});
    let response = caller.post(&path, &body(LATEST)).await;
    response.assert_is(
        200,
        r#"{"success":true,"data":{"calendar":{"timeZone":"UTC","source":"none"}}}"#,
    );
    let response = caller.post(&path, &body("9999-12-31T23:59:59Z")).await;
    response.assert_violation(
        "createdAt",
        "parameter_invalid",
        &format!("The 'createdAt' field must not be after {LATEST}."),
    );
}

async fn the_contract_and_the_service_accept_the_same_idempotency_keys() {
    let schema = &openapi()["components"]["parameters"]["IdempotencyKey"]["schema"];
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let rule = json!({"name": "r", "priority": "low", "responseTarget": 1, "resolutionTarget": 2});
    let long = |length: usize| "k".repeat(length);
    let quoted = |key: String| format!("\"{key}\"");
    for key in [
        long(1),
        long(255),
        long(256),
        quoted(long(1)),
        quoted(long(255)),
        quoted(long(256)),
        quoted(String::new()),
        "\"".to_owned(),
        "\"\"\"".to_owned(),
        "\"k".to_owned(),
        "k\"".to_owned(),
        "k\"k".to_owned(),
        "\"k\"k\"".to_owned(),
        "k k".to_owned(),
    ] {
        let response = caller.with("idempotency-key", key.clone());
        let response = response.post(&team.rules(), &rule).await;
        let allowed = jsonschema::draft202012::is_valid(schema, &json!(key));
        assert_eq!(response.status, if allowed { 201 } else { 400 }, "{key}");
    }
}

/// What three generators were seen to get wrong. `tests/clients/run` uses them; it is not part of
/// this suite.
async fn the_contract_avoids_what_client_generators_get_wrong() {
    let mut wrong = Vec::new();
    inspect_document(openapi(), "#", &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Inspects every schema of a document, and finds parameters without one.
fn inspect_document(value: &Value, place: &str, wrong: &mut Vec<String>) {
    match value {
        Value::Array(values) => {
            for (number, value) in values.iter().enumerate() {
                inspect_document(value, &format!("{place}/{number}"), wrong);
            }
        }
        Value::Object(members) => {
            if members.contains_key("in") && members.contains_key("content") {
                wrong.push(format!(
                    "{place}: a parameter with `content` is omitted, or written as a deepObject"
                ));
            }
            for (name, value) in members {
                let place = format!("{place}/{name}");
                match name.as_str() {
                    "example" | "examples" => {}
                    "schema" => inspect_schema(value, &place, true, wrong),
                    "schemas" => {
                        for (name, schema) in value.as_object().expect("schemas by name") {
                            inspect_schema(schema, &format!("{place}/{name}"), true, wrong);
                        }
                    }
                    _ => inspect_document(value, &place, wrong),
                }
            }
        }
        _ => {}
    }
}

fn inspect_schema(schema: &Value, place: &str, required: bool, wrong: &mut Vec<String>) {
    const MISREAD: [(&str, &str); 5] = [
        ("not", "is ignored, or makes a member disappear"),
        ("if", "is ignored"),
        ("prefixItems", "turns a pair into a triple, or is ignored"),
        ("patternProperties", "is ignored"),
        ("default", "makes the member required"),
    ];
    let Some(members) = schema.as_object() else {
        wrong.push(format!("{place}: a boolean schema cannot be read"));
        return;
    };
    for (keyword, why) in MISREAD {
        if members.contains_key(keyword) {
            wrong.push(format!("{place}: `{keyword}` {why}"));
        }
    }
    if members.contains_key("const") && !required {
        wrong.push(format!(
            "{place}: an optional `const` becomes invalid Python"
        ));
    }
    let must: Vec<_> = members
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    for (name, member) in members
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let required = must.contains(&&Value::from(name.as_str()));
        inspect_schema(member, &format!("{place}/{name}"), required, wrong);
    }
    for keyword in ["oneOf", "anyOf", "allOf"] {
        if members.contains_key(keyword) && members.contains_key("properties") {
            wrong.push(format!(
                "{place}: `{keyword}` beside `properties` loses the properties"
            ));
        }
        let kinds = members.get(keyword).and_then(Value::as_array);
        for (number, kind) in kinds.into_iter().flatten().enumerate() {
            inspect_schema(kind, &format!("{place}/{keyword}/{number}"), true, wrong);
        }
    }
    for keyword in ["items", "propertyNames", "contentSchema"] {
        if let Some(inner) = members.get(keyword) {
            inspect_schema(inner, &format!("{place}/{keyword}"), true, wrong);
        }
    }
    match members.get("additionalProperties") {
        None | Some(Value::Bool(_)) => {}
        Some(inner) => inspect_schema(inner, &format!("{place}/additionalProperties"), true, wrong),
    }
}
