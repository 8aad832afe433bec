//! Receivers on this machine, honest and hostile. Where a test needs a public host, its own name
//! service gives an address, and its own dialler writes that down and leads to a receiver here.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;

/// Shorter than [`TIMEOUT`], for tests that wait for it.
const SHORT: Duration = Duration::from_millis(250);
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(test)
}

fn local_sender() -> Sender {
    Sender::new("1.2.3", Loopback::Allowed)
}

fn local_url(port: u16) -> WebhookUrl {
    url(&format!("http://127.0.0.1:{port}/hook?team=1"))
}

/// As the table has it: nobody has checked it.
fn url(text: &str) -> WebhookUrl {
    serde_json::from_value(text.into()).expect("a text")
}

async fn post(sender: &Sender, url: &WebhookUrl) -> Attempt {
    let secret = WebhookSecret::new(&[7; 32]);
    let message = Message {
        id: "ntc_1",
        timestamp: Timestamp::UNIX_EPOCH,
        body: "{}",
        secrets: &[&secret],
    };
    sender.post(url, &message).await
}

fn answered(status: u16, body: &str) -> Outcome {
    Outcome::Answered {
        status,
        body: body.to_owned(),
        retry_after: None,
    }
}

/// What a receiver does when it has written its answer.
#[derive(Clone, Copy)]
enum Then {
    /// Nothing more comes.
    End,
    /// More seems to come.
    Stall,
}

/// A receiver of one request, whose body is two bytes. It gives the answer, waits until the sender
/// has closed the connection, and returns what it has read.
async fn receiver(answer: impl Into<Vec<u8>>, then: Then) -> (u16, JoinHandle<String>) {
    let answer = answer.into();
    let listener = listener().await;
    let port = listener.local_addr().expect("an address").port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        receive(stream, &answer, then).await
    });
    (port, task)
}

async fn listener() -> TcpListener {
    let address = (Ipv4Addr::LOCALHOST, 0);
    TcpListener::bind(address).await.expect("a free port")
}

async fn receive(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &[u8],
    then: Then,
) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n{}") {
        let byte = stream.read_u8().await.expect("a request");
        request.push(byte);
    }
    // From here on the sender may close before it has read everything, which is an error here.
    let _ = stream.write_all(answer).await;
    if let Then::End = then {
        let _ = stream.shutdown().await;
    }
    let _ = stream.read_to_end(&mut request).await;
    String::from_utf8(request).expect("a request in UTF-8")
}

#[test]
fn a_request_is_byte_by_byte_what_receivers_are_told() {
    run(async {
        let (port, received) = receiver(OK, Then::End).await;
        let (new, old) = ([1; 32], [2; 32]);
        let secrets = [&WebhookSecret::new(&new), &WebhookSecret::new(&old)];
        let message = Message {
            id: "ntc_0198c0de",
            // Half a second later, and still the same second.
            timestamp: Timestamp::from_millisecond(1_790_000_000_500).expect("in range"),
            body: "{}",
            secrets: &secrets,
        };
        let attempt = local_sender().post(&local_url(port), &message).await;
        assert_eq!(attempt.outcome, answered(200, "ok"));
        assert!(attempt.delivered());

        let [first, second] = [new, old].map(|secret| {
            let theirs = standardwebhooks::Webhook::from_bytes(secret.to_vec());
            let theirs = theirs.expect("a secret");
            let signature = theirs.sign(message.id, 1_790_000_000, b"{}");
            signature.expect("a signature")
        });
        let expected = format!(
            "POST /hook?team=1 HTTP/1.1\r\n\
             host: 127.0.0.1:{port}\r\n\
             content-type: application/json\r\n\
             user-agent: Dueline/1.2.3\r\n\
             webhook-id: ntc_0198c0de\r\n\
             webhook-timestamp: 1790000000\r\n\
             webhook-signature: {first} {second}\r\n\
             content-length: 2\r\n\
             \r\n\
             {{}}"
        );
        assert_eq!(received.await.expect("a request"), expected);
    });
}

