//! What the count is made of.

pub mod size;
