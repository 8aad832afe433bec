//! TLS with the host's root certificates.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::domain::webhook_url::Host;
use crate::send::Failure;

/// A connector that trusts the host's root certificates; `None` if there are none, which is logged.
pub(super) fn connector() -> Option<TlsConnector> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A host may have certificates that rustls cannot read; they are of no use to anyone here.
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::error!(ignored, errors = ?found.errors, "no root certificates for webhooks");
        return None;
    }
    connector_trusting(roots)
        .inspect_err(|error| tracing::error!(%error, "no TLS for webhooks"))
        .ok()
}

/// A connector that trusts these root certificates.
pub(super) fn connector_trusting(roots: RootCertStore) -> Result<TlsConnector, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Agrees on TLS with the receiver, whose certificate must be valid for the host as it was written.
pub(super) async fn handshake(
    connector: &TlsConnector,
    host: &Host,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Failure> {
    let name = match host {
        Host::Address(address) => ServerName::from(*address),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Failure::Certificate)?,
    };
    let stream = connector.connect(name, stream).await;
    stream.map_err(|error| failure(&error))
}

fn failure(error: &io::Error) -> Failure {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(rustls::Error::InvalidCertificate(_)) => Failure::Certificate,
        _ => Failure::Tls,
    }
}
