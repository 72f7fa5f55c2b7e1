//! One process of a peer: started, prepared with files, timed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use lab::workload::{Answer, PROTOCOL, Request, Setup};

use super::{Judge, Start};
use crate::{
    check::printable,
    driver::{Fault, Timed, Workload},
    process::bare_command,
};

/// A peer's own account of itself is cut after so many characters.
const LONGEST_VERSION: usize = 120;

/// The files that are passed, in the peer's own folder.
pub const INPUT: &str = "input";
const OUTPUT: &str = "output";

/// A peer's process.
pub struct Running {
    workload: Workload,
    name: String,
    input: PathBuf,
    output: PathBuf,
    /// Seconds from its start to its first answer.
    pub start_up: f64,
    /// Seconds of its first preparation, once it is made.
    pub first_prepare: Option<f64>,
    /// What it is made of, by its own account.
    pub version: String,
}

impl Running {
    /// Starts it, in the `folder` with its input, and asks it who it is.
    ///
    /// # Errors
    /// A fault of the peer, or whatever keeps it from starting.
    pub fn start(start: &Start, name: &str, limit: Duration, folder: &Path) -> Result<Self> {
        let mut command = bare_command(&start.program);
        command.args(&start.arguments).envs(start.environment.iter().cloned()).current_dir(folder);
        let started = Instant::now();
        let mut workload = Workload::spawn(command, limit)?;
        let (answered, answer) = workload.ask(&Request::Hello)?;
        let version = match answer {
            Answer::Peer { protocol: PROTOCOL, version } => printable(&version).chars().take(LONGEST_VERSION).collect(),
            Answer::Peer { protocol, .. } => return Err(workload.speaks(protocol)),
            other => return Err(workload.unexpected("hello", &other)),
        };
        let start_up = answered.saturating_duration_since(started).as_secs_f64();
        let [input, output] = [INPUT, OUTPUT].map(|file| folder.join(file));
        Ok(Self { workload, name: name.to_owned(), input, output, start_up, first_prepare: None, version })
    }

    /// Prepares and runs; the output is right.
    ///
    /// # Errors
    /// A fault of the peer where its output is wrong, too, or one of the judge.
    pub fn run(&mut self, setup: Setup, judge: &mut Judge) -> Result<Timed> {
        judge.renew()?;
        // What an earlier run left is not this one's output.
        match fs::remove_file(&self.output) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", self.output.display()));
            }
            _ => {}
        }
        let begun = Instant::now();
        self.workload.prepare_with(&self.name, setup, Some((&self.input, &self.output)))?;
        self.first_prepare.get_or_insert(begun.elapsed().as_secs_f64());
        let (timed, answer) = self.workload.time()?;
        if !matches!(answer, Answer::Written {}) {
            return Err(self.workload.unexpected("go", &answer));
        }
        let digest = judge.digest(&self.output, setup.threads)?;
        if digest == judge.expected() {
            Ok(Timed { digest, ..timed })
        } else {
            Err(Fault::wrong_output(&digest, judge.expected()).into())
        }
    }

    /// Lets it end by itself.
    ///
    /// # Errors
    /// A fault where it does not.
    pub fn quit(self) -> Result<()> {
        self.workload.quit()
    }
}
