//! The one library that the exercises are written against.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`sync`], [`thread`], [`cell`], [`hint`] | `std`'s types under `std`'s names; with feature `model`, loom's behind wrappers that correct it |
//! | [`panic`](mod@panic) | panics that are meant to be caught; in a model only these do not end it |
//! | `model` | (feature `model`) explore every interleaving of a small program |
//! | [`par`] | fork and join on rayon, counting work and span when asked |
//! | [`trace`] | spans: a Chrome trace file, or a recorder in memory to assert on |
//! | [`tracked`] | a value whose leak, double drop and use after drop fail a model |
//! | [`marker`] | whether a type may be sent or shared |
//! | [`history`] | whether what threads saw of an object could have been seen by one thread after the other |
//! | [`workload`] | one definition of what is run, measured and checked, and the process protocol that serves it |
//! | [`data`] | seeded inputs |
//! | `site` | (feature `site`) a local web site over the Rust documentation, with injected latency and faults |
//! | [`evidence`] | how a test tells the runner what it saw |
//! | [`proof`] | the `main` of a graded test program, which proves that a test's body has ended |
//! | [`triad`] | the loop by which the runner measures the memory's bandwidth |
//! | [`finding`] | what a model check found, and how that reads |

#[cfg(not(feature = "model"))]
pub use std::{hint, sync, thread};

#[cfg(feature = "model")]
pub use self::checked::{hint, sync, thread};

pub mod cell;
#[cfg(feature = "model")]
mod checked;
pub mod data;
pub mod evidence;
pub mod finding;
pub mod history;
pub mod marker;
#[cfg(feature = "model")]
pub mod model;
pub mod panic;
pub mod par;
pub mod proof;
#[cfg(feature = "site")]
pub mod site;
pub mod trace;
pub mod tracked;
pub mod triad;
pub mod workload;
