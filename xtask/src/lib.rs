//! The runner: one module a concern; the commands are thin over them.
//!
//! Data flows one way: [`catalog`], [`build`], run ([`process`], [`driver`]), evidence and verdict ([`check`], [`measure`]),
//! [`results`], and the writers over those.
//!
//! What only a course with its solutions can do needs the feature `author`; a learner's handout is built without, and does not
//! carry those files ([`handout`]).

#[cfg(feature = "author")]
pub mod attacks;
pub mod build;
pub mod catalog;
pub mod ceilings;
pub mod chart;
pub mod check;
#[cfg(feature = "author")]
pub mod class;
pub mod commands;
pub mod curves;
pub mod driver;
pub mod explain;
pub mod fits;
#[cfg(feature = "author")]
pub mod formats;
#[cfg(feature = "author")]
pub mod grade;
pub mod handout;
pub mod harness;
pub mod kept;
pub mod load;
pub mod losses;
pub mod machine;
pub mod measure;
#[cfg(feature = "author")]
pub mod new;
pub mod orderings;
pub mod page;
pub mod patch;
pub mod peers;
pub mod planted;
pub mod process;
pub mod proof;
pub mod recipe;
pub mod results;
pub mod sandbox;
pub mod scaling;
pub mod scratch;
pub mod screen;
pub mod stage;
#[cfg(feature = "author")]
pub mod study;
#[cfg(feature = "author")]
pub mod study_sorts;
pub mod sweep;
#[cfg(feature = "author")]
pub mod tidy;
pub mod traced;
pub mod verify;
