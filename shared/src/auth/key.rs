//! Keys and tokens: how they are made and recognised.

use crate::domain::principal::{CredentialKind, Mode};

/// The number of random characters in a key: 26 base62 characters hold about 154 bits.
const KEY_RANDOM_CHARS: usize = 26;
/// The length of a key's checksum: six base62 characters hold a CRC-32.
const KEY_CHECKSUM_CHARS: usize = 6;
/// The length of a Rocket.Chat token, as Rocket.Chat itself makes them.
const TOKEN_CHARS: usize = 43;
/// The length of a Rocket.Chat user id, as Rocket.Chat itself makes them.
const USER_ID_CHARS: usize = 17;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A cStar API key: one of four prefixes, 26 random base62 characters, and the CRC-32 of these in
/// six more. The checksum exposes junk without a call to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    kind: CredentialKind,
    mode: Mode,
}

/// A Rocket.Chat token: 43 characters of the base64url alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token;

/// The operating system returned no random bytes.
#[derive(Debug)]
pub struct NoRandomness;

const PREFIXES: [(&str, Key); 4] = [
    (
        "sk_live_",
        Key {
            kind: CredentialKind::Secret,
            mode: Mode::Live,
        },
    ),
    (
        "sk_test_",
        Key {
            kind: CredentialKind::Secret,
            mode: Mode::Test,
        },
    ),
    (
        "pk_live_",
        Key {
            kind: CredentialKind::Publishable,
            mode: Mode::Live,
        },
    ),
    (
        "pk_test_",
        Key {
            kind: CredentialKind::Publishable,
            mode: Mode::Test,
        },
    ),
];

impl Key {
    /// Recognises a key; `None` for any other text.
    pub fn parse(text: &str) -> Option<Key> {
        let (prefix, key) = PREFIXES
            .iter()
            .find(|(prefix, _)| text.starts_with(prefix))?;
        let length = prefix.len() + KEY_RANDOM_CHARS + KEY_CHECKSUM_CHARS;
        if text.len() != length || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return None;
        }
        let (payload, sum) = text.split_at_checked(length - KEY_CHECKSUM_CHARS)?;
        (checksum(payload) == sum).then_some(*key)
    }

    /// Makes the text of a new key; `None` if credentials of this kind are not keys.
    pub fn generate(kind: CredentialKind, mode: Mode) -> Result<Option<String>, NoRandomness> {
        let new = Key { kind, mode };
        let Some((prefix, _)) = PREFIXES.iter().find(|(_, key)| *key == new) else {
            return Ok(None);
        };
        let payload = format!("{prefix}{}", random_base62(KEY_RANDOM_CHARS)?);
        let sum = checksum(&payload);
        Ok(Some(payload + &sum))
    }

    /// The kind of the key: secret or publishable.
    pub fn kind(self) -> CredentialKind {
        self.kind
    }

    /// The mode of the data that the key sees.
    pub fn mode(self) -> Mode {
        self.mode
    }
}

impl Token {
    /// Recognises a token by its form.
    pub fn parse(text: &str) -> Option<Token> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (text.len() == TOKEN_CHARS && text.bytes().all(allowed)).then_some(Token)
    }

    /// Makes the text of a new token.
    pub fn generate() -> Result<String, NoRandomness> {
        random_base62(TOKEN_CHARS)
    }
}

/// Makes the text of a new Rocket.Chat user id.
pub fn generate_user_id() -> Result<String, NoRandomness> {
    random_base62(USER_ID_CHARS)
}

fn random_base62(chars: usize) -> Result<String, NoRandomness> {
    let mut text = String::new();
    let mut bytes = [0_u8; 64];
    while text.len() < chars {
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        text.extend(bytes.iter().filter_map(|byte| base62(*byte)));
    }
    text.truncate(chars);
    Ok(text)
}

/// The character for a random byte; `None` for the last eight bytes. Without them every character is
/// equally likely, since 248 = 4 * 62.
fn base62(byte: u8) -> Option<char> {
    let digit = BASE62.get(usize::from(byte % 62)).filter(|_| byte < 248);
    digit.map(|digit| char::from(*digit))
}

fn checksum(payload: &str) -> String {
    let mut rest = crc32fast::hash(payload.as_bytes());
    let mut digits = [b'0'; KEY_CHECKSUM_CHARS];
    for place in digits.iter_mut().rev() {
        let digit = usize::try_from(rest % 62).unwrap_or(0);
        *place = BASE62.get(digit).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

impl std::fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the operating system gave no random bytes")
    }
}

impl std::error::Error for NoRandomness {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_recognised_unless_a_character_is_wrong_or_missing() {
        for (prefix, expected) in PREFIXES {
            let key = Key::generate(expected.kind, expected.mode)
                .expect("random bytes")
                .expect("a kind of key");
            assert!(key.starts_with(prefix) && key.len() == prefix.len() + 32);
            assert_eq!(Key::parse(&key), Some(expected));
            for index in 0..key.len() {
                let mut wrong = key.clone().into_bytes();
                wrong[index] = if wrong[index] == b'x' { b'y' } else { b'x' };
                let wrong = String::from_utf8(wrong).expect("ASCII");
                assert_eq!(Key::parse(&wrong), None);
            }
            assert_eq!(Key::parse(&key[..key.len() - 1]), None);
        }
        assert_eq!(
            Key::generate(CredentialKind::User, Mode::Live).expect("random bytes"),
            None
        );
    }

    #[test]
    fn a_key_has_only_letters_and_digits_behind_its_prefix() {
        let payload = format!("sk_live_{}-", "a".repeat(KEY_RANDOM_CHARS - 1));
        let key = format!("{payload}{}", checksum(&payload));
        assert_eq!(Key::parse(&key), None);
    }

    #[test]
    fn a_token_is_recognised_by_its_length_and_alphabet() {
        let token = Token::generate().expect("random bytes");
        assert_eq!(token.len(), TOKEN_CHARS);
        assert!(Token::parse(&token).is_some());
        assert!(Token::parse(&format!("-_{}", &token[2..])).is_some());
        for other in [
            &token[1..],
            &format!("{token}a"),
            &format!(".{}", &token[1..]),
        ] {
            assert_eq!(Token::parse(other), None, "{other}");
        }
    }

    #[test]
    fn every_character_is_equally_likely() {
        let characters: String = (0..=u8::MAX).filter_map(base62).collect();
        for digit in BASE62 {
            assert_eq!(characters.matches(char::from(*digit)).count(), 4);
        }
    }

    #[test]
    fn random_texts_use_the_whole_alphabet() {
        let id = generate_user_id().expect("random bytes");
        assert_eq!(id.len(), USER_ID_CHARS);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let token = Token::generate().expect("random bytes");
            assert_eq!(token.len(), TOKEN_CHARS);
            seen.extend(token.bytes());
        }
        assert_eq!(Vec::from_iter(seen), BASE62);
    }

    #[test]
    fn a_lack_of_randomness_says_so() {
        assert_eq!(
            NoRandomness.to_string(),
            "the operating system gave no random bytes"
        );
    }
}
