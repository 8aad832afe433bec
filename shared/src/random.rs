//! Random bytes.

/// Random bytes for an identifier. If the operating system has none, only time distinguishes ids.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = getrandom::fill(&mut bytes);
    bytes
}