#[test]
fn whatever_path_is_accepted_can_be_sent() {
    let printable: String = (' '..='~').filter(|c| !r"\#?".contains(*c)).collect();
    for path in [
        format!("/{printable}é\u{202e}/?{printable}?é#{printable}"),
        String::from("//other.example/"),
        String::from("/%zz%00%0d%0a"),
        String::from("?"),
    ] {
        let text = format!("https://receiver.example{path}");
        let url = WebhookUrl::parse(&text, Loopback::Refused).expect("accepted");
        let target = url.target(Loopback::Refused).expect("accepted");
        let message = Message {
            id: "ntc_1",
            timestamp: Timestamp::UNIX_EPOCH,
            body: "",
            secrets: &[],
        };
        let request = local_sender().request(&target, &message);
        let uri = request.expect("a request").uri().to_string();
        assert_eq!(uri, target.path_and_query());
    }
}

#[test]
fn an_answer_is_reported_whatever_it_says() {
    let long = "x".repeat(700);
    let redirect = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\n\r\n";
    let many_headers = "x: y\r\n".repeat(99);
    let asks = |status: u16, seconds| Outcome::Answered {
        status,
        body: String::new(),
        retry_after: Some(Duration::from_secs(seconds)),
    };
    let empty = "content-length: 0\r\n\r\n";
    let table: &[(String, Outcome)] = &[
        ("HTTP/1.1 204 No Content\r\n\r\n".into(), answered(204, "")),
        (
            "HTTP/1.0 200 OK\r\n\r\nto the end".into(),
            answered(200, "to the end"),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbroken".into(),
            answered(200, "broken"),
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
                .into(),
            answered(202, ""),
        ),
        (redirect.into(), answered(302, "")),
        (
            format!("HTTP/1.1 410 Gone\r\ncontent-length: 700\r\n\r\n{long}"),
            answered(410, &long[..500]),
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
                .into(),
            answered(200, "abc"),
        ),
        (
            format!("HTTP/1.1 429 Slow\r\nretry-after: 7\r\n{empty}"),
            asks(429, 7),
        ),
        (
            format!("HTTP/1.1 503 Down\r\nretry-after: 9999999\r\n{empty}"),
            asks(503, 86_400),
        ),
        (
            format!("HTTP/1.1 503 Down\r\nretry-after: soon\r\n{empty}"),
            answered(503, ""),
        ),
        (
            format!("HTTP/1.1 500 Bug\r\nretry-after: 7\r\n{empty}"),
            answered(500, ""),
        ),
        (
            format!("HTTP/1.1 200 OK\r\n{many_headers}{empty}"),
            answered(200, ""),
        ),
        (
            format!("HTTP/1.1 200 OK\r\nx: {}\r\n{empty}", "y".repeat(15_000)),
            answered(200, ""),
        ),
    ];
    run(async {
        for (answer, expected) in table {
            let (port, received) = receiver(answer.as_bytes(), Then::End).await;
            let (sender, dialled) = recording(local_sender());
            let attempt = post(&sender, &local_url(port)).await;
            assert_eq!(attempt.outcome, *expected, "{answer:.60}");
            let delivered = answer.contains("1.1 20") || answer.contains("1.0 20");
            assert_eq!(attempt.delivered(), delivered, "{answer:.60}");
            let only = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))];
            assert_eq!(*dialled.lock().expect("a list"), only);
            received.await.expect("closed by the sender");
        }
        let not_utf8 = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na\xff";
        let (port, _received) = receiver(*not_utf8, Then::End).await;
        let attempt = post(&local_sender(), &local_url(port)).await;
        assert_eq!(attempt.outcome, answered(200, "a\u{fffd}"));
    });
}

