//! How large the pieces are.

/// In bytes.
pub const PIECE: usize = 256 * 1024;
