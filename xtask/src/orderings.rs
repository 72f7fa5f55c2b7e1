//! Every memory ordering of every right solution, weakened one at a time: the model check must catch it, or a comment in the
//! source must say why the weaker one is right as well.
//!
//! It asks two things at once: whether the models can tell a wrong ordering, and whether the solutions say a stronger one than
//! they need. [`sites`] finds the orderings, [`excuses`] the reasons, and [`armed`](mod@armed) makes one program of all weakenings.

pub mod armed;
pub mod excuses;
pub mod sites;

use std::time::Instant;

use anyhow::{Context, Result};
use lab::finding::Report;
use serde::Serialize;

use self::{
    armed::armed,
    excuses::Excuse,
    sites::{Unclear, Weakening},
};
use crate::{
    build::Part,
    catalog::{Catalog, Exercise},
    check::{Candidate, Checker, Purpose, SEED, Suite, side_by_side},
    planted::{Fate, read_all},
    results::{CaseResult, CheckResult, Subject, Verdict},
    stage::{Sources, Stage, sources_in},
};

/// What came of the orderings of one exercise.
#[derive(Debug, Serialize)]
pub struct Weakened {
    /// `threads/spin_lock`.
    pub exercise: String,
    /// One for each weakening, and for what stands in the way of one.
    pub trials: Vec<Trial>,
    /// Seconds, building included.
    pub seconds: f64,
}

/// One ordering, one step weaker.
#[derive(Debug, Serialize)]
pub struct Trial {
    /// `reference`, `variant ticket`.
    pub of: String,
    /// `src/lib.rs`.
    pub file: String,
    /// From 1; in a variant, of the file with its patch applied.
    pub line: usize,
    /// `locked.swap`; empty where no call is understood.
    pub call: String,
    /// `Acquire -> Relaxed`; empty where no call is understood.
    pub change: String,
    /// Pass if it is killed, or survives with a reason.
    pub verdict: Verdict,
    /// What happened.
    pub outcome: Outcome,
}

/// What happened to a weakening.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// A model fails by it.
    Killed(Kill),
    /// Every model passes, and the source says why that is right.
    Excused {
        /// Why.
        reason: String,
    },
    /// Every model passes, and nobody says why.
    Survived,
    /// The source says that the weaker ordering is right, and a model fails by it.
    Needless {
        /// What the source says.
        reason: String,
        /// What contradicts it.
        kill: Kill,
    },
    /// It cannot be told.
    Unproven {
        /// Why not.
        why: String,
    },
}

/// How a model failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kill {
    /// The test.
    pub by: String,
    /// `data race`, `deadlock`, ..
    pub class: String,
    /// The search that found it: `interleavings`, `weak memory`, ..
    pub pass: Option<String>,
    /// How long that model ran.
    pub seconds: f64,
}

impl Outcome {
    /// Whether it is as it must be.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Killed(_) | Self::Excused { .. } => Verdict::Pass,
            Self::Survived | Self::Needless { .. } => Verdict::Fail,
            Self::Unproven { .. } => Verdict::Error,
        }
    }
}

impl Weakened {
    /// Whether nothing was disproven and nothing is open.
    pub fn holds(&self) -> bool {
        self.trials.iter().all(|trial| trial.verdict == Verdict::Pass)
    }

    /// How many trials came to `verdict`.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.trials.iter().filter(|trial| trial.verdict == verdict).count()
    }
}

/// A weakening that is to be tried, and the reason that its source gives for it.
#[derive(Debug)]
struct Planned {
    file: String,
    weakening: Weakening,
    excuse: Option<Excuse>,
}

/// Everything that a solution says of orderings.
#[derive(Debug, Default)]
struct Plan {
    planned: Vec<Planned>,
    unclear: Vec<(String, Unclear)>,
    /// The solution with all weakenings in it, numbered as in `planned`.
    armed: Sources,
}

/// Weakens every ordering of the reference and of the variants of an exercise, telling `step` what it is about to do. What
/// keeps it from its end, a file that cannot be read or is no Rust, a patch that does not fit or a cargo that cannot be run, is
/// a trial that is unproven: what was tried by then stands.
pub fn weaken(catalog: &Catalog, stage: &Stage<'_>, exercise: &Exercise, step: impl FnMut(String)) -> Weakened {
    let started = Instant::now();
    let mut trials = Vec::new();
    if let Err(error) = weaken_all(catalog, stage, exercise, &mut trials, step) {
        let why = format!("it ended here: {error:#}");
        trials.push(Trial::unclear("orderings", "-", &Unclear { line: 0, why }));
    }
    Weakened { exercise: exercise.path(), trials, seconds: started.elapsed().as_secs_f64() }
}

