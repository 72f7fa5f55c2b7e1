//! Stage 2: a ring that is right and fast.
//!
//! Until you begin with it, it is stage 1. When that passes the tests and the models, copy it here in place of the line
//! below, and make it fast (step 5). It is this stage that is measured; the signatures stay as they are, and what is private
//! you may change.

pub use crate::s1_right::{Consumer, Producer, channel};
