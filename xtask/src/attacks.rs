//! The corpus in `xtask/attacks`: submissions that are made to fool the grader and must gain nothing, and honest ones that look
//! strange and must lose nothing. A new one is one folder; see `xtask/attacks/README.md`.
//!
//! What is handed in is laid out here, and what the grader made of it is judged. Nothing is run here: the grader does that, and
//! in its sandbox.

mod corpus;
mod judge;

use std::{fs, path::Path};

use anyhow::{Context, Result};

pub use self::{
    corpus::{Attack, Base, Make, Reason, Replace, read_all},
    judge::{Judgement, judge},
};
use crate::{
    catalog::Catalog,
    results::{Layer, Results},
};

/// What the command line of every process holds that an attack starts and does not end.
const MARK: &str = "racecourse-attack";

/// What the grader made of the whole corpus.
#[derive(Debug, Default)]
pub struct Tally {
    /// One for each, in the order of the corpus.
    pub judged: Vec<(Attack, Judgement)>,
    /// Those that were not tried, because nothing would have held them on this machine.
    pub not_tried: Vec<String>,
}

/// Grades every one of `attacks` by `grade_one`, which is given the folder that is handed in, and judges the results. `layers` are
/// those of the sandbox that stands.
///
/// # Errors
/// If one cannot be laid out, or the grader itself fails; the message names it.
pub fn run(
    catalog: &Catalog,
    attacks: Vec<Attack>,
    layers: &[Layer],
    mut grade_one: impl FnMut(&Attack, &Path) -> Result<Results>,
) -> Result<Tally> {
    let mut tally = Tally::default();
    for attack in attacks {
        tally.not_tried.extend(attack.lacks(layers).then(|| attack.name.clone()));
        if attack.lacks(layers) {
            continue;
        }
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let submission = folder.path().join(&attack.name);
        attack.lay_out(catalog, &submission)?;
        let results = grade_one(&attack, &submission).with_context(|| format!("the grader failed on {}", attack.name))?;
        let mut judgement = judge(&attack, catalog, &results)?;
        judgement.faults.extend(left_behind().into_iter().map(|process| format!("it has left a process behind: {process}")));
        tally.judged.push((attack, judgement));
    }
    Ok(tally)
}

/// Processes of attacks that are still there when the grader is done, by their command lines; none where the system has no `/proc`.
pub fn left_behind() -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit));
    let lines = processes.filter_map(|process| {
        let line = String::from_utf8_lossy(&fs::read(process.path().join("cmdline")).ok()?).replace('\0', " ");
        Some(format!("{}: {}", process.file_name().display(), line.trim()))
    });
    lines.filter(|line| line.contains(MARK)).collect()
}

impl Tally {
    /// Points that attacks have gained.
    pub fn gained(&self) -> f64 {
        self.judged.iter().filter(|(attack, _)| !attack.honest).map(|(_, judgement)| judgement.gained).sum()
    }

    /// Points that honest submissions have lost.
    pub fn lost(&self) -> f64 {
        self.judged.iter().filter(|(attack, _)| attack.honest).map(|(_, judgement)| judgement.lost).sum()
    }

    /// Attacks whose reasons were all named, and attacks in all.
    pub fn reasons_right(&self) -> (usize, usize) {
        let attacks = || self.judged.iter().filter(|(attack, _)| !attack.honest);
        (attacks().filter(|(_, judgement)| judgement.reasons_right).count(), attacks().count())
    }

    /// Everything that is not as it must be, a sentence each.
    pub fn faults(&self) -> Vec<String> {
        let of = |(attack, judgement): &(Attack, Judgement)| {
            judgement.faults.iter().map(|fault| format!("{}: {fault}", attack.shown())).collect::<Vec<_>>()
        };
        self.judged.iter().flat_map(of).collect()
    }
}
