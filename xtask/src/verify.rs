//! The three-way proof: the reference has full points, the starter fails as it is meant to, every mutant fails by the check
//! that it names, and every variant passes.

use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{
    catalog::{Catalog, Exercise, fingerprint},
    check::{Candidate, Checker, Purpose},
    planted::{Fate, Planted, read_all},
    results::{CaseResult, CheckResult, Subject, Verdict},
    screen::seconds,
    stage::{Stage, sources_in},
};

/// What was proven of one exercise.
#[derive(Debug, Serialize)]
pub struct Proof {
    /// `threads/spin_lock`.
    pub exercise: String,
    /// One claim each.
    pub claims: Vec<Claim>,
    /// Seconds, building included.
    pub seconds: f64,
}

/// One thing that must hold.
#[derive(Debug, Serialize)]
pub struct Claim {
    /// `reference`, `starter`, `mutant relaxed_unlock`, `variant ticket_lock`.
    pub of: String,
    /// The check it is about.
    pub check: String,
    /// Whether it holds; what cannot be measured here is neither proven nor disproven.
    pub verdict: Verdict,
    /// What was seen, and what it means where it does not hold.
    pub seen: String,
}

/// Proves one exercise, telling `step` what it is about to do. What keeps it from its end, a file that cannot be read, a patch
/// that does not fit or a cargo that cannot be run, is a claim with [`Verdict::Error`]: what is proven by then stands.
pub fn prove(catalog: &Catalog, stage: &Stage<'_>, exercise: &Exercise, step: impl FnMut(String)) -> Proof {
    let started = Instant::now();
    let mut claims = Vec::new();
    if let Err(error) = claim_all(catalog, stage, exercise, &mut claims, step) {
        claims.push(Claim {
            of: "proof".into(),
            check: "all".into(),
            verdict: Verdict::Error,
            seen: format!("it ended here: {error:#}"),
        });
    }
    Proof { exercise: exercise.path(), claims, seconds: started.elapsed().as_secs_f64() }
}

fn claim_all(
    catalog: &Catalog,
    stage: &Stage<'_>,
    exercise: &Exercise,
    claims: &mut Vec<Claim>,
    mut step: impl FnMut(String),
) -> Result<()> {
    let checker = Checker { catalog, seed: crate::check::SEED, quick: true, purpose: Purpose::Verdict };
    let reference = catalog
        .reference(exercise)
        .with_context(|| format!("solutions/{} is not there: there is nothing to prove without a reference", exercise.path()))?;
    let folder = catalog.solution_folder(exercise);
    for check in exercise.checks() {
        step(format!("{}: reference, {check}", exercise.name));
        let result = checker.one(&reference, check, None)?;
        claims.push(claim("reference", check, &result, result.verdict, "full points"));
    }

    let given = sources_in(&catalog.exercise_folder(exercise), exercise)?;
    let right = fingerprint(&catalog.exercise_folder(exercise), &exercise.about.files)?;
    let untouched = right == exercise.about.starter.fingerprint;
    claims.push(Claim {
        of: "starter".into(),
        check: "fingerprint".into(),
        verdict: if untouched { Verdict::Pass } else { Verdict::Fail },
        seen: if untouched {
            "its files are the ones of record".into()
        } else {
            format!(
                "exercises/{}/Cargo.toml must say fingerprint = \"{right}\" under [package.metadata.exercise.starter], if this is the starter",
                exercise.path()
            )
        },
    });
    let package = stage.put(exercise, &given)?;
    let starter = Candidate { exercise, subject: Subject::Planted, package };
    for check in exercise.checks() {
        let must_fail = exercise.about.starter.fails.iter().any(|name| name == check);
        if !must_fail && check == "speed" {
            // Nothing is claimed about how slow a starter is.
            continue;
        }
        step(format!("{}: starter, {check}", exercise.name));
        let result = checker.one(&starter, check, None)?;
        let (holds, wanted) = if must_fail {
            (fails_as_meant(&result, &exercise.about.starter.passes), fails_wanted(exercise, check))
        } else {
            (result.verdict == Verdict::Pass, "a pass: the starter is right in this".to_owned())
        };
        let verdict = if holds { Verdict::Pass } else { unless_decided(result.verdict) };
        claims.push(claim("starter", check, &result, verdict, &wanted));
    }

    let solution = sources_in(&folder, exercise)?;
    for planted in read_all(&folder)? {
        let sources = planted.sources(exercise, &solution)?;
        let package = stage.put(exercise, &sources)?;
        let candidate = Candidate { exercise, subject: Subject::Planted, package };
        prove_planted(&checker, &candidate, &planted, claims, &mut step)?;
    }
    Ok(())
}