#[test]
fn what_is_no_answer_is_a_failure() {
    let large = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101));
    run(async {
        for (answer, expected) in [
            ("", Failure::NoAnswer),
            ("SSH-2.0-OpenSSH_9.9\r\n", Failure::NotHttp),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Failure::NotHttp),
            ("<h1>Hello</h1>\r\n\r\n", Failure::NotHttp),
            (&large, Failure::NotHttp),
            (&many, Failure::NotHttp),
        ] {
            let (port, _received) = receiver(answer, Then::End).await;
            let attempt = post(&local_sender(), &local_url(port)).await;
            assert_eq!(attempt.outcome, Outcome::Failed(expected), "{answer:.60}");
            assert!(!attempt.delivered());
        }
        let unused = listener().await.local_addr().expect("an address").port();
        let attempt = post(&local_sender(), &local_url(unused)).await;
        assert_eq!(attempt.outcome, Outcome::Failed(Failure::NotConnected));
    });
}

#[test]
fn a_receiver_that_does_not_answer_is_left_in_time_and_holds_nobody_up() {
    run(async {
        let sender = Sender {
            time: SHORT,
            ..local_sender()
        };
        // A connection is accepted by the system, and nothing is ever read from it.
        let silent = listener().await;
        let silent = silent.local_addr().map(|address| (address.port(), silent));
        let (silent_port, _listener) = silent.expect("an address");
        let (slow_port, slow) = receiver("HTTP/1.1 200 OK\r\n", Then::Stall).await;
        let (quick_port, _quick) = receiver(OK, Then::End).await;
        let (silent, slow_url) = (local_url(silent_port), local_url(slow_port));
        let (patient, quick_url) = (local_sender(), local_url(quick_port));
        let (silent, unfinished, quick) = tokio::join!(
            post(&sender, &silent),
            post(&sender, &slow_url),
            post(&patient, &quick_url),
        );
        for late in [silent, unfinished] {
            assert_eq!(late.outcome, Outcome::Failed(Failure::TimedOut));
            assert!(late.took >= SHORT, "{late:?}");
        }
        assert!(quick.delivered(), "{quick:?}");
        slow.await.expect("closed by the sender");
    });
}

#[test]
fn a_name_service_that_does_not_answer_is_left_in_time() {
    run(async {
        let sender = Sender {
            time: SHORT,
            network: Network {
                resolve: Box::new(|_, _| Box::pin(std::future::pending())),
                dial: Box::new(|_| Box::pin(async { Err(io::ErrorKind::Other.into()) })),
            },
            ..Sender::new("1.2.3", Loopback::Refused)
        };
        let attempt = post(&sender, &url("https://receiver.example/")).await;
        assert_eq!(attempt.outcome, Outcome::Failed(Failure::TimedOut));
    });
}

#[test]
fn a_2xx_counts_whatever_becomes_of_its_body() {
    run(async {
        let sender = Sender {
            time: SHORT,
            ..local_sender()
        };
        // It promises more than it sends, and keeps the connection open.
        let part = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart";
        let (port, received) = receiver(part, Then::Stall).await;
        let attempt = post(&sender, &local_url(port)).await;
        assert_eq!(attempt.outcome, answered(200, "part"));
        assert!(attempt.took >= SHORT, "{attempt:?}");
        received.await.expect("closed by the sender");

        // It never stops sending. The whole time is given, and is not needed.
        let listener = listener().await;
        let port = listener.local_addr().expect("an address").port();
        let endless = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let head = b"HTTP/1.1 200 OK\r\n\r\n";
            stream.write_all(head).await.expect("a sender");
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        });
        let attempt = post(&local_sender(), &local_url(port)).await;
        assert_eq!(attempt.outcome, answered(200, &"x".repeat(500)));
        assert!(attempt.took < TIMEOUT, "{attempt:?}");
        endless.await.expect("closed by the sender");
    });
}

