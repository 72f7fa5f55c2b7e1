//! `cargo xtask verify --orderings`: every ordering of every solution with a model, weakened.

use std::process::ExitCode;

use anyhow::Result;

use super::{code_for, select};
use crate::{
    catalog::{Catalog, Exercise},
    orderings::{Kill, Outcome, Trial, Weakened, weaken},
    results::Verdict,
    screen::{self, Progress, bold, faint, say, seconds, table},
    stage::Stage,
};

/// Whether there is a model that could catch anything.
pub(super) fn has_model(exercise: &Exercise) -> bool {
    exercise.about.points.contains_key("model")
}

/// Weakens the orderings of the named exercises, or of all.
pub fn orderings(catalog: &Catalog, names: &[String], json: bool) -> Result<ExitCode> {
    // A wrong name is not worth a wait for the stage.
    let (chosen, without): (Vec<_>, Vec<_>) = select(catalog, names)?.into_iter().partition(|exercise| has_model(exercise));
    let stage = Stage::open(catalog)?;
    let steps = chosen.iter().map(|exercise| format!("orderings of {}", exercise.path())).collect();
    let mut progress = Progress::new(&catalog.scratch(), steps);
    let mut all = Vec::new();
    for exercise in chosen {
        progress.step();
        let weakened = weaken(catalog, &stage, exercise, |step| progress.detail(&step));
        screen::status_over();
        show(&weakened);
        all.push(weakened);
    }
    drop(progress);
    let count = |verdict| all.iter().map(|weakened| weakened.count(verdict)).sum::<usize>();
    let failed = count(Verdict::Fail) + count(Verdict::Error);
    let exit = code_for(count(Verdict::Fail) > 0, failed > 0);
    if json {
        screen::json(&all);
        return Ok(exit);
    }
    // Who names no exercise means those that have a model.
    let skipped = if names.is_empty() { 0 } else { without.len() };
    for exercise in without.iter().take(skipped) {
        say(format!("{} has no model check: nothing could catch a weaker ordering", exercise.path()));
    }
    say("");
    // The one line that any tool can read the outcome from.
    say(format!("{} passed, {failed} failed, {skipped} skipped", count(Verdict::Pass)));
    Ok(exit)
}

/// Prints the table: a row a weakening; and below it what is to be done about those that are not as they must be.
pub(super) fn show(weakened: &Weakened) {
    let count = weakened.trials.len();
    let took = faint(format!("({})", seconds(weakened.seconds)));
    say(format!("{} {count} weaker orderings {took}", bold(&weakened.exercise)));
    let header = ["exercise", "source", "where", "call", "ordering", "outcome"].map(str::to_owned).to_vec();
    let rows = weakened.trials.iter().map(|trial| row(&weakened.exercise, trial));
    if count > 0 {
        table(&std::iter::once(header).chain(rows).collect::<Vec<_>>()).iter().for_each(say);
    }
    for trial in &weakened.trials {
        let Some(advice) = trial.advice() else { continue };
        say(format!("{}, {}:{}: {}", trial.of, trial.file, trial.line, trial.change));
        advice.lines().for_each(|line| say(format!("    {line}")));
    }
}

fn row(exercise: &str, trial: &Trial) -> Vec<String> {
    let place = format!("{}:{}", trial.file, trial.line);
    let cells = [exercise, &trial.of, &place, &trial.call, &trial.change, &in_words(&trial.outcome)];
    cells.map(str::to_owned).to_vec()
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Killed(kill) => format!("killed by {}", told(kill)),
        Outcome::Excused { reason } => format!("excused: {reason}"),
        Outcome::Survived => "SURVIVED".into(),
        Outcome::Needless { kill, .. } => format!("FAILED: the excuse is not needed: killed by {}", told(kill)),
        Outcome::Unproven { why } => format!("ERROR: {}", why.lines().next().unwrap_or_default()),
    }
}

fn told(kill: &Kill) -> String {
    let pass = kill.pass.as_ref().map(|pass| format!(", pass {pass}")).unwrap_or_default();
    format!("{}: {}{pass} ({})", kill.by, kill.class, seconds(kill.seconds))
}
