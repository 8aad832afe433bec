//! Makes teams and credentials: what `cargo admin` does, and what `cargo local` and the tests
//! begin with.

pub mod issue;
