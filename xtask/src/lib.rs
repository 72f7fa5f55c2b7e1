//! The runner: one module a concern; the commands are thin over them.
//!
//! Data flows one way: [`catalog`], [`build`], run ([`process`], [`driver`]), evidence and verdict ([`check`], [`measure`]),
//! [`results`], and the writers over those.

pub mod attacks;
pub mod build;
pub mod catalog;
pub mod ceilings;
pub mod chart;
pub mod check;
pub mod commands;
pub mod curves;
pub mod driver;
pub mod explain;
pub mod fits;
pub mod grade;
pub mod harness;
pub mod kept;
pub mod load;
pub mod losses;
pub mod machine;
pub mod measure;
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
pub mod screen;
pub mod stage;
pub mod study;
pub mod study_sorts;
pub mod sweep;
pub mod tidy;
pub mod traced;
pub mod verify;
