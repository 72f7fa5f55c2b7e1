//! `cargo xtask verify --attacks`: the grader against those who mean to fool it, and those who only look like it.

use std::{path::Path, process::ExitCode};

use anyhow::Result;

use super::{Usage, code};
use crate::{
    attacks::{Attack, Tally, read_all, run},
    catalog::{Catalog, Exercise},
    grade::grader::{Grader, Options},
    machine::this_program,
    screen::{self, Progress, bold, faint, say},
};

/// Grades the corpus, or what of it is named, and judges the grader.
pub fn attacks(catalog: &Catalog, names: &[String], json: bool) -> Result<ExitCode> {
    let tally = try_them(catalog, names, true)?;
    for name in &tally.not_tried {
        say(format!("{name}: skipped: no layer of the sandbox stands on this machine that would hold it"));
    }
    let faults = tally.faults();
    let (right, all) = tally.reasons_right();
    if json {
        screen::json(&serde_json::json!({
            "attacks": all, "gained": tally.gained(), "reasons_right": right, "honest": tally.judged.len() - all,
            "lost": tally.lost(), "not_tried": tally.not_tried, "faults": faults,
        }));
    }
    Ok(code(faults.is_empty()))
}

/// Grades them, a line each. Run times are compared of attacks on the clock, and where `all_timed` of honest submissions, too:
/// most of these run what the reference runs.
pub fn try_them(catalog: &Catalog, names: &[String], all_timed: bool) -> Result<Tally> {
    let mut all = read_all(&catalog.root)?;
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|attack| attack.name == **name)) {
        return Err(Usage(format!("no attack is called {unknown:?}; they are the folders of xtask/attacks")).into());
    }
    all.retain(|attack| names.is_empty() || names.contains(&attack.name));
    let program = this_program()?;
    let mut exercises = Vec::new();
    for attack in &all {
        let exercise = attack.exercise(catalog)?;
        if !exercises.iter().any(|other: &&Exercise| other.name == exercise.name) {
            exercises.push(exercise);
        }
    }
    let grader = Grader::open(catalog, &[], &exercises, Options { seed: None, timed: true }, &program)?;
    let layers = grader.layers().to_vec();
    let mut progress = Progress::new(&catalog.scratch(), all.iter().map(Attack::shown).collect());
    let tally = run(catalog, all, &layers, |attack, folder: &Path| {
        progress.step();
        let only = [attack.exercise(catalog)?];
        let options = Options { seed: None, timed: attack.is_timed() && (all_timed || !attack.honest) };
        Ok(grader.grade_for(&attack.name, folder, &only, options))
    })?;
    drop(progress);
    told(&tally);
    Ok(tally)
}

fn told(tally: &Tally) {
    for (attack, judgement) in &tally.judged {
        let how = if judgement.faults.is_empty() { "as it must be".to_owned() } else { bold(judgement.faults.join("; ")) };
        let undecided = if judgement.undecided.is_empty() {
            String::new()
        } else {
            faint(format!(" (not decided: {})", judgement.undecided.join(", ")))
        };
        say(format!("{}: {how}{undecided}", attack.shown()));
    }
    let (right, all) = tally.reasons_right();
    say(bold(format!(
        "{all} attacks gained {} points, {right} with the right reason; {} honest submissions lost {} points; {} skipped",
        tally.gained(),
        tally.judged.len() - all,
        tally.lost() + 0.0,
        tally.not_tried.len()
    )));
}
