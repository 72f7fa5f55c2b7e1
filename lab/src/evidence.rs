//! How a test tells the runner what it saw: JSON lines appended to the file that the runner names.
//!
//! A test that runs without the runner (plain `cargo test`) has nobody to tell, and nothing is written.
//!
//! Code under test can write to that file, too. No verdict rests on records; but what is shown of a model should be what the
//! model checker found. So in a graded process ([`proof`](crate::proof)) each record is numbered and sealed, with a key that
//! this module keeps to itself, and the proof says how many there were: a record that was forged, changed or taken away shows.

use std::{
    fs::OpenOptions,
    io::Write,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use crate::proof::{Key, Seal};

/// The environment variable that names the file. Set by the runner for each test process.
pub const FILE_VARIABLE: &str = "RACECOURSE_EVIDENCE";

/// The kind of record that only the model checker makes.
const MODEL: &str = "model";

/// In a graded process, what seals the next record, and its number.
static SEALED: Mutex<Option<(Seal, u64)>> = Mutex::new(None);

/// Appends one record, `{"kind": .., "data": ..}`, as one line; in a graded process behind its seal: `<16 digits> {..}`.
///
/// # Panics
/// If the file that the runner named cannot be written: a result without its evidence must not pass. And if `kind` is `model`:
/// what a model check found is told by the model checker, and by nobody else.
pub fn record<T: Serialize>(kind: &str, data: &T) {
    assert_ne!(kind, MODEL, "what a model check found is told by the model checker alone");
    write(kind, data);
}

/// As [`record`], of what a model check found.
#[cfg(feature = "model")]
pub(crate) fn record_model<T: Serialize>(data: &T) {
    write(MODEL, data);
}

fn write<T: Serialize>(kind: &str, data: &T) {
    let Some(path) = std::env::var_os(FILE_VARIABLE) else { return };
    let text = serde_json::json!({ "kind": kind, "data": data }).to_string();
    // Held while it is written: the numbers are in the order of the lines.
    let mut sealed = SEALED.lock().unwrap_or_else(PoisonError::into_inner);
    let line = match &mut *sealed {
        None => format!("{text}\n"),
        Some((seal, number)) => {
            let line = format!("{:016x} {text}\n", seal.of(*number, &text));
            *number += 1;
            line
        }
    };
    let written = OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        panic!("cannot write the evidence file {}: {error}", path.display());
    }
}

/// From here on, every record of this process is sealed.
pub(crate) fn seal_with(seal: Seal) {
    *SEALED.lock().unwrap_or_else(PoisonError::into_inner) = Some((seal, 0));
}

/// How many records were sealed.
pub(crate) fn sealed() -> u64 {
    SEALED.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |(_, number)| *number)
}

/// The records among these lines that were made by the process that was given `key`, in their order. Whatever else stands there
/// is somebody's claim, and left out.
pub fn authentic<'a>(lines: &'a str, key: &Key) -> Vec<&'a str> {
    let seal = key.seal();
    let mut records = Vec::new();
    for line in lines.lines() {
        if let Some((claimed, text)) = line.split_once(' ')
            && claimed == format!("{:016x}", seal.of(records.len() as u64, text))
        {
            records.push(text);
        }
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_in_its_order_is_authentic() {
        let (key, seal) = (Key::of([7, 8]), Key::of([7, 8]).seal());
        let [first, second] =
            [(0, "{\"a\":1}"), (1, "{\"b\":2}")].map(|(number, text)| format!("{:016x} {text}", seal.of(number, text)));
        let read = |lines: &[&str]| authentic(&lines.join("\n"), &key).len();
        assert_eq!(authentic(&format!("{first}\n{second}\n"), &key), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(read(&["{\"a\":1}", &first, "0000000000000000 {\"a\":1}", &second]), 2, "claims are left out");
        assert_eq!(read(&[&first, &first, &second]), 2, "a record counts once");
        assert_eq!(read(&[&second, &first]), 1, "and in its order");
        assert_eq!(read(&[&first.replace(":1", ":9"), &second]), 0, "a changed one takes with it what comes after");
    }
    #[test]
    #[should_panic(expected = "by the model checker alone")]
    fn only_the_model_checker_says_what_it_found() {
        record("model", &1);
    }
}
