//! The DynamoDB client: which certificates it trusts, how long it waits and how often it retries.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore as Roots};

use crate::config::{Config, TrustStore};
use crate::problem::Cause;
use crate::store::Table;

/// The time to connect. Within a region it takes a millisecond or two; half a second is an outage.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// The time for one attempt. DynamoDB responds within single-digit milliseconds; a lost packet
/// costs 200.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);
/// The time for one operation with all its attempts. Three in sequence stay below
/// [`crate::serve::DEADLINE`].
const OPERATION_TIMEOUT: Duration = Duration::from_millis(2_500);
/// The first attempt and two retries.
const MAX_ATTEMPTS: u32 = 3;
/// The upper bound of the first pause between attempts; the actual pause is random.
const BASE_BACKOFF: Duration = Duration::from_millis(25);

/// All of Amazon's roots, as Mozilla ships them: Amazon Root CA 1 to 4, and Starfield Services Root
/// Certificate Authority - G2. AWS asks that a trust store hold every one of them:
/// <https://www.amazontrust.com/repository/>.
const AMAZON_ROOTS: &str = include_str!("amazon_roots.pem");

/// Makes a client for a local database, which does not check credentials.
pub fn connect_to(endpoint: &str, table: &str) -> Table {
    let aws = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(
            "local",
            "local",
            None,
            None,
            "this machine",
        ))
        .http_client(Builder::new().build_http())
        .timeout_config(timeouts())
        .retry_config(retries())
        .build();
    Table::new(Client::from_conf(aws), table.to_owned())
}

/// Makes the client. It is made once per process, and connects when it is first used.
///
/// Credentials, region and endpoint come from the usual sources of AWS configuration.
pub async fn connect(config: &Config) -> Result<Table, Cause> {
    let roots = match config.trust_store {
        TrustStore::Amazon => Roots::empty().with_pem_certificate(AMAZON_ROOTS),
        TrustStore::System => Roots::default(),
    };
    let tls = TlsContext::builder().with_trust_store(roots).build()?;
    let http = Builder::new()
        .tls_provider(Provider::rustls(CryptoMode::Ring))
        .tls_context(tls)
        .build_https();
    let aws = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .timeout_config(timeouts())
        .retry_config(retries())
        // An attempt times out before the grace period of this protection ends.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .load()
        .await;
    Ok(Table::new(Client::new(&aws), config.table.clone()))
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(BASE_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_five_of_amazons_roots_are_present_and_can_be_parsed() {
        assert_eq!(AMAZON_ROOTS.matches("BEGIN CERTIFICATE").count(), 5);
        let roots = Roots::empty().with_pem_certificate(AMAZON_ROOTS);
        let tls = TlsContext::builder()
            .with_trust_store(roots)
            .build()
            .expect("a context");
        // This parses the certificates, and panics if it cannot.
        let provider = Provider::rustls(CryptoMode::Ring);
        let _client = Builder::new()
            .tls_provider(provider)
            .tls_context(tls)
            .build_https();
    }
}
