//! The HTTP server and the body helpers that the gateway, the Runtime API and the wire share.

use crate::error::Error;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{error, fmt, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet, time};

/// Further clients wait. A process on a laptop may often open only 1,024 files.
const MAX_CONNECTIONS: usize = 512;
/// How long to wait if the system has no file descriptor left for a new connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How much of an oversized body is read and discarded before its connection is closed.
const MAX_DISCARDED_BYTES: usize = 32 * 1024 * 1024;

/// The connection is to be closed without a response.
#[derive(Debug)]
pub(crate) struct Hangup;

impl fmt::Display for Hangup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hung up on purpose")
    }
}

impl error::Error for Hangup {}

/// A response whose body is held whole.
pub(crate) type HttpResponse = Response<Full<Bytes>>;

/// What a handler returns.
pub(crate) type HandlerResult = Result<HttpResponse, Hangup>;

/// A server. Dropping it closes all its connections.
pub(crate) struct Server {
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How long a client may take to send a request's headers, including the idle time before them.
#[derive(Clone, Copy)]
pub(crate) enum HeaderTimeout {
    /// For clients that are not ours.
    After(Duration),
    /// For our own clients, which keep idle connections and would lose a request that crosses a
    /// close.
    Never,
}

/// Serves every connection of a listener.
pub(crate) fn serve<H, F>(listener: TcpListener, timeout: HeaderTimeout, handler: H) -> Server
where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = HandlerResult> + Send,
{
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new());
    match timeout {
        HeaderTimeout::After(limit) => builder.header_read_timeout(limit),
        HeaderTimeout::Never => builder.header_read_timeout(None),
    };
    let task = tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let (stream, peer) = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(_) => {
                        time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
                Some(_) = connections.join_next() => continue,
            };
            // A small response must not wait for the peer's delayed acknowledgement.
            drop(stream.set_nodelay(true));
            let handler = handler.clone();
            let connection = builder.serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| handler(request, peer)),
            );
            connections.spawn(async move {
                // How a connection ends concerns only its client.
                drop(connection.await);
                drop(place);
            });
        }
    });
    Server { task }
}

/// Listens on 127.0.0.1 only; port 0 takes any free one.
pub(crate) fn bind(port: u16, flag: &'static str) -> Result<std::net::TcpListener, Error> {
    let listener =
        std::net::TcpListener::bind(("127.0.0.1", port)).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => Error::PortInUse { port, flag },
            _ => Error::io(format!("listen on 127.0.0.1:{port}"), source),
        })?;
    listener
        .set_nonblocking(true)
        .map_err(|source| Error::io("set up a listener", source))?;
    Ok(listener)
}

/// Listens on any free port of 127.0.0.1.
pub(crate) fn bind_any() -> Result<(TcpListener, SocketAddr), Error> {
    // No flag is ever suggested: a free port is never in use.
    adopt(bind(0, "--port")?)
}

/// Hands a bound listener to the runtime, and returns its address too.
pub(crate) fn adopt(listener: std::net::TcpListener) -> Result<(TcpListener, SocketAddr), Error> {
    let address = listener
        .local_addr()
        .map_err(|source| Error::io("read a listener's address", source))?;
    let listener =
        TcpListener::from_std(listener).map_err(|source| Error::io("set up a listener", source))?;
    Ok((listener, address))
}

/// Why a body could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    Broken,
}

/// Reads a whole body, up to a limit. The excess is read and discarded, so that a client which
/// reads no response before it has sent everything still learns why it is refused.
pub(crate) async fn read(mut body: Incoming, limit_bytes: usize) -> Result<Bytes, BodyError> {
    let mut whole = BytesMut::new();
    let mut seen_bytes = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            continue;
        };
        seen_bytes += data.len();
        if seen_bytes <= limit_bytes {
            whole.extend_from_slice(&data);
        } else if seen_bytes > limit_bytes + MAX_DISCARDED_BYTES {
            break;
        }
    }
    if seen_bytes > limit_bytes {
        Err(BodyError::TooLarge)
    } else {
        Ok(whole.freeze())
    }
}

/// A response with a JSON body.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// Whether a header concerns one connection only (RFC 9110, 7.6.1), and so is not passed on.
pub(crate) fn is_hop_by_hop(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.iter().any(|hop| name.eq_ignore_ascii_case(hop))
}
