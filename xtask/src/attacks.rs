//! The corpus in `xtask/attacks`: submissions that are made to fool the grader and must gain nothing, and honest ones that look
//! strange and must lose nothing. A new one is one folder; see `xtask/attacks/README.md`.
//!
//! What is handed in is laid out here, and what the grader made of it is judged. Nothing is run here: the grader does that, and
//! in its sandbox.

mod corpus;
mod judge;

use std::path::Path;

use anyhow::{Context, Result};

pub use self::{
    corpus::{Attack, Base, Make, Reason, Replace, read_all},
    judge::{Judgement, judge},
};
use crate::{
    catalog::Catalog,
    results::{Layer, Results},
};

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
        let judgement = judge(&attack, catalog, &results)?;
        tally.judged.push((attack, judgement));
    }
    Ok(tally)
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
