//! What the program reports if there is no database to work on.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::process::Command;

/// Runs the program with only this environment, and returns what it prints about its failure.
fn failure(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_admin"))
        .args(arguments)
        .env_clear()
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied())
        .output()
        .expect("the program runs");
    assert_eq!(ran.status.code(), Some(1));
    assert!(ran.stdout.is_empty());
    String::from_utf8(ran.stderr).expect("UTF-8")
}

/// An endpoint where nothing listens.
fn unused_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    format!("http://127.0.0.1:{port}")
}

const AWS: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "none"),
    ("AWS_SECRET_ACCESS_KEY", "none"),
    ("AWS_REGION", "eu-central-1"),
    ("TABLE_NAME", "dueline"),
];

#[test]
fn without_cargo_local_the_error_names_its_endpoint_and_how_to_start_it() {
    let endpoint = unused_endpoint();
    let error = failure(&["--local", "--endpoint", &endpoint, "team", "list"], &[]);
    assert!(
        error.starts_with(&format!("error: no database responds at {endpoint}: ")),
        "{error}"
    );
    assert!(error.contains("Connection refused"), "{error}");
    assert!(
        error.contains("\n  Start it with `cargo local`."),
        "{error}"
    );
}

#[test]
fn without_aws_the_error_names_its_endpoint_and_what_to_check() {
    let endpoint = unused_endpoint();
    let mut environment = AWS.to_vec();
    environment.push(("AWS_ENDPOINT_URL_DYNAMODB", &endpoint));
    let error = failure(&["team", "list"], &environment);
    assert!(
        error.starts_with(&format!("error: no database responds at {endpoint}: ")),
        "{error}"
    );
    assert!(
        error.contains("\n  Check the network, AWS_REGION"),
        "{error}"
    );
}

#[test]
fn without_credentials_the_error_names_what_to_set() {
    let environment = AWS.into_iter().filter(|(name, _)| !name.ends_with("_ID"));
    let environment: Vec<_> = environment.collect();
    let error = failure(&["team", "list"], &environment);
    assert!(
        error.starts_with("error: no request could be sent to a database: "),
        "{error}"
    );
    assert!(
        error.contains("\n  Set AWS_REGION and credentials"),
        "{error}"
    );
}

#[test]
fn without_a_table_the_error_says_how_to_name_one() {
    let error = failure(&["team", "list"], &[]);
    assert_eq!(
        error,
        "error: environment variable TABLE_NAME must be the name of the DynamoDB table\n  \
         For a table on AWS, set it or pass --table. For `cargo local`, pass --local.\n"
    );
}
