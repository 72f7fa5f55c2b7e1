//! Grading: what was handed in by somebody else, judged so that it cannot fool the judge, and never to the harm of who is honest.
//!
//! [`intake`] takes files, [`screen`] looks at them, [`grader`] compiles and runs them behind walls, and [`quiet`] sees to it
//! that nobody is timed while others build. No result says where on this machine anything lies ([`machine_paths`]).

pub mod grader;
pub mod intake;
pub mod machine_paths;
pub mod quiet;
pub mod screen;
