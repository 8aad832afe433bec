//! Resolves a host, checks its addresses, and connects to one that was checked.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::domain::address::is_global;
use crate::domain::webhook_url::{Host, Scheme, Target};
use crate::send::Failure;

/// The most addresses of a host that are tried.
const MAX_TRIED: usize = 8;
/// The time for one address, so that the next has its chance within
/// [`TIMEOUT`](crate::send::TIMEOUT). A lost packet costs one second.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(2_250);

type Resolve = dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;
type Dial = dyn Fn(SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> + Send + Sync;

/// The two ways in which a sender touches the network. Tests put their own in place of either.
pub(super) struct Network {
    /// The addresses of a name, each with the given port.
    pub(super) resolve: Box<Resolve>,
    /// A connection to an address.
    pub(super) dial: Box<Dial>,
}

impl Network {
    /// The system's name service, called on a thread of its own, and its sockets.
    pub(super) fn system() -> Network {
        Network {
            resolve: Box::new(|name, port| {
                Box::pin(async move { Ok(lookup_host((name, port)).await?.collect()) })
            }),
            dial: Box::new(|address| Box::pin(TcpStream::connect(address))),
        }
    }

    /// Connects to a target, unless one of its addresses is not public.
    pub(super) async fn connect(&self, target: &Target) -> Result<TcpStream, Failure> {
        let addresses = match target.host() {
            Host::Address(address) => vec![SocketAddr::new(*address, target.port())],
            Host::Name(name) => (self.resolve)(name.clone(), target.port())
                .await
                .map_err(|_| Failure::NotResolved)?,
        };
        if addresses.is_empty() {
            return Err(Failure::NotResolved);
        }
        let allowed = match target.scheme() {
            Scheme::Https => addresses.iter().all(|address| is_global(address.ip())),
            // The host of such a target is 127.0.0.1.
            Scheme::Http => true,
        };
        if !allowed {
            return Err(Failure::NotGlobal);
        }
        for address in addresses.into_iter().take(MAX_TRIED) {
            if let Ok(Ok(stream)) = timeout(CONNECT_TIMEOUT, (self.dial)(address)).await {
                // Best effort: without it, a request only waits a little longer for its packets.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
        }
        Err(Failure::NotConnected)
    }
}
