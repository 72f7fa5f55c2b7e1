//! Whether the grader was fooled by an attack, or has wronged somebody honest.

use anyhow::Result;

use super::Attack;
use crate::{
    catalog::Catalog,
    check::LINTS,
    results::{CheckResult, Results, State, SubjectResult, Verdict},
};

/// What came of one submission of the corpus.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgement {
    /// Points that it has.
    pub points: f64,
    /// Points that it has and should not have.
    pub gained: f64,
    /// Points that it should have and has not.
    pub lost: f64,
    /// Whether everything was said that must be said.
    pub reasons_right: bool,
    /// What is not as it must be, a sentence each; empty where all is well.
    pub faults: Vec<String>,
    /// Checks of which nothing can be said, because this machine could not make them.
    pub undecided: Vec<String>,
}

/// Points are sums of shares.
const ROUNDING: f64 = 1e-6;

/// Judges what the grader made of `attack`.
///
/// # Errors
/// If the course has no such exercise.
pub fn judge(attack: &Attack, catalog: &Catalog, results: &Results) -> Result<Judgement> {
    let exercise = attack.exercise(catalog)?;
    let mut judgement = Judgement::default();
    let path = exercise.path();
    let graded = results.exercises.iter().filter(|result| result.path == path);
    let subjects: Vec<&SubjectResult> = graded.flat_map(|result| &result.subjects).collect();
    judgement.points = subjects.iter().map(|subject| subject.points).sum();
    let checks: Vec<&CheckResult> = subjects.iter().flat_map(|subject| &subject.checks).collect();
    for check in &checks {
        match check.verdict {
            Verdict::NotMeasurable => judgement.undecided.push(check.check.clone()),
            // It costs no points: whoever could cause it would have found a way not to be graded.
            Verdict::Error => {
                judgement.faults.push(format!("{}: the grader takes it for its own fault: {}", check.check, check.summary))
            }
            Verdict::Pass | Verdict::Fail => {}
        }
    }
    if let Some(State::Error(why)) = state_of(results) {
        judgement.faults.push(format!("the grader takes it for its own fault: {why}"));
    }
    if attack.honest {
        let hidden = exercise.hidden.as_ref().map_or(0.0, |hidden| hidden.points);
        of_honest(&mut judgement, results, &checks, exercise.max_points() + hidden);
    } else {
        of_attack(&mut judgement, attack, results, &checks);
    }
    Ok(judgement)
}

fn state_of(results: &Results) -> Option<&State> {
    results.submission.as_ref().map(|submission| &submission.state)
}

fn of_honest(judgement: &mut Judgement, results: &Results, checks: &[&CheckResult], max_points: f64) {
    let undecided: f64 =
        checks.iter().filter(|check| check.verdict == Verdict::NotMeasurable).map(|check| check.max_points).sum();
    judgement.lost = (max_points - undecided - judgement.points).max(0.0);
    judgement.reasons_right = true;
    if judgement.lost > ROUNDING {
        judgement.faults.push(format!("it has {} points of {}", judgement.points, max_points - undecided));
    }
    if let Some(State::Rejected(why)) = state_of(results) {
        judgement.faults.push(format!("it was rejected: {why}"));
    }
    // Advice of clippy flags nobody.
    for check in checks.iter().filter(|check| check.verdict == Verdict::Fail && check.check != LINTS) {
        judgement.faults.push(format!("{}: {}", check.check, said_by(check)));
    }
}

fn of_attack(judgement: &mut Judgement, attack: &Attack, results: &Results, checks: &[&CheckResult]) {
    judgement.gained = (judgement.points - attack.about.gains).max(0.0);
    if judgement.gained > ROUNDING {
        judgement.faults.push(format!("it has {} points, and may have {}", judgement.points, attack.about.gains));
    }
    let mut missing = Vec::new();
    for reason in &attack.about.reason {
        let failing = |named: Option<&str>| {
            let of = |check: &&&CheckResult| check.verdict == Verdict::Fail && named.is_none_or(|name| check.check == name);
            checks.iter().filter(of).map(|check| said_by(check)).collect::<Vec<_>>().join("\n")
        };
        let said = match reason.check.as_str() {
            "submission" => said_of_all(results),
            "any" => format!("{}\n{}", said_of_all(results), failing(None)),
            check => failing(Some(check)),
        };
        let ways = reason.says.ways();
        if !ways.iter().any(|words| said.contains(words.as_str())) {
            let shown = if said.trim().is_empty() { "nothing, or does not fail" } else { &said };
            missing.push(format!("{} should say {}; it says: {shown}", reason.check, ways.join(" or ")));
        }
    }
    judgement.reasons_right = missing.is_empty();
    judgement.faults.extend(missing);
}

/// Everything that a check says.
fn said_by(check: &CheckResult) -> String {
    let cases = check.cases.iter().filter(|case| case.verdict == Verdict::Fail);
    let told = cases.map(|case| format!("{}: {}", case.name, case.message.as_deref().unwrap_or_default()));
    std::iter::once(check.summary.clone()).chain(told).collect::<Vec<_>>().join("\n")
}

/// What is said of the submission as a whole.
fn said_of_all(results: &Results) -> String {
    let Some(submission) = &results.submission else { return String::new() };
    let state = match &submission.state {
        State::Graded => String::new(),
        State::Rejected(why) | State::Error(why) => why.clone(),
    };
    let ignored = submission.ignored.iter().map(|ignored| format!("{}: {}", ignored.file, ignored.why));
    let remarks = submission.remarks.iter().map(|remark| format!("{}: {}", remark.place, remark.what));
    std::iter::once(state).chain(ignored).chain(remarks).collect::<Vec<_>>().join("\n")
}
