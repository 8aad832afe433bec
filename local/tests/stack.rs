//! Tests of the whole stack, with this very program as its functions: when the stack starts it, it
//! uses the Runtime API and does what the request's path says.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use libtest_mimic::{Arguments, Trial};
use local::{
    invoke_error::InvokeError,
    journal::{Line, Stream},
    stack::{Stack, StackOptions},
    table,
    template::Template,
    wire::{
        call::depth,
        fault::{Chance, InjectedFault, Matcher},
    },
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    env,
    error::Error,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{self, ExitCode},
    thread,
    time::Duration,
};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

const TEMPLATE: &str = r#"
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
  Worker:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: target/lambda/worker, Timeout: 1, Events: { Http: { Type: HttpApi } } }
  Broken:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/worker
      Environment: { Variables: { BROKEN: "1" } }
      Events: { Http: { Type: HttpApi, Properties: { Method: GET, Path: /broken } } }
  Sweeper:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/worker
      Events: { EveryDay: { Type: ScheduleV2, Properties: { ScheduleExpression: rate(1 day) } } }
"#;

fn main() -> ExitCode {
    if let Ok(runtime_api) = env::var("AWS_LAMBDA_RUNTIME_API") {
        return act_as_function(&runtime_api);
    }
    let story = |name: &str, run: fn() -> Outcome| Trial::test(name, move || Ok(run()?));
    let stories = vec![
        story(
            "a_request_reaches_a_function_and_comes_back",
            a_request_reaches_a_function,
        ),
        story(
            "a_misbehaving_function_yields_a_500_and_the_next_request_is_served",
            misbehaviour_yields_a_500,
        ),
        story(
            "a_binary_that_cannot_start_is_reported_with_its_last_lines",
            a_broken_binary_is_reported,
        ),
        story(
            "processes_are_started_up_to_the_concurrency",
            processes_up_to_the_concurrency,
        ),
        story(
            "no_process_outlives_the_stack",
            no_process_outlives_the_stack,
        ),
        story(
            "a_scheduled_function_runs_when_the_stack_starts",
            a_scheduled_function_runs,
        ),
        story(
            "the_wire_records_calls_and_injects_faults",
            the_wire_records_calls_and_injects_faults,
        ),
        story(
            "a_fault_can_strike_a_share_of_the_calls",
            a_fault_can_strike_a_share_of_the_calls,
        ),
        story(
            "a_delayed_call_arrives_after_its_caller_has_gone",
            a_delayed_call_arrives_after_its_caller_has_gone,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), stories).exit_code()
}

fn a_request_reaches_a_function() -> Outcome {
    with_stack(1, async |stack| {
        let (status, body) = get(stack, "/greet").await?;
        assert_eq!(
            (status, body),
            (StatusCode::OK, json!({ "path": "/greet" }))
        );

        let response = stack
            .invoke("Worker", json!({ "rawPath": "/direct" }))
            .await?;
        assert_eq!(
            response,
            json!({ "statusCode": 200, "body": r#"{"path":"/direct"}"# })
        );

        let unknown = stack.invoke("Nobody", json!({})).await;
        assert_eq!(
            unknown,
            Err(InvokeError::UnknownFunction {
                function: "Nobody".to_owned()
            })
        );
        Ok(())
    })
}

fn a_scheduled_function_runs() -> Outcome {
    with_stack(1, async |stack| {
        let run = |line: &Line| line.function == "Sweeper" && line.text == "a scheduled run";
        let logged = stack.logged(run, Duration::from_secs(60)).await;
        assert!(logged.is_some(), "{:?}", stack.logs());
        Ok(())
    })
}

fn misbehaviour_yields_a_500() -> Outcome {
    with_stack(1, async |stack| {
        for path in [
            "/exit",
            "/error",
            "/hang",
            "/not-json",
            "/malformed",
            "/huge",
        ] {
            let (status, body) = get(stack, path).await?;
            let expected = json!({ "message": "Internal Server Error" });
            assert_eq!(
                (status, body),
                (StatusCode::INTERNAL_SERVER_ERROR, expected),
                "{path}"
            );

            let (status, body) = get(stack, "/greet").await?;
            assert_eq!(
                (status, body),
                (StatusCode::OK, json!({ "path": "/greet" })),
                "after {path}"
            );
        }
        let is_last_line = |line: &Line| line.stream == Stream::Err && line.text == "leaving";
        let logged = stack.logged(is_last_line, Duration::from_secs(5)).await;
        assert!(logged.is_some(), "{:?}", stack.logs());

        let limit = Duration::from_secs(1);
        let hung = stack.invoke("Worker", json!({ "rawPath": "/hang" })).await;
        assert_eq!(hung, Err(InvokeError::TimedOut { limit }));
        Ok(())
    })
}

fn a_broken_binary_is_reported() -> Outcome {
    with_stack(2, async |stack| {
        let (status, _) = get(stack, "/broken").await?;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);

        let reason = format!(
            "{} ended (exit status: 3)\n  no table is named",
            env::current_exe()?.display()
        );
        assert_eq!(
            stack.invoke("Broken", json!({})).await,
            Err(InvokeError::Init { reason })
        );
        assert_eq!(stack.processes("Broken"), [0_u32; 0]);
        Ok(())
    })
}

fn processes_up_to_the_concurrency() -> Outcome {
    with_stack(2, async |stack| {
        let requests: Vec<_> = (0..20).map(|_| get(stack, "/greet")).collect();
        for response in futures_util::future::join_all(requests).await {
            assert_eq!(response?, (StatusCode::OK, json!({ "path": "/greet" })));
        }
        assert_eq!(stack.processes("Worker").len(), 2);
        assert_eq!(stack.starts("Worker").len(), 2);
        Ok(())
    })
}

fn no_process_outlives_the_stack() -> Outcome {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let stack = Stack::start(options(1)?).await?;
        get(&stack, "/greet").await?;
        let pids = stack.processes("Worker");
        assert_eq!(pids.len(), 1);
        stack.shutdown().await;
        for pid in pids {
            assert!(
                !std::path::Path::new(&format!("/proc/{pid}")).exists(),
                "{pid} is still there"
            );
        }
        Ok(())
    })
}

