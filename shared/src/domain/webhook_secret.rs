//! The secret with which a webhook is signed, and the signature: Standard Webhooks 1.0.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a secret's text begins with.
const PREFIX: &str = "whsec_";
/// The fewest and the most bytes of a secret, by the standard. We make 32.
const MIN_BYTES: usize = 24;
const MAX_BYTES: usize = 64;

type HmacSha256 = Hmac<Sha256>;

/// A webhook's secret. Only [`WebhookSecret::reveal`] shows it.
#[derive(Clone)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// A new secret, of random bytes from the caller: this module is pure.
    pub fn new(random: &[u8; 32]) -> WebhookSecret {
        WebhookSecret(random.to_vec())
    }

    /// Reads a secret: `whsec_` and the base64 of 24 to 64 bytes.
    pub fn parse(text: &str) -> Option<WebhookSecret> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let fits = (MIN_BYTES..=MAX_BYTES).contains(&bytes.len());
        fits.then_some(WebhookSecret(bytes))
    }

    /// The secret's text: for the table, and for the one answer that contains it.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// The signature of a message: `v1,` and the base64 of the HMAC-SHA256 of
    /// `id.timestamp.body`. The timestamp is in seconds since 1970.
    pub fn sign(&self, id: &str, timestamp_second: i64, body: &str) -> String {
        let mut key = hmac::digest::Key::<HmacSha256>::default();
        // HMAC fills a key up to 64 bytes with zeros (RFC 2104), and no secret is longer.
        for (slot, byte) in key.iter_mut().zip(&self.0) {
            *slot = *byte;
        }
        let signed = format!("{id}.{timestamp_second}.{body}");
        let mac = HmacSha256::new(&key).chain_update(signed).finalize();
        format!("v1,{}", STANDARD.encode(mac.into_bytes()))
    }
}

/// Reveals nothing, so that no secret ends up in a log.
impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// <https://github.com/standard-webhooks/standard-webhooks>, "sign function works" in each of
    /// its libraries.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let secret = WebhookSecret::parse(secret).expect("a secret");
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signature = secret.sign(id, 1_614_265_330, "{\"test\": 2432232314}");
        let published = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signature, published);
    }

    #[test]
    fn the_reference_library_signs_alike() {
        for length in [24, 32, 33, 63, 64] {
            let bytes: Vec<u8> = (0..length).map(|byte| 255 - byte * 3).collect();
            let text = format!("whsec_{}", STANDARD.encode(&bytes));
            let secret = WebhookSecret::parse(&text).expect("a secret");
            assert_eq!(secret.reveal(), text);
            let theirs = standardwebhooks::Webhook::new(&text).expect("a secret");
            for (id, second, body) in [("", 0, ""), ("ntc_1", 1_790_000_000, "{\"é\":1}\n")] {
                let expected = theirs.sign(id, second, body.as_bytes());
                let expected = expected.expect("a signature");
                assert_eq!(secret.sign(id, second, body), expected, "{length}");
            }
        }
    }

    #[test]
    fn a_secret_is_written_read_and_never_shown_otherwise() {
        let secret = WebhookSecret::new(&[0xff; 32]);
        let text = "whsec_//////////////////////////////////////////8=";
        assert_eq!(secret.reveal(), text);
        let read = WebhookSecret::parse(text).expect("a secret");
        assert_eq!(read.reveal(), text);
        assert_eq!(format!("{secret:?}"), "WebhookSecret(…)");
    }

    #[test]
    fn a_secret_has_its_form() {
        let written = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for bytes in [24, 64] {
            assert!(WebhookSecret::parse(&written(bytes)).is_some(), "{bytes}");
        }
        let (short, long) = (written(23), written(65));
        let (bare, url_safe) = (written(32).replace("whsec_", ""), "_".repeat(43));
        for text in [
            "",
            "whsec_",
            &short,
            &long,
            &bare,
            &format!("whsec_{url_safe}="),
            &format!("{}\n", written(32)),
            &written(32).replace('=', ""),
        ] {
            assert!(WebhookSecret::parse(text).is_none(), "{text}");
        }
    }
}
