//! Treiber's stack: a list whose top is swung by compare-and-swap, and the question what becomes of a popped node.
//!
//! Every module works on one thread, and each is wrong on two. README.md tells the task, and `cargo xtask hint treiber_stack`
//! helps.
//!
//! | step | module | what is to become of it |
//! | --- | --- | --- |
//! | 1 | [`s1_keeping`] | it is kept until the stack is dropped: simple, right, and the memory grows for ever |
//! | 2 | [`s2_epochs`] | it is freed when no thread can be looking at it any more, which [`epoch`] knows |
//! | 3 | [`epoch`] | and knows by three rules |
//!
//! The stack: R. K. Treiber, *Systems Programming: Coping with Parallelism*, IBM RJ 5118, 1986. The epochs: K. Fraser,
//! *Practical lock-freedom*, 2004, section 5.2.3.

pub mod epoch;
pub mod s1_keeping;
pub mod s2_epochs;
