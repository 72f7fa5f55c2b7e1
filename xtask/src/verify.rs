//! The three-way proof: the reference has full points, the starter fails as it is meant to, every mutant fails by the check
//! that it names, and every variant passes.
//!
//! All of them are built at once, as packages beside each other, and their tests run side by side: an author proves an exercise
//! many times, and waits for it.

use std::time::Instant;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::{
    build::{Package, Part, build_all},
    catalog::{Catalog, Exercise, fingerprint},
    check::{Candidate, Checker, Purpose, Wanted, part_of, side_by_side},
    planted::{Fate, read_all},
    results::{CaseResult, CheckResult, Subject, Verdict},
    screen::seconds,
    stage::{Sources, Stage, sources_in},
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
    let cast = cast(catalog, exercise, claims)?;
    let sources = cast.iter().map(|(actor, sources)| (actor.package.as_str(), sources));
    let mut packages = stage.plant(exercise, sources)?;
    let tasks: Vec<Task<'_>> = cast.iter().enumerate().flat_map(|(index, (actor, _))| actor.tasks(index, exercise)).collect();
    for part in PARTS {
        let needed = |index: &usize| tasks.iter().any(|task| task.actor == *index && part_of(task.check) == part);
        let mut needed: Vec<&mut Package> =
            packages.iter_mut().enumerate().filter(|(index, _)| needed(index)).map(|(_, package)| package).collect();
        if !needed.is_empty() {
            step(format!("{}: builds {} of {}", exercise.name, part.noun(), count_of(needed.len(), "submission")));
            build_all(&mut needed, part)?;
        }
    }
    let candidates: Vec<Candidate<'_>> =
        packages.into_iter().map(|package| Candidate { exercise, subject: Subject::Planted, package }).collect();
    let wanted: Vec<Wanted<'_>> =
        tasks.iter().map(|task| Wanted { candidate: &candidates[task.actor], check: task.check, case: task.case }).collect();
    let checker =
        Checker { catalog, seed: crate::check::SEED, quick: true, purpose: Purpose::Proof, opponents: Default::default() };
    let mut results: Vec<Option<CheckResult>> = vec![None; tasks.len()];
    let ended = make(&checker, &wanted, &mut results, |task, what| {
        let of = task.map_or_else(String::new, |task| format!(" of {}", cast[tasks[task].actor].0.of));
        step(format!("{}: {what}{of}", exercise.name));
    });
    for (task, result) in tasks.iter().zip(&results) {
        claims.extend(result.as_ref().map(|result| cast[task.actor].0.claim(exercise, task.check, result)));
    }
    ended
}

/// Makes the checks: all tests side by side, for they take no more than a core each and were written to hold on a busy machine;
/// then what is counted, which is the same on a busy machine; and what is timed at the end, alone. What is made when it breaks off
/// is in `results`.
fn make(
    checker: &Checker<'_>,
    wanted: &[Wanted<'_>],
    results: &mut [Option<CheckResult>],
    mut step: impl FnMut(Option<usize>, &str),
) -> Result<()> {
    let tests: Vec<usize> = (0..wanted.len()).filter(|index| !MEASURED.contains(&wanted[*index].check)).collect();
    step(None, &format!("runs the tests of {}", count_of(tests.len(), "check")));
    let of_tests: Vec<Wanted<'_>> = tests.iter().map(|index| wanted[*index]).collect();
    for (index, result) in tests.iter().zip(checker.all_tests(&of_tests)?) {
        results[*index] = Some(result);
    }
    let of = |check: &str| (0..wanted.len()).filter(|index| wanted[*index].check == check).collect::<Vec<_>>();
    let counted = of("span");
    if !counted.is_empty() {
        step(None, &format!("counts {}", count_of(counted.len(), "span")));
    }
    let made = side_by_side(&counted, |index| checker.one(wanted[*index].candidate, "span", None));
    for (index, result) in counted.iter().zip(made) {
        results[*index] = Some(result?);
    }
    for index in of("speed") {
        step(Some(index), "speed");
        results[index] = Some(checker.one(wanted[index].candidate, "speed", None)?);
    }
    Ok(())
}

/// What is built, in this order.
const PARTS: [Part; 4] = [Part::Tests("behaviour"), Part::Tests("trace"), Part::Model, Part::Workload];

/// The checks that are one measurement.
const MEASURED: [&str; 2] = ["span", "speed"];

/// One piece of code of which something is claimed.
#[derive(Debug)]
struct Actor {
    /// `reference`, `starter`, `mutant relaxed_unlock`, `variant ticket_lock`.
    of: String,
    /// What its package is told from the others by.
    package: String,
    role: Role,
}

#[derive(Debug)]
enum Role {
    /// The reference, and whatever is as right.
    Right,
    Starter,
    Mutant {
        check: String,
        case: Option<String>,
        how: String,
    },
}

/// A check that must be made.
#[derive(Debug)]
struct Task<'a> {
    /// Of whom, by its number.
    actor: usize,
    check: &'a str,
    case: Option<&'a str>,
}