fn weaken_all(
    catalog: &Catalog,
    stage: &Stage<'_>,
    exercise: &Exercise,
    trials: &mut Vec<Trial>,
    mut step: impl FnMut(String),
) -> Result<()> {
    let folder = catalog.solution_folder(exercise);
    let reference = sources_in(&folder, exercise)?;
    let mut solutions = vec![("reference".to_owned(), reference.clone())];
    for variant in read_all(&folder)?.into_iter().filter(|planted| planted.fate == Fate::Passes) {
        solutions.push((format!("variant {}", variant.name), variant.sources(exercise, &reference)?));
    }
    for (of, sources) in solutions {
        step(format!("{}: orderings of {of}", exercise.name));
        trials.extend(weaken_one(catalog, stage, exercise, &of, &sources)?);
    }
    Ok(())
}

/// Weakens every ordering of one solution, which is called `of` in what comes back.
///
/// # Errors
/// If a file is no Rust, or cargo cannot be run.
pub fn weaken_one(catalog: &Catalog, stage: &Stage<'_>, exercise: &Exercise, of: &str, sources: &Sources) -> Result<Vec<Trial>> {
    let plan = plan(sources).with_context(|| format!("cannot read the {of} of {}", exercise.path()))?;
    let unclear = plan.unclear.iter().map(|(file, unclear)| Trial::unclear(of, file, unclear));
    let outcomes = outcomes(catalog, stage, exercise, &plan)?;
    let tried = plan.planned.iter().zip(outcomes).map(|(planned, outcome)| Trial::of(of, planned, outcome));
    Ok(unclear.chain(tried).collect())
}

fn plan(sources: &Sources) -> Result<Plan> {
    let mut plan = Plan { armed: sources.clone(), ..Plan::default() };
    for (file, content) in sources.iter().filter(|(file, _)| file.ends_with(".rs")) {
        let text = std::str::from_utf8(content).with_context(|| format!("{file} is not UTF-8"))?;
        let found = sites::find(text).with_context(|| format!("{file} is not Rust"))?;
        let (excuses, astray) = excuses::read(text, &found.weakenings);
        plan.unclear.extend(found.unclear.into_iter().chain(astray).map(|unclear| (file.clone(), unclear)));
        plan.armed.insert(file.clone(), armed(text, &found.weakenings, plan.planned.len()).into_bytes());
        plan.planned.extend(found.weakenings.into_iter().map(|weakening| {
            let excuse = excuses.iter().find(|excuse| excuse.covers(&weakening)).cloned();
            Planned { file: file.clone(), weakening, excuse }
        }));
    }
    Ok(plan)
}

/// What happens to each weakening of a plan, in order.
fn outcomes(catalog: &Catalog, stage: &Stage<'_>, exercise: &Exercise, plan: &Plan) -> Result<Vec<Outcome>> {
    if plan.planned.is_empty() {
        return Ok(Vec::new());
    }
    let unproven = |why: String| Ok(plan.planned.iter().map(|_| Outcome::Unproven { why: why.clone() }).collect());
    let checker = Checker { catalog, seed: SEED, quick: true, purpose: Purpose::Verdict, opponents: Default::default() };
    let candidate = Candidate { exercise, subject: Subject::Planted, package: stage.put(exercise, &plan.armed)? };
    let suite = match checker.suite(&candidate, "model", Part::Model)? {
        Ok(suite) => suite,
        Err(result) => return unproven(said(&result)),
    };
    // While all weakenings sleep it is the solution itself: if that fails, a failure tells nothing.
    let asleep = side_by_side(&suite.names, |name| suite.run(name, Vec::new())).into_iter().collect::<Result<Vec<_>>>()?;
    if let Some(case) = asleep.iter().find(|case| case.verdict != Verdict::Pass) {
        let why = case.message.as_deref().unwrap_or_default();
        return unproven(format!("{} fails before anything is weakened: {why}", case.name));
    }
    let numbers: Vec<usize> = (0..plan.planned.len()).collect();
    let names = smallest_first(asleep);
    let tried = side_by_side(&numbers, |&number| tried(&suite, &names, number)).into_iter().collect::<Result<Vec<_>>>()?;
    Ok(plan.planned.iter().zip(tried).map(|(planned, tried)| judged(tried, planned.excuse.as_ref())).collect())
}

