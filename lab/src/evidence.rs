//! How a test tells the runner what it saw: JSON lines appended to the file that the runner names.
//!
//! A test that runs without the runner (plain `cargo test`) has nobody to tell, and nothing is written.

use std::{fs::OpenOptions, io::Write};

use serde::Serialize;

/// The environment variable that names the file. Set by the runner for each test process.
pub const FILE_VARIABLE: &str = "RACECOURSE_EVIDENCE";

/// Appends one record, `{"kind": .., "data": ..}`, as one line.
///
/// # Panics
/// If the file that the runner named cannot be written: a result without its evidence must not pass.
pub fn record<T: Serialize>(kind: &str, data: &T) {
    let Some(path) = std::env::var_os(FILE_VARIABLE) else { return };
    let mut line = serde_json::json!({ "kind": kind, "data": data }).to_string();
    line.push('\n');
    let written = OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        panic!("cannot write the evidence file {}: {error}", path.display());
    }
}