fn prove_planted(
    checker: &Checker<'_>,
    candidate: &Candidate<'_>,
    planted: &Planted,
    claims: &mut Vec<Claim>,
    step: &mut impl FnMut(String),
) -> Result<()> {
    let exercise = candidate.exercise;
    match &planted.fate {
        Fate::Fails { check, case, how } => {
            step(format!("{}: mutant {}, {check}", exercise.name, planted.name));
            let result = checker.one(candidate, check, case.as_deref())?;
            let said = message(&result);
            let compiles = !result.cases.iter().any(|case| case.name == "compiles");
            let holds = result.verdict == Verdict::Fail && compiles && said.contains(how.as_str());
            let verdict = if holds { Verdict::Pass } else { unless_decided(result.verdict) };
            let wanted = format!("a failure that says {how:?}");
            let mut found = claim(&format!("mutant {}", planted.name), check, &result, verdict, &wanted);
            if holds {
                let by = case.as_ref().map(|case| format!(" by {case}")).unwrap_or_default();
                found.seen = format!("killed{by}: {how} ({})", seconds(result.seconds));
            }
            claims.push(found);
        }
        Fate::Passes => {
            for check in exercise.checks() {
                step(format!("{}: variant {}, {check}", exercise.name, planted.name));
                let result = checker.one(candidate, check, None)?;
                claims.push(claim(&format!("variant {}", planted.name), check, &result, result.verdict, "full points"));
            }
        }
    }
    Ok(())
}

/// Whether a starter fails a check by its tests, and by exactly those that are meant to fail it.
fn fails_as_meant(result: &CheckResult, passes: &[String]) -> bool {
    let compiles = !result.cases.iter().any(|case| case.name == "compiles");
    let as_meant = |case: &CaseResult| (case.verdict == Verdict::Pass) == passes.contains(&case.name);
    result.verdict == Verdict::Fail && compiles && result.cases.iter().all(as_meant)
}

fn fails_wanted(exercise: &Exercise, check: &str) -> String {
    match exercise.about.starter.passes.as_slice() {
        _ if ["span", "speed"].contains(&check) => "a failure by what is measured, not by the compiler".into(),
        [] => "a failure of every test, not of the compiler".into(),
        passes => format!("a failure of every test but {}, not of the compiler", passes.join(", ")),
    }
}

/// A claim that does not hold is a failure, unless the check itself could not be made.
fn unless_decided(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Pass | Verdict::Fail => Verdict::Fail,
        undecided => undecided,
    }
}

fn claim(of: &str, check: &str, result: &CheckResult, verdict: Verdict, wanted: &str) -> Claim {
    let took = seconds(result.seconds);
    let seen = match verdict {
        Verdict::Pass | Verdict::NotMeasurable => format!("{} ({took})", result.summary),
        Verdict::Fail | Verdict::Error => {
            format!("wanted: {wanted}; seen: {}, {}\n{}", result.verdict, result.summary, message(result))
        }
    };
    Claim { of: of.to_owned(), check: check.to_owned(), verdict, seen }
}

/// Everything that a failing check says.
fn message(result: &CheckResult) -> String {
    let failing = result.cases.iter().filter(|case| case.verdict != Verdict::Pass);
    let told = failing.map(|case| format!("{}: {}", case.name, case.message.as_deref().unwrap_or_default()));
    std::iter::once(result.summary.clone()).chain(told).collect::<Vec<_>>().join("\n")
}

impl Proof {
    /// Whether nothing was disproven.
    pub fn holds(&self) -> bool {
        self.claims.iter().all(|claim| matches!(claim.verdict, Verdict::Pass | Verdict::NotMeasurable))
    }

    /// How many claims came to `verdict`.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.claims.iter().filter(|claim| claim.verdict == verdict).count()
    }
}