fn said(result: &CheckResult) -> String {
    let cases = result.cases.iter().filter_map(|case| case.message.clone());
    std::iter::once(result.summary.clone()).chain(cases).collect::<Vec<_>>().join("\n")
}

/// Most weakenings are caught by the smallest model that there is. By executions, not by seconds: so that every run tells the
/// same.
fn smallest_first(mut cases: Vec<CaseResult>) -> Vec<String> {
    cases.sort_by_key(|case| case.models().iter().map(Report::executions).fold(0, u64::saturating_add));
    cases.into_iter().map(|case| case.name).collect()
}

/// What the models say of one weakening.
#[derive(Debug)]
enum Tried {
    Killed(Kill),
    Passed,
    /// A test failed without a bug that a model has found.
    Odd(String),
}

/// Runs the models until the first one fails.
fn tried(suite: &Suite, names: &[String], number: usize) -> Result<Tried> {
    let mut odd = None;
    for name in names {
        let case = suite.run(name, vec![(armed::VARIABLE, number.to_string().into())])?;
        match kill_of(&case) {
            Some(kill) => return Ok(Tried::Killed(kill)),
            None if case.verdict == Verdict::Pass => {}
            // Another model may still find a bug.
            None => odd = odd.or_else(|| Some(format!("{name} fails, but by no bug: {}", case.message.unwrap_or_default()))),
        }
    }
    Ok(odd.map_or(Tried::Passed, Tried::Odd))
}

/// The bug that a model has found in a test.
fn kill_of(case: &CaseResult) -> Option<Kill> {
    if case.verdict != Verdict::Fail {
        return None;
    }
    let failure = case.models().into_iter().filter_map(|report| report.failure).find(|failure| failure.class.is_bug())?;
    let (class, pass) = (failure.class.name().to_owned(), failure.pass.map(|pass| pass.name().to_owned()));
    Some(Kill { by: case.name.clone(), class, pass, seconds: case.seconds })
}

fn judged(tried: Tried, excuse: Option<&Excuse>) -> Outcome {
    match (tried, excuse) {
        (Tried::Killed(kill), None) => Outcome::Killed(kill),
        (Tried::Killed(kill), Some(excuse)) => Outcome::Needless { reason: excuse.reason.clone(), kill },
        (Tried::Passed, None) => Outcome::Survived,
        (Tried::Passed, Some(excuse)) => Outcome::Excused { reason: excuse.reason.clone() },
        (Tried::Odd(why), _) => Outcome::Unproven { why },
    }
}

impl Trial {
    fn of(of: &str, planned: &Planned, outcome: Outcome) -> Self {
        Self {
            of: of.to_owned(),
            file: planned.file.clone(),
            line: planned.weakening.line,
            call: planned.weakening.call.clone(),
            change: planned.weakening.change.to_string(),
            verdict: outcome.verdict(),
            outcome,
        }
    }

    fn unclear(of: &str, file: &str, unclear: &Unclear) -> Self {
        let outcome = Outcome::Unproven { why: unclear.why.clone() };
        Self {
            of: of.to_owned(),
            file: file.to_owned(),
            line: unclear.line,
            call: String::new(),
            change: String::new(),
            verdict: outcome.verdict(),
            outcome,
        }
    }

    /// What is to be done about it; nothing where it is as it must be.
    pub fn advice(&self) -> Option<String> {
        match &self.outcome {
            Outcome::Killed(_) | Outcome::Excused { .. } => None,
            Outcome::Survived => Some(
                "no model can tell the weaker ordering: let one tell it (tests/model.rs), write the weaker one, or say above the line why the stronger one stays: `// weaker is right: <reason>`, or `// no model shows it: <reason>` where it is needed all the same"
                .to_owned()),
            Outcome::Needless { .. } => Some(
                "delete the excuse; where it is meant for another change of the same line, name that, as in `// weaker is right, AcqRel -> Acquire: <reason>`"
                .to_owned()),
            Outcome::Unproven { why } => Some(why.clone()),
        }
    }
}
