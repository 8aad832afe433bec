//! SHA-256 digests: the only form in which secrets are stored, and how texts are compared.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The SHA-256 digest of a text, as 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of a text.
    pub fn of(text: &str) -> Digest {
        Digest(hexadecimal(&Sha256::digest(text.as_bytes())))
    }

    /// The digest of several texts. It includes their lengths, so that moving a character from one
    /// text to the next changes it.
    pub fn of_all(texts: &[&str]) -> Digest {
        let mut hasher = Sha256::new();
        for text in texts {
            hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        Digest(hexadecimal(&hasher.finalize()))
    }

    /// Reads a digest that was computed elsewhere: 64 hexadecimal digits, in either case.
    pub fn parse(hex: &str) -> Option<Digest> {
        let fits = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| Digest(hex.to_ascii_lowercase()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Reveals nothing, so that no digest ends up in a log.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    const DIGEST_OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn digests_match_the_standard_and_separate_texts() {
        assert_eq!(Digest::of("abc").as_str(), DIGEST_OF_ABC);
        assert_ne!(Digest::of_all(&["ab", "c"]), Digest::of_all(&["a", "bc"]));
        assert_ne!(Digest::of_all(&["abc"]), Digest::of_all(&["abc", ""]));
        assert_eq!(Digest::of_all(&["ab", "c"]), Digest::of_all(&["ab", "c"]));
    }

    #[test]
    fn a_digest_is_parsed_in_either_case_and_its_debug_output_reveals_nothing() {
        let digest = Digest::of("abc");
        assert_eq!(Digest::parse(DIGEST_OF_ABC), Some(digest.clone()));
        assert_eq!(
            Digest::parse(&DIGEST_OF_ABC.to_uppercase()),
            Some(digest.clone())
        );
        let (shorter, other) = (&DIGEST_OF_ABC[1..], DIGEST_OF_ABC.replace('f', "g"));
        for text in ["", shorter, &format!("{DIGEST_OF_ABC}0"), &other] {
            assert_eq!(Digest::parse(text), None, "{text}");
        }
        assert_eq!(format!("{digest:?}"), "Digest(…)");
    }
}
