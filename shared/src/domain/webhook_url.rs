//! Where a webhook is sent: which URLs are accepted, and what the sender needs to know of one.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use url::{SyntaxViolation, Url};

use crate::domain::address::is_global;

/// The most characters of a URL. Browsers and servers disagree above this.
pub const MAX_URL_CHARS: usize = 2_000;

/// The port of https.
const HTTPS_PORT: u16 = 443;
/// The first port that anyone may use. Those below, except 443, belong to other protocols, such as
/// SSH's 22 and SMTP's 25, which are not to be talked to in a webhook's name.
const FIRST_FREE_PORT: u16 = 1024;
/// The one host that may be talked to in the clear, if any.
const THIS_MACHINE: Host = Host::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

/// A webhook's URL, as the client wrote it. What it names is read anew, and judged anew, by
/// [`WebhookUrl::target`] at every attempt: nothing is trusted for having been accepted once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookUrl(String);

/// Whether a webhook may also be sent to this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loopback {
    /// No: what the cloud runs.
    Refused,
    /// Yes, to `http://127.0.0.1` with any port, so that receivers can be tried out without a
    /// certificate.
    Allowed,
}

/// Why a URL was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlReason {
    /// It has more than [`MAX_URL_CHARS`] characters.
    TooLong,
    /// It is not an absolute URL, or only a browser would guess which one is meant.
    NotAUrl,
    /// Its scheme is not `https`.
    NotHttps,
    /// It contains a user name or a password.
    UserInfo,
    /// Its port is neither 443 nor at least 1024.
    Port,
    /// Its host is this machine, or an IP address that is not public.
    NotGlobal,
}

/// What a URL names. Only a URL that was accepted has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    scheme: Scheme,
    host: Host,
    port: u16,
    authority: String,
    path_and_query: String,
}

/// How a target is talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP over TLS.
    Https,
    /// HTTP in the clear: the host is 127.0.0.1.
    Http,
}

/// The host of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name, in lower-case ASCII.
    Name(String),
    /// A public address, or 127.0.0.1 in the clear.
    Address(IpAddr),
}

impl WebhookUrl {
    /// Reads a URL as the WHATWG's standard does, so that no spelling of an address is overlooked:
    /// <https://url.spec.whatwg.org/>. What it would repair in silence, such as backslashes and
    /// line breaks, is refused.
    pub fn parse(text: &str, loopback: Loopback) -> Result<WebhookUrl, UrlReason> {
        target(text, loopback)?;
        Ok(WebhookUrl(text.to_owned()))
    }

    /// The URL as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the URL names, if it is still acceptable.
    pub fn target(&self, loopback: Loopback) -> Result<Target, UrlReason> {
        target(&self.0, loopback)
    }
}

impl Target {
    /// How it is talked to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its port, as written or as the scheme implies.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of the `host` header: the host, and the port unless the scheme implies it.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path and the query, percent-encoded. A fragment is not sent.
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }
}

fn target(text: &str, loopback: Loopback) -> Result<Target, UrlReason> {
    if text.chars().count() > MAX_URL_CHARS {
        return Err(UrlReason::TooLong);
    }
    let url = read(text)?;
    let host = match url.host().ok_or(UrlReason::NotAUrl)? {
        url::Host::Domain(name) => Host::Name(name.to_owned()),
        url::Host::Ipv4(address) => Host::Address(IpAddr::V4(address)),
        url::Host::Ipv6(address) => Host::Address(IpAddr::V6(address)),
    };
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" if loopback == Loopback::Allowed && host == THIS_MACHINE => Scheme::Http,
        _ => return Err(UrlReason::NotHttps),
    };
    let port = url.port_or_known_default().ok_or(UrlReason::NotAUrl)?;
    if scheme == Scheme::Https {
        if port != HTTPS_PORT && port < FIRST_FREE_PORT {
            return Err(UrlReason::Port);
        }
        if !may_be_public(&host) {
            return Err(UrlReason::NotGlobal);
        }
    }
    let query = url.query().map(|query| format!("?{query}"));
    Ok(Target {
        scheme,
        host,
        port,
        authority: url.authority().to_owned(),
        path_and_query: format!("{}{}", url.path(), query.unwrap_or_default()),
    })
}

