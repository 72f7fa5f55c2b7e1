//! A bounded ring between one producer and one consumer, in two stages: first right, then fast.
//!
//! | stage | what it is about |
//! | --- | --- |
//! | [`s1_right`] | publication: two indices, each written by one thread and read by the other |
//! | [`s2_fast`] | the same promises, and as few cache lines as possible that travel between the cores |
//!
//! Both have the same interface. What the second repeats of the first it repeats on purpose: each can be read alone.

pub mod s1_right;
pub mod s2_fast;
