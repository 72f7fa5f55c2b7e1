//! They ask for nothing.
#[test]
fn the_guard_lends_the_value() {}