/// Reads an absolute URL without user info, and without what a reader would have to repair.
fn read(text: &str) -> Result<Url, UrlReason> {
    let (repaired, user_info) = (Cell::new(false), Cell::new(false));
    let note = |violation| match violation {
        SyntaxViolation::Backslash
        | SyntaxViolation::C0SpaceIgnored
        | SyntaxViolation::ExpectedDoubleSlash
        | SyntaxViolation::TabOrNewlineIgnored => repaired.set(true),
        SyntaxViolation::EmbeddedCredentials => user_info.set(true),
        _ => {}
    };
    let url = Url::options()
        .syntax_violation_callback(Some(&note))
        .parse(text)
        .map_err(|_| UrlReason::NotAUrl)?;
    if repaired.get() {
        return Err(UrlReason::NotAUrl);
    }
    if user_info.get() {
        return Err(UrlReason::UserInfo);
    }
    Ok(url)
}

/// False for an address that is not public, and for the names that always mean the machine itself
/// (RFC 6761, section 6.3). What other names mean is known only when they are resolved.
fn may_be_public(host: &Host) -> bool {
    match host {
        Host::Address(address) => is_global(*address),
        Host::Name(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name != "localhost" && !name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use UrlReason::{NotAUrl, NotGlobal, NotHttps, Port, UserInfo};

    /// What is refused at registration. Names that resolve to something private are refused at
    /// sending, which `send` tests.
    const HOSTILE: &[(&str, UrlReason)] = &[
        // Loopback, in every notation.
        ("https://127.0.0.1/", NotGlobal),
        ("https://127.255.255.254/", NotGlobal),
        ("https://127.0.0.1:8443/", NotGlobal),
        ("https://127.1/", NotGlobal),
        ("https://127.0.1/", NotGlobal),
        ("https://2130706433/", NotGlobal),
        ("https://0x7f000001/", NotGlobal),
        ("https://0x7f.0.0.1/", NotGlobal),
        ("https://0X7F.0x0.0x0.0x1/", NotGlobal),
        ("https://0177.0.0.1/", NotGlobal),
        ("https://017700000001/", NotGlobal),
        ("https://0177.0.0x1/", NotGlobal),
        ("https://00000177.0.0.1/", NotGlobal),
        ("https://127.0.0.1./", NotGlobal),
        ("https://%31%32%37.0.0.1/", NotGlobal),
        ("https://127%2e0%2e0%2e1/", NotGlobal),
        ("https://１２７.０.０.１/", NotGlobal),
        ("https://127。0。0。1/", NotGlobal),
        ("https://127．0．0．1/", NotGlobal),
        ("https://127｡0｡0｡1/", NotGlobal),
        ("https://①②⑦.⓪.⓪.①/", NotGlobal),
        ("https://𝟏𝟐𝟕.𝟎.𝟎.𝟏/", NotGlobal),
        ("https://０ｘ７ｆ.1/", NotGlobal),
        ("https://127.0.0.\u{ad}1/", NotGlobal),
        ("https://0/", NotGlobal),
        ("https://0.0.0.0/", NotGlobal),
        ("https://localhost/", NotGlobal),
        ("https://localhost./", NotGlobal),
        ("https://LOCALHOST:8443/", NotGlobal),
        ("https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", NotGlobal),
        ("https://api.localhost/", NotGlobal),
        // Metadata, private, shared, reserved and multicast.
        ("https://169.254.169.254/latest/meta-data/", NotGlobal),
        ("https://2852039166/", NotGlobal),
        ("https://0xa9fea9fe/", NotGlobal),
        ("https://0251.0376.0251.0376/", NotGlobal),
        ("https://169.254.43518/", NotGlobal),
        ("https://169.16689662/", NotGlobal),
        ("https://169。254。169。254/", NotGlobal),
        ("https://10.0.0.1/", NotGlobal),
        ("https://10.1/", NotGlobal),
        ("https://172.31.255.255/", NotGlobal),
        ("https://192.168.0.1/", NotGlobal),
        ("https://3232235521/", NotGlobal),
        ("https://100.64.0.1/", NotGlobal),
        ("https://192.0.2.1/", NotGlobal),
        ("https://198.18.0.1/", NotGlobal),
        ("https://224.0.0.1/", NotGlobal),
        ("https://255.255.255.255/", NotGlobal),
        // IPv6.
        ("https://[::1]/", NotGlobal),
        ("https://[::]/", NotGlobal),
        ("https://[0:0:0:0:0:0:0:1]:8443/", NotGlobal),
        ("https://[::ffff:127.0.0.1]/", NotGlobal),
        ("https://[::ffff:7f00:1]/", NotGlobal),
        ("https://[0:0:0:0:0:ffff:a9fe:a9fe]/", NotGlobal),
        ("https://[::127.0.0.1]/", NotGlobal),
        ("https://[::ffff:0:127.0.0.1]/", NotGlobal),
        ("https://[64:ff9b::10.0.0.1]/", NotGlobal),
        ("https://[64:ff9b::a9fe:a9fe]/", NotGlobal),
        ("https://[64:ff9b:1::8.8.8.8]/", NotGlobal),
        ("https://[2002:7f00:1::]/", NotGlobal),
        ("https://[2001:0:7f00:1::]/", NotGlobal),
        ("https://[2001:db8::1]/", NotGlobal),
        ("https://[fc00::1]/", NotGlobal),
        ("https://[fd00:ec2::254]/", NotGlobal),
        ("https://[fe80::1]/", NotGlobal),
        ("https://[fec0::1]/", NotGlobal),
        ("https://[ff02::1]/", NotGlobal),
        // User info, also where it hides the host.
        ("https://user@example.com/", UserInfo),
        ("https://user:password@example.com/", UserInfo),
        ("https://:password@example.com/", UserInfo),
        ("https://@example.com/", UserInfo),
        ("https://:@example.com/", UserInfo),
        ("https://example.com@127.0.0.1/", UserInfo),
        ("https://example.com:443@127.0.0.1/", UserInfo),
        // Ports.
        ("https://example.com:0/", Port),
        ("https://example.com:22/", Port),
        ("https://example.com:25/", Port),
        ("https://example.com:80/", Port),
        ("https://example.com:442/", Port),
        ("https://example.com:444/", Port),
        ("https://example.com:1023/", Port),
        ("https://example.com:65536/", NotAUrl),
        ("https://example.com:x/", NotAUrl),
        // Schemes.
        ("http://example.com/", NotHttps),
        ("http://127.0.0.1/", NotHttps),
        ("wss://example.com/", NotHttps),
        ("ftp://example.com/", NotHttps),
        ("gopher://127.0.0.1:25/", NotHttps),
        ("file://host/etc/passwd", NotHttps),
        ("file:///etc/passwd", NotAUrl),
        ("javascript:alert(1)", NotAUrl),
        ("data:text/plain,x", NotAUrl),
        // No URL, or one that only a browser would understand.
        ("", NotAUrl),
        ("example.com/hook", NotAUrl),
        ("//example.com/hook", NotAUrl),
        ("/hook", NotAUrl),
        ("https:", NotAUrl),
        ("https://", NotAUrl),
        ("https://:443/", NotAUrl),
        ("https:example.com", NotAUrl),
        ("https:/example.com", NotAUrl),
        ("https:///example.com", NotAUrl),
        ("https:\\\\example.com", NotAUrl),
        ("https://example.com\\@127.0.0.1/", NotAUrl),
        (" https://example.com/", NotAUrl),
        ("https://example.com/ ", NotAUrl),
        ("https://exam\nple.com/", NotAUrl),
        ("ht\ttps://example.com/", NotAUrl),
        ("https://example.com/\r\nx: y", NotAUrl),
        ("https://exa mple.com/", NotAUrl),
        ("https://example.com%00.example.net/", NotAUrl),
        ("https://example.com%2f@127.0.0.1/", UserInfo),
        ("https://127.0.0.256/", NotAUrl),
        ("https://127.0.0.08/", NotAUrl),
        ("https://1.2.3.4.5/", NotAUrl),
        ("https://example.1/", NotAUrl),
        ("https://4294967296/", NotAUrl),
        ("https://[::1/", NotAUrl),
        ("https://[fe80::1%25eth0]/", NotAUrl),
        ("https://[::ffff:127.1]/", NotAUrl),
    ];

    #[test]
    fn hostile_urls_are_refused() {
        for (text, reason) in HOSTILE {
            let parsed = WebhookUrl::parse(text, Loopback::Refused);
            assert_eq!(parsed, Err(*reason), "{text}");
        }
    }

    #[test]
    fn on_ones_own_machine_only_http_to_127_0_0_1_is_added() {
        for (text, reason) in HOSTILE {
            let parsed = WebhookUrl::parse(text, Loopback::Allowed);
            let expected = match *text {
                "http://127.0.0.1/" => Ok(WebhookUrl(String::from(*text))),
                _ => Err(*reason),
            };
            assert_eq!(parsed, expected, "{text}");
        }
        for (text, reason) in [
            ("http://127.0.0.2/", NotHttps),
            ("http://localhost/", NotHttps),
            ("http://[::1]/", NotHttps),
            ("http://[::ffff:127.0.0.1]/", NotHttps),
            ("http://user@127.0.0.1/", UserInfo),
            ("https://127.0.0.1/", NotGlobal),
        ] {
            let parsed = WebhookUrl::parse(text, Loopback::Allowed);
            assert_eq!(parsed, Err(reason), "{text}");
        }
        let written = "http://127.0.0.1:81/hook";
        let url = WebhookUrl::parse(written, Loopback::Allowed).expect("allowed");
        let target = url.target(Loopback::Allowed).expect("allowed");
        assert_eq!((target.scheme(), target.port()), (Scheme::Http, 81));
        // Registered on a laptop, sent from the cloud.
        assert_eq!(url.target(Loopback::Refused), Err(NotHttps));
    }

    #[test]
    fn what_is_sent_is_what_was_written_without_the_fragment() {
        let name = |name: &str| Host::Name(String::from(name));
        let address = |text: &str| Host::Address(text.parse().expect("an address"));
        for (text, host, port, authority, path) in [
            (
                "https://example.com",
                name("example.com"),
                443,
                "example.com",
                "/",
            ),
            (
                "HTTPS://EXAMPLE.com:443/A",
                name("example.com"),
                443,
                "example.com",
                "/A",
            ),
            (
                "https://example.com./a#b",
                name("example.com."),
                443,
                "example.com.",
                "/a",
            ),
            (
                "https://example.com:1024/a/../b?c=d e&f=%20#g",
                name("example.com"),
                1024,
                "example.com:1024",
                "/b?c=d%20e&f=%20",
            ),
            (
                "https://bücher.example/ü?ü",
                name("xn--bcher-kva.example"),
                443,
                "xn--bcher-kva.example",
                "/%C3%BC?%C3%BC",
            ),
            (
                "https://8.8.8.8:65535?",
                address("8.8.8.8"),
                65_535,
                "8.8.8.8:65535",
                "/?",
            ),
            (
                "https://[2606:4700:0::1111]:8443/a@b\"{}|^`'[]",
                address("2606:4700::1111"),
                8443,
                "[2606:4700::1111]:8443",
                "/a@b%22%7B%7D|^%60'[]",
            ),
        ] {
            let url = WebhookUrl::parse(text, Loopback::Refused).expect(text);
            assert_eq!(url.as_str(), text);
            let expected = Target {
                scheme: Scheme::Https,
                host,
                port,
                authority: String::from(authority),
                path_and_query: String::from(path),
            };
            assert_eq!(url.target(Loopback::Refused), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_url_has_at_most_two_thousand_characters() {
        let longest = format!("https://example.com/{}", "é".repeat(1_980));
        assert!(WebhookUrl::parse(&longest, Loopback::Refused).is_ok());
        let longer = WebhookUrl::parse(&format!("{longest}e"), Loopback::Refused);
        assert_eq!(longer, Err(UrlReason::TooLong));
    }
}