fn the_wire_records_calls_and_injects_faults() -> Outcome {
    with_stack(1, async |stack| {
        let wire = stack.wire().ok_or("no wire")?;
        let puts = Matcher {
            operation: Some("PutItem".to_owned()),
            ..Matcher::default()
        };
        let fault = wire.fault(puts, InjectedFault::DropResponseOnce);
        let (_, lost) = get(stack, "/put").await?;
        let (_, received) = get(stack, "/put").await?;
        assert_eq!(lost, json!({ "response": "" }));
        assert_eq!(received, json!({ "response": "HTTP/1.1 200 OK" }));
        assert_eq!(fault.hits(), 1);
        drop(fault);

        let _throttled = wire.fault(Matcher::default(), InjectedFault::Throttle);
        let (_, throttled) = get(stack, "/put").await?;
        assert_eq!(throttled, json!({ "response": "HTTP/1.1 400 Bad Request" }));

        let calls = wire.take();
        let seen: Vec<_> = calls
            .iter()
            .map(|call| {
                (
                    &*call.function,
                    &*call.operation,
                    call.status,
                    call.capacity_units,
                    call.fault.clone(),
                )
            })
            .collect();
        let expected = [
            // The database did respond to the first call.
            (
                "Worker",
                "PutItem",
                Some(200),
                1.0,
                Some(InjectedFault::DropResponseOnce),
            ),
            ("Worker", "PutItem", Some(200), 1.0, None),
            (
                "Worker",
                "PutItem",
                Some(400),
                0.0,
                Some(InjectedFault::Throttle),
            ),
        ];
        assert_eq!(seen, expected);
        assert_eq!(depth(&calls), 3);
        assert_eq!(wire.calls(), []);
        Ok(())
    })
}

fn a_fault_can_strike_a_share_of_the_calls() -> Outcome {
    with_stack(1, async |stack| {
        let wire = stack.wire().ok_or("no wire")?;
        let share = |percent| Matcher {
            chance: Some(Chance { percent, seed: 7 }),
            ..Matcher::default()
        };
        let never = wire.fault(share(0), InjectedFault::Deny);
        let always = wire.fault(
            share(100),
            InjectedFault::OneOf(vec![InjectedFault::DropResponse]),
        );
        for _ in 0..2 {
            let (_, lost) = get(stack, "/put").await?;
            assert_eq!(lost, json!({ "response": "" }));
        }
        assert_eq!((never.hits(), always.hits()), (0, 2));
        drop(always);
        let half = wire.fault(
            share(50),
            InjectedFault::OneOf(vec![InjectedFault::Throttle, InjectedFault::Refuse]),
        );
        for _ in 0..20 {
            get(stack, "/put").await?;
        }
        let faults: Vec<_> = wire.take().into_iter().map(|call| call.fault).collect();
        for fault in [
            None,
            Some(InjectedFault::Throttle),
            Some(InjectedFault::Refuse),
        ] {
            assert!(faults.contains(&fault), "{fault:?} is not in {faults:?}");
        }
        let hits = faults.iter().skip(2).flatten().count();
        assert_eq!(half.hits(), hits);
        Ok(())
    })
}

fn a_delayed_call_arrives_after_its_caller_has_gone() -> Outcome {
    with_stack(1, async |stack| {
        let wire = stack.wire().ok_or("no wire")?;
        let delay = InjectedFault::Delay(Duration::from_millis(50));
        let delayed = wire.fault(Matcher::default(), delay);
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let body = json!({ "TableName": "dueline", "Item": { "pk": { "S": "late" } } });
        let request = Request::post(wire.endpoint())
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "DynamoDB_20120810.PutItem")
            .header("x-amz-date", "20261122T000000Z")
            .header(header::AUTHORIZATION, authorization("nobody"))
            .body(Full::from(body.to_string()))?;
        let put = client.request(request);
        let gave_up = tokio::time::timeout(Duration::from_millis(10), put).await;
        assert!(gave_up.is_err() && table::items(stack.dynamodb()).await?.is_empty());
        while table::items(stack.dynamodb()).await?.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(delayed.hits(), 1);
        Ok(())
    })
}

