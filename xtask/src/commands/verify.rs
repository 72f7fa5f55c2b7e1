//! `cargo xtask verify`: the three-way proof of each exercise, and the kill matrix.

use std::process::ExitCode;

use anyhow::Result;

use super::{code_for, select};
use crate::{
    catalog::{CHECKS, Catalog},
    results::Verdict,
    screen::{self, Progress, bold, faint, say, seconds, table, verdict},
    stage::Stage,
    verify::{Proof, prove},
};

/// Proves the named exercises, or all.
pub fn verify(catalog: &Catalog, names: &[String], json: bool) -> Result<ExitCode> {
    // A wrong name is not worth a wait for the stage.
    let chosen = select(catalog, names)?;
    let stage = Stage::open(catalog)?;
    let mut proofs = Vec::new();
    let steps = chosen.iter().map(|exercise| format!("proof of {}", exercise.path())).collect();
    let mut progress = Progress::new(&catalog.scratch(), steps);
    for exercise in chosen {
        progress.step();
        let proof = prove(catalog, &stage, exercise, |step| progress.detail(&step));
        screen::status_over();
        show(&proof);
        proofs.push(proof);
    }
    drop(progress);
    let count = |verdict| proofs.iter().map(|proof| proof.count(verdict)).sum::<usize>();
    let failed = count(Verdict::Fail) + count(Verdict::Error);
    let exit = code_for(count(Verdict::Fail) > 0, failed > 0);
    if json {
        screen::json(&proofs);
        return Ok(exit);
    }
    say("");
    kill_matrix(&proofs);
    say("");
    if count(Verdict::NotMeasurable) > 0 {
        say("What was not measurable is neither proven nor disproven: the machine was too busy, or lacks something.");
    }
    // The one line that any tool can read the outcome from.
    say(format!("{} passed, {failed} failed, {} skipped", count(Verdict::Pass), count(Verdict::NotMeasurable)));
    Ok(exit)
}

/// Prints the claims, a line each.
pub(super) fn show(proof: &Proof) {
    say(format!("{} {}", bold(&proof.exercise), faint(format!("({})", seconds(proof.seconds)))));
    for claim in &proof.claims {
        let mut lines = claim.seen.lines();
        let first = lines.next().unwrap_or_default();
        say(format!("  {} {:12} {}  {first}", verdict(claim.verdict, 14), claim.check, claim.of));
        for line in lines {
            say(format!("      {line}"));
        }
    }
}

/// A row a mutant, a column a check: which one killed it.
fn kill_matrix(proofs: &[Proof]) {
    let mut rows = vec![vec!["mutant".to_owned()]];
    rows[0].extend(CHECKS.iter().map(|check| (*check).to_owned()));
    for proof in proofs {
        for claim in &proof.claims {
            let Some(mutant) = claim.of.strip_prefix("mutant ") else { continue };
            let mark = match claim.verdict {
                Verdict::Pass => "killed",
                Verdict::Fail => "SURVIVED",
                Verdict::NotMeasurable => "not measurable",
                Verdict::Error => "error",
            };
            let mut row = vec![format!("{} {mutant}", proof.exercise)];
            row.extend(CHECKS.iter().map(|check| if *check == claim.check { mark.to_owned() } else { "·".to_owned() }));
            rows.push(row);
        }
    }
    for line in table(&rows) {
        say(line);
    }
}