#[test]
fn nothing_is_sent_unless_every_address_of_the_host_is_public() {
    const V4: &str = "8.8.8.8";
    const V6: &str = "2606:4700::1111";
    run(async {
        for answer in [
            &["127.0.0.1"][..],
            &["169.254.169.254"],
            &["10.0.0.1"],
            &["0.0.0.0"],
            &["100.64.0.1"],
            &["::1"],
            &["::ffff:127.0.0.1"],
            &["64:ff9b::7f00:1"],
            &["fd00:ec2::254"],
            &["fe80::1"],
            &[V4, "127.0.0.1"],
            &["127.0.0.1", V4],
            &[V4, V6, V4, V6, V4, V6, V4, V6, V4, V6, "192.168.0.1"],
            &[V6, "::1"],
        ] {
            for loopback in [Loopback::Refused, Loopback::Allowed] {
                let (sender, dialled) = recording(resolving(loopback, &[answer]));
                let attempt = post(&sender, &url("https://receiver.example/")).await;
                let expected = Outcome::Failed(Failure::NotGlobal);
                assert_eq!(attempt.outcome, expected, "{answer:?}");
                assert_eq!(*dialled.lock().expect("a list"), [], "{answer:?}");
            }
        }
        // A name without addresses, and URLs that are refused before any name is looked up.
        let (sender, dialled) = recording(resolving(Loopback::Refused, &[&[]]));
        for (text, expected) in [
            ("https://receiver.example/", Failure::NotResolved),
            ("https://127.0.0.1/", Failure::NotGlobal),
            ("https://localhost/", Failure::NotGlobal),
            ("https://[::ffff:a9fe:a9fe]/", Failure::NotGlobal),
            ("http://127.0.0.1/", Failure::UrlRefused),
            ("http://receiver.example/", Failure::UrlRefused),
            ("https://receiver.example:22/", Failure::UrlRefused),
            ("https://me@receiver.example/", Failure::UrlRefused),
            ("nonsense", Failure::UrlRefused),
        ] {
            let attempt = post(&sender, &url(text)).await;
            assert_eq!(attempt.outcome, Outcome::Failed(expected), "{text}");
        }
        assert_eq!(*dialled.lock().expect("a list"), []);
    });
}

#[test]
fn public_addresses_are_tried_in_turn_and_not_without_end() {
    run(async {
        let answer = ["8.8.8.8"; 20];
        let (sender, dialled) = recording(resolving(Loopback::Refused, &[&answer]));
        let attempt = post(&sender, &url("https://receiver.example:8443/")).await;
        assert_eq!(attempt.outcome, Outcome::Failed(Failure::NotConnected));
        let expected = ["8.8.8.8:8443"; 8].map(|text| text.parse().expect("an address"));
        assert_eq!(*dialled.lock().expect("a list"), expected);
    });
}

#[test]
fn a_second_answer_of_the_name_service_leads_nowhere() {
    run(async {
        let trap = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        trap.set_nonblocking(true).expect("a socket");
        let port = trap.local_addr().expect("an address").port();
        let answers: &[&[&str]] = &[&["8.8.8.8"], &["127.0.0.1"], &["8.8.8.8", "127.0.0.1"]];
        let (sender, dialled) = recording(resolving(Loopback::Refused, answers));
        let url = url(&format!("https://receiver.example:{port}/"));
        let mut outcomes = Vec::new();
        for _ in answers {
            outcomes.push(post(&sender, &url).await.outcome);
        }
        let expected = [
            Failure::NotConnected,
            Failure::NotGlobal,
            Failure::NotGlobal,
        ];
        assert_eq!(outcomes, expected.map(Outcome::Failed));
        let only = SocketAddr::from(([8, 8, 8, 8], port));
        assert_eq!(*dialled.lock().expect("a list"), [only]);
        let nobody = trap.accept().map_err(|error| error.kind());
        assert_eq!(nobody.err(), Some(io::ErrorKind::WouldBlock));
    });
}