/// Everybody of whom something is claimed, with its sources. What can be told of them without running anything is claimed here:
/// that the starter is the one of record, and which patches do not fit.
fn cast(catalog: &Catalog, exercise: &Exercise, claims: &mut Vec<Claim>) -> Result<Vec<(Actor, Sources)>> {
    let folder = catalog.solution_folder(exercise);
    if !folder.join("Cargo.toml").is_file() {
        bail!("solutions/{} is not there: there is nothing to prove without a reference", exercise.path());
    }
    let solution = sources_in(&folder, exercise)?;
    let given = catalog.exercise_folder(exercise);
    claims.push(starter_of_record(exercise, &fingerprint(&given, &exercise.about.files)?));
    let actor = |of: &str, role| Actor { of: of.to_owned(), package: of.replace(' ', "-"), role };
    let mut cast = vec![
        (actor("reference", Role::Right), solution.clone()),
        (actor("starter", Role::Starter), sources_in(&given, exercise)?),
    ];
    for planted in read_all(&folder)? {
        let (of, check, role) = match &planted.fate {
            Fate::Passes => (format!("variant {}", planted.name), "all", Role::Right),
            Fate::Fails { check, case, how } => {
                let role = Role::Mutant { check: check.clone(), case: case.clone(), how: how.clone() };
                (format!("mutant {}", planted.name), check.as_str(), role)
            }
        };
        match planted.sources(exercise, &solution) {
            Ok(sources) => cast.push((actor(&of, role), sources)),
            Err(error) => {
                claims.push(Claim { of, check: check.to_owned(), verdict: Verdict::Error, seen: format!("{error:#}") });
            }
        }
    }
    Ok(cast)
}

fn starter_of_record(exercise: &Exercise, right: &str) -> Claim {
    let untouched = right == exercise.about.starter.fingerprint;
    let seen = if untouched {
        "its files are the ones of record".into()
    } else {
        format!(
            "exercises/{}/Cargo.toml must say fingerprint = \"{right}\" under [package.metadata.exercise.starter], if this is the starter",
            exercise.path()
        )
    };
    let verdict = if untouched { Verdict::Pass } else { Verdict::Fail };
    Claim { of: "starter".into(), check: "fingerprint".into(), verdict, seen }
}

impl Actor {
    /// The checks that its claims rest on.
    fn tasks<'a>(&'a self, actor: usize, exercise: &'a Exercise) -> Vec<Task<'a>> {
        match &self.role {
            // It is stopped at the check that it names, and of that only the test it names is run.
            Role::Mutant { check, case, .. } => vec![Task { actor, check, case: case.as_deref() }],
            // Nothing is claimed about how slow a starter is that need not fail by it.
            role => exercise
                .checks()
                .into_iter()
                .filter(|check| matches!(role, Role::Right) || *check != "speed" || must_fail(exercise, check))
                .map(|check| Task { actor, check, case: None })
                .collect(),
        }
    }

    fn claim(&self, exercise: &Exercise, check: &str, result: &CheckResult) -> Claim {
        match &self.role {
            Role::Right => claim(&self.of, check, result, result.verdict, "full points"),
            Role::Starter => {
                let (holds, wanted) = if must_fail(exercise, check) {
                    (fails_as_meant(result, &exercise.about.starter.passes), fails_wanted(exercise, check))
                } else {
                    (result.verdict == Verdict::Pass, "a pass: the starter is right in this".to_owned())
                };
                claim(&self.of, check, result, if holds { Verdict::Pass } else { unless_decided(result.verdict) }, &wanted)
            }
            Role::Mutant { case, how, .. } => {
                let holds = result.verdict == Verdict::Fail && compiles(result) && message(result).contains(how.as_str());
                let verdict = if holds { Verdict::Pass } else { unless_decided(result.verdict) };
                let mut found = claim(&self.of, check, result, verdict, &format!("a failure that says {how:?}"));
                if holds {
                    let by = case.as_ref().map(|case| format!(" by {case}")).unwrap_or_default();
                    found.seen = format!("killed{by}: {how} ({})", seconds(result.seconds));
                }
                found
            }
        }
    }
}

fn must_fail(exercise: &Exercise, check: &str) -> bool {
    exercise.about.starter.fails.iter().any(|name| name == check)
}

fn compiles(result: &CheckResult) -> bool {
    !result.cases.iter().any(|case| case.name == "compiles")
}

fn count_of(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Whether a starter fails a check by its tests, and by exactly those that are meant to fail it.
fn fails_as_meant(result: &CheckResult, passes: &[String]) -> bool {
    let as_meant = |case: &CaseResult| (case.verdict == Verdict::Pass) == passes.contains(&case.name);
    result.verdict == Verdict::Fail && compiles(result) && result.cases.iter().all(as_meant)
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
