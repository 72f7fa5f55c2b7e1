//! The parent's side of a proof that a test has ended: it says a key, and believes nothing but the key; see `lab::proof`.

use std::{fs::File, io::Read};

use anyhow::{Context, Result};
use lab::{evidence, proof::Key};

use crate::results::Record;

/// What was said to one test process, and what it takes to believe it.
#[derive(Debug)]
pub struct Proof {
    key: Key,
}

/// What a test process that has ended has proved.
#[derive(Debug, Clone, PartialEq)]
pub enum Proved {
    /// The body of its test has ended as it should, and these are its records.
    Passed(Vec<Record>),
    /// The body has ended as it should, and of the records that its test had made some are gone or changed.
    Tampered,
    /// Nothing.
    Nothing,
}

impl Proof {
    /// With a key that nobody knows yet: for one run of one test.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn new() -> Result<Self> {
        Ok(Self { key: fresh_key()? })
    }

    /// The line that the process is told on its standard input, and nothing after it.
    pub fn question(&self, test: &str) -> String {
        format!("{{\"key\":\"{}\",\"test\":{test:?}}}\n", self.key.digits())
    }

    /// What it has proved: `stdout` is what came out of its standard output, whatever else stands in it; `records` is what was
    /// left in its file of evidence. How it has ended does not matter, and neither does what it says.
    pub fn judge(&self, stdout: &str, records: &str) -> Proved {
        let ended = stdout.lines().find_map(|line| self.key.strip(line.as_bytes())?.strip_prefix(b"ended "));
        let Some(count) = ended else { return Proved::Nothing };
        let authentic = self.records(records);
        if count == authentic.len().to_string().as_bytes() { Proved::Passed(authentic) } else { Proved::Tampered }
    }

    /// The records that were made by the test's own program and not by code under test, also where the test did not pass.
    pub fn records(&self, text: &str) -> Vec<Record> {
        evidence::authentic(text, &self.key).into_iter().filter_map(|record| serde_json::from_str(record).ok()).collect()
    }
}

/// A key that nobody knows yet.
///
/// # Errors
/// If the system has no randomness to give.
pub fn fresh_key() -> Result<Key> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("cannot read /dev/urandom")?;
    let (first, second) = bytes.split_at(8);
    let number = |half: &[u8]| half.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Ok(Key::of([number(first), number(second)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_is_believed() {
        let proof = Proof { key: Key::of([5, 6]) };
        let key = proof.key.digits().to_owned();
        let judge = |stdout: &str| proof.judge(stdout, "");
        assert_eq!(judge(&format!("noise\n{key} ended 0\n")), Proved::Passed(Vec::new()));
        for said in
            ["test result: ok. 1 passed; 0 failed", "ended 0", &key, &format!("{key} ended"), &format!("{key} panicked 0")]
        {
            assert_eq!(judge(said), Proved::Nothing, "{said}");
        }
        let other = Proof { key: Key::of([5, 7]) };
        assert_eq!(other.judge(&format!("{key} ended 0\n"), ""), Proved::Nothing);
    }

    #[test]
    fn records_that_are_gone_show_and_forged_ones_do_not_count() {
        let proof = Proof { key: Key::of([5, 6]) };
        let record = r#"{"kind":"trace","data":1}"#;
        let sealed = format!("{:016x} {record}\n", proof.key.seal().of(0, record));
        let ended = |count: u64| format!("\n{} ended {count}\n", proof.key.digits());
        let forged = format!("{record}\n{sealed}0123456789abcdef {record}\n");
        assert!(matches!(&proof.judge(&ended(1), &forged), Proved::Passed(records) if records.len() == 1));
        assert_eq!(proof.judge(&ended(1), ""), Proved::Tampered);
        assert_eq!(proof.judge(&ended(1), &sealed.replace(":1", ":2")), Proved::Tampered);
    }

    #[test]
    fn every_key_is_another() {
        assert_ne!(fresh_key().unwrap().digits(), fresh_key().unwrap().digits());
    }
}