#[test]
fn tls_is_spoken_only_with_whom_the_certificate_names() {
    let (ours, unknown) = (Authority::new(), Authority::new());
    let valid = ours.certificate(&["receiver.example", "8.8.8.8"], 2999);
    let expired = ours.certificate(&["receiver.example"], 2001);
    let strange = unknown.certificate(&["receiver.example"], 2999);
    let sent = answered(200, "ok");
    let refused = Outcome::Failed(Failure::Certificate);
    let right = "https://receiver.example/";
    run(async {
        for (name, certificate, text, expected) in [
            ("right name", &valid, right, &sent),
            ("absolute name", &valid, "https://receiver.example./", &sent),
            ("right address", &valid, "https://8.8.8.8/", &sent),
            ("wrong name", &valid, "https://other.example/", &refused),
            ("wrong address", &valid, "https://8.8.4.4/", &refused),
            ("expired", &expired, right, &refused),
            ("unknown authority", &strange, right, &refused),
        ] {
            let (port, received) = tls_receiver(Arc::clone(certificate)).await;
            let sender = leading_to(port, &ours);
            let attempt = post(&sender, &url(text)).await;
            assert_eq!(attempt.outcome, *expected, "{name}");
            let received = received.await.expect("a receiver");
            assert_eq!(
                received.is_some(),
                *expected == sent,
                "{name}: {received:?}"
            );
            if let Some((asked_for, request)) = received {
                let host = text.trim_start_matches("https://").trim_end_matches('/');
                assert!(
                    request.contains(&format!("\r\nhost: {host}\r\n")),
                    "{request}"
                );
                let by_name = host.starts_with("receiver");
                let expected = by_name.then(|| String::from("receiver.example"));
                assert_eq!(asked_for, expected, "{name}");
            }
        }
        for (name, answer, time, expected) in [
            ("it speaks no TLS", OK, TIMEOUT, Failure::Tls),
            ("it says nothing", "", SHORT, Failure::TimedOut),
        ] {
            let listener = listener().await;
            let port = listener.local_addr().expect("an address").port();
            let task = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let written = stream.write_all(answer.as_bytes()).await;
                written.expect("a sender");
                let mut read = Vec::new();
                let _ = stream.read_to_end(&mut read).await;
                read
            });
            let sender = Sender {
                time,
                ..leading_to(port, &ours)
            };
            let attempt = post(&sender, &url(right)).await;
            assert_eq!(attempt.outcome, Outcome::Failed(expected), "{name}");
            let read = task.await.expect("a receiver");
            assert_eq!(
                read.first(),
                Some(&0x16),
                "{name}: a handshake, and no more"
            );
            assert!(!read.windows(4).any(|part| part == b"POST"), "{name}");
        }
    });
}

#[test]
fn without_root_certificates_nothing_is_sent_over_tls() {
    run(async {
        let listener = listener().await;
        let port = listener.local_addr().expect("an address").port();
        let sender = Sender {
            tls: OnceLock::from(None),
            ..leading_to(port, &Authority::new())
        };
        let attempt = post(&sender, &url("https://receiver.example/")).await;
        assert_eq!(attempt.outcome, Outcome::Failed(Failure::NoRoots));
    });
}

#[test]
fn the_hosts_root_certificates_are_found() {
    assert!(tls::connector().is_some());
}

#[test]
fn a_failure_is_worded_for_the_team() {
    for (failure, words) in [
        (Failure::UrlRefused, "the URL is not allowed"),
        (
            Failure::NotGlobal,
            "the host resolves to an address that is not public",
        ),
        (Failure::NotResolved, "the host could not be resolved"),
        (
            Failure::NotConnected,
            "the receiver did not accept a connection",
        ),
        (
            Failure::Certificate,
            "the receiver's certificate is not valid for this host",
        ),
        (
            Failure::Tls,
            "the receiver and this service did not agree on TLS",
        ),
        (
            Failure::NoRoots,
            "this service has no root certificates to check the receiver's by",
        ),
        (Failure::NotSent, "the request could not be sent"),
        (
            Failure::NoAnswer,
            "the receiver closed the connection without an answer",
        ),
        (
            Failure::NotHttp,
            "the receiver's answer is not valid HTTP/1.1, or too large",
        ),
        (
            Failure::TimedOut,
            "the receiver did not answer within 5 seconds",
        ),
    ] {
        assert_eq!(failure.to_string(), words);
    }
}

