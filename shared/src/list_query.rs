//! What a client wants of a list: which rows, in which order, and as of when.

pub mod policies;
pub mod tickets;
