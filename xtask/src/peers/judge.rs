//! The course's own workload as the one that hands a peer its input and judges what comes back.

use std::{fs, path::Path};

use anyhow::Result;
use lab::workload::{Answer, Request, Setup};

use super::Race;
use crate::driver::{Fault, Workload};

/// A larger output is not read: it would fill the memory before it is found to be wrong. In bytes.
const LARGEST: u64 = 1 << 30;

/// The judge of one race.
pub struct Judge {
    workload: Workload,
    setup: Setup,
    expected: String,
    failed: bool,
}

impl Judge {
    /// Starts the workload and runs its sequential baseline.
    pub fn start(race: &Race) -> Result<Self> {
        let mut workload = Workload::start(&race.workload, None, &[], race.limit)?;
        // One input for all places: the number of threads is the peers' own affair.
        let setup = Setup { size: race.size, seed: race.seed, threads: 1, at: None };
        let expected = workload.run("baseline", setup)?.digest;
        Ok(Self { workload, setup, expected, failed: false })
    }

    /// Writes the input to `file`. Each peer has a file of its own: one that writes to it takes no other with it.
    pub fn export(&mut self, file: &Path) -> Result<()> {
        let answer = self.workload.ask(&Request::Export { file: file.to_owned() });
        self.failed |= !matches!(answer, Ok((_, Answer::Exported {})));
        match answer?.1 {
            Answer::Exported {} => Ok(()),
            other => Err(self.workload.unexpected("export", &other)),
        }
    }

    /// The digest of a right output.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// Whether the judge itself has failed: then nobody can be blamed for anything.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Makes the input anew. Its file stays as it is; a site forgets who has been there.
    pub fn renew(&mut self) -> Result<()> {
        let renewed = self.workload.prepare("baseline", self.setup);
        self.failed |= renewed.is_err();
        renewed
    }

    /// The digest of the output in `file`, of a run with so many threads.
    ///
    /// # Errors
    /// A [`Fault`] of the peer where there is no such file or no output in it, and one of the judge's own where
    /// [`failed`](Self::failed) says so.
    pub fn digest(&mut self, file: &Path, threads: usize) -> Result<String> {
        let fault = |what: String| anyhow::Error::new(Fault { what, stderr: String::new() });
        match fs::symlink_metadata(file) {
            Ok(found) if found.is_file() && found.len() <= LARGEST => {}
            Ok(found) if found.is_file() => return Err(fault(format!("its output is {} bytes long", found.len()))),
            _ => return Err(fault("it wrote no output file".into())),
        }
        let answer = self.workload.ask(&Request::Judge { file: file.to_owned(), threads });
        self.failed |= answer.is_err();
        match answer?.1 {
            Answer::Output { digest } => Ok(digest),
            Answer::Unreadable(why) => Err(fault(format!("its output is wrong: {why}"))),
            other => {
                self.failed = true;
                Err(self.workload.unexpected("judge", &other))
            }
        }
    }
}