/// A sender whose name service gives these answers in turn, and the last again and again. What is
/// dialled refuses.
fn resolving(loopback: Loopback, answers: &[&[&str]]) -> Sender {
    let address = |text: &&str| -> IpAddr { text.parse().expect("an address") };
    let answers = answers.iter().rev();
    let answers = answers.map(|answer| answer.iter().map(address).collect());
    let left: Mutex<Vec<Vec<IpAddr>>> = Mutex::new(answers.collect());
    let resolve = move |_, port| -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let mut left = left.lock().expect("a list");
        let answer = match left.len() {
            1 => left.first().cloned(),
            _ => left.pop(),
        };
        let answer = answer.unwrap_or_default().into_iter();
        let answer = answer.map(|address| SocketAddr::new(address, port));
        Box::pin(std::future::ready(Ok(answer.collect())))
    };
    Sender {
        network: Network {
            resolve: Box::new(resolve),
            dial: Box::new(|_| Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) })),
        },
        ..Sender::new("1.2.3", loopback)
    }
}

/// The same sender, and the list of what it will have dialled.
fn recording(sender: Sender) -> (Sender, Arc<Mutex<Vec<SocketAddr>>>) {
    let dialled = Arc::new(Mutex::new(Vec::new()));
    let (list, dial) = (Arc::clone(&dialled), sender.network.dial);
    let dial = move |address| {
        list.lock().expect("a list").push(address);
        dial(address)
    };
    let network = Network {
        resolve: sender.network.resolve,
        dial: Box::new(dial),
    };
    (Sender { network, ..sender }, dialled)
}

/// A sender that trusts one authority, and whose every connection leads to a port of this machine.
fn leading_to(port: u16, trusted: &Authority) -> Sender {
    let mut roots = RootCertStore::empty();
    let root = trusted.root.der().clone();
    roots.add(root).expect("a root certificate");
    let connector = tls::connector_trusting(roots).expect("a connector");
    let sender = resolving(Loopback::Refused, &[&["8.8.8.8"]]);
    let dial = move |_| -> BoxFuture<'static, io::Result<TcpStream>> {
        Box::pin(TcpStream::connect((Ipv4Addr::LOCALHOST, port)))
    };
    Sender {
        network: Network {
            dial: Box::new(dial),
            ..sender.network
        },
        tls: OnceLock::from(Some(connector)),
        ..sender
    }
}

/// An authority that signs certificates.
struct Authority {
    root: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("a certificate");
        let issuer = Issuer::new(params, key);
        Authority { root, issuer }
    }

    /// What a receiver of these names and addresses serves, until that year.
    fn certificate(&self, names: &[&str], year: i32) -> Arc<ServerConfig> {
        let names: Vec<_> = names.iter().map(|name| String::from(*name)).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer);
        let chain = vec![certificate.expect("a certificate").der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key);
        let mut config = config.expect("a certificate and its key");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

/// A receiver of one request over TLS: the name that was asked for, and the request; `None` if the
/// sender did not like the certificate.
async fn tls_receiver(
    config: Arc<ServerConfig>,
) -> (u16, JoinHandle<Option<(Option<String>, String)>>) {
    let listener = listener().await;
    let port = listener.local_addr().expect("an address").port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let stream = TlsAcceptor::from(config).accept(stream).await.ok()?;
        let name = stream.get_ref().1.server_name().map(String::from);
        Some((name, receive(stream, OK.as_bytes(), Then::End).await))
    });
    (port, task)
}