fn with_stack(concurrency: usize, run: impl AsyncFnOnce(&Stack) -> Outcome) -> Outcome {
    tokio::runtime::Runtime::new()?.block_on(async {
        let stack = Stack::start(options(concurrency)?).await?;
        run(&stack).await?;
        stack.shutdown().await;
        Ok(())
    })
}

fn options(concurrency: usize) -> Result<StackOptions, Box<dyn Error + Send + Sync>> {
    Ok(StackOptions {
        template: Template::parse(TEMPLATE)?,
        binaries: BTreeMap::from([("worker".to_owned(), env::current_exe()?)]),
        concurrency,
        gateway_port: 0,
        db_port: 0,
        data: None,
        environment: Vec::new(),
        record: true,
        run_schedules: true,
        dynamodb_endpoint: None,
    })
}

async fn get(
    stack: &Stack,
    path: &str,
) -> Result<(StatusCode, Value), Box<dyn Error + Send + Sync>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = Request::get(format!("{}{path}", stack.url())).body(Full::default())?;
    let (parts, body) = client.request(request).await?.into_parts();
    Ok((
        parts.status,
        serde_json::from_slice(&body.collect().await?.to_bytes())?,
    ))
}

fn act_as_function(runtime_api: &str) -> ExitCode {
    if env::var_os("BROKEN").is_some() {
        eprintln!("no table is named");
        return ExitCode::from(3);
    }
    // Ends when the stack is gone, as a real runtime does.
    while let Ok(()) = handle_one(runtime_api) {}
    ExitCode::SUCCESS
}

fn handle_one(runtime_api: &str) -> Outcome {
    let (_, headers, event) = call(
        runtime_api,
        "GET",
        "/2018-06-01/runtime/invocation/next",
        &[],
        "",
    )?;
    let id = headers
        .get("lambda-runtime-aws-request-id")
        .ok_or("no id")?;
    let event: Value = serde_json::from_str(&event)?;
    if event.get("source").and_then(Value::as_str) == Some("aws.scheduler") {
        eprintln!("a scheduled run");
    }
    let path = event
        .get("rawPath")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (outcome, body) = match path {
        "/exit" => {
            eprintln!("leaving");
            process::exit(7)
        }
        "/hang" => {
            thread::sleep(Duration::from_secs(60));
            return Ok(());
        }
        "/error" => (
            "error",
            json!({ "errorType": "Mine", "errorMessage": "no luck" }).to_string(),
        ),
        "/not-json" => ("response", "<html>".to_owned()),
        "/malformed" => ("response", json!({ "statusCode": "many" }).to_string()),
        "/huge" => (
            "response",
            json!({ "statusCode": 200, "body": "x".repeat(7_000_000) }).to_string(),
        ),
        "/put" => ("response", reply(&json!({ "response": put()? }))),
        other => ("response", reply(&json!({ "path": other }))),
    };
    call(
        runtime_api,
        "POST",
        &format!("/2018-06-01/runtime/invocation/{id}/{outcome}"),
        &[],
        &body,
    )?;
    Ok(())
}

fn reply(body: &Value) -> String {
    json!({ "statusCode": 200, "body": body.to_string() }).to_string()
}

/// Puts an item as the SDK would, and returns the response's first line; empty without a response.
fn put() -> Result<String, Box<dyn Error + Send + Sync>> {
    let credential = authorization(&env::var("AWS_ACCESS_KEY_ID")?);
    let headers = [
        ("Content-Type", "application/x-amz-json-1.0"),
        ("X-Amz-Target", "DynamoDB_20120810.PutItem"),
        ("X-Amz-Date", "20261122T000000Z"),
        (header::AUTHORIZATION.as_str(), &credential),
    ];
    let body = json!({ "TableName": "dueline", "Item": { "pk": { "S": "a" } } }).to_string();
    Ok(call(
        &env::var("AWS_ENDPOINT_URL_DYNAMODB")?,
        "POST",
        "/",
        &headers,
        &body,
    )?
    .0)
}

/// A signature in the form that the wire and the embedded database read.
fn authorization(function: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={function}/20261122/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// A response: status line, headers in lower case, body.
type RawResponse = (String, BTreeMap<String, String>, String);

/// Sends a request over a connection of its own.
fn call(
    base: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<RawResponse, Box<dyn Error + Send + Sync>> {
    let base = base.trim_start_matches("http://");
    let (address, prefix) = base.split_once('/').unwrap_or((base, ""));
    let prefix = if prefix.is_empty() {
        String::new()
    } else {
        format!("/{prefix}")
    };
    let mut stream = TcpStream::connect(address)?;
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = body.len();
    write!(
        stream,
        "{method} {prefix}{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )?;
    let mut response = BufReader::new(stream);
    let mut status = String::new();
    response.read_line(&mut status)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        response.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let mut body = String::new();
    response.read_to_string(&mut body)?;
    Ok((status.trim_end().to_owned(), headers, body))
}
