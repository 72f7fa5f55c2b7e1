//! One grading as `cargo xtask grade` makes it, of a program whose truth is known.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use lab::workload::Setup;

use super::{
    FULL_AT, Grading, PAIRS, PROGRAMS, Planned, RawPair, ZERO_AT,
    busy::{Account, Busy},
};
use crate::{
    build,
    catalog::Catalog,
    check::{Candidate, verdict_on_speed},
    driver::{Fault, Workload},
    measure::{Blame, Contender, Plan, compare},
    planted::{Fate, read_all},
    results::{Speed, Subject, Verdict},
    stage::{Stage, sources_in},
};

/// No answer of a program that takes 20 ms takes longer than this, on a machine however busy.
const LIMIT: Duration = Duration::from_secs(30);

/// The programs that are graded, by exercise and by how many times the reference's work they do, in thousandths.
#[derive(Debug)]
pub struct Programs(BTreeMap<(String, u64), PathBuf>);

fn thousandths(nominal: f64) -> u64 {
    (nominal * 1000.0).round() as u64
}

impl Programs {
    /// Builds the references, and the slower versions of `xtask/study` on the stage.
    ///
    /// # Errors
    /// If one cannot be built; the message names it.
    pub fn build(catalog: &Catalog) -> Result<Self> {
        let mut programs = BTreeMap::new();
        let stage = Stage::open(catalog)?;
        for name in BTreeSet::from(PROGRAMS.map(|program| program.exercise)) {
            let exercise = catalog.find(name)?;
            let reference = catalog.reference(exercise);
            let reference = reference.with_context(|| format!("solutions/{} is not there: nothing to grade", exercise.path()))?;
            programs.insert((name.to_owned(), 1000), built(catalog, &reference, name)?);
            let solution = sources_in(&reference.package.folder, exercise)?;
            for planted in read_all(&catalog.root.join("xtask/study").join(exercise.path()))? {
                let Fate::Fails { how, .. } = &planted.fate else { bail!("{} is no mutant", planted.path.display()) };
                let nominal: f64 = how.parse().with_context(|| format!("{}: `How:` is no ratio", planted.path.display()))?;
                let package = stage.put(exercise, &planted.sources(exercise, &solution)?)?;
                let candidate = Candidate { exercise, subject: Subject::Planted, package };
                let program = built(catalog, &candidate, &format!("{name}-{}", planted.name))?;
                programs.insert((name.to_owned(), thousandths(nominal)), program);
            }
        }
        Ok(Self(programs))
    }

    fn find(&self, exercise: &str, nominal: f64) -> Result<&PathBuf> {
        let program = self.0.get(&(exercise.to_owned(), thousandths(nominal)));
        program.with_context(|| format!("xtask/study holds no version of {exercise} that works {nominal} times as much"))
    }
}

/// The built workload, where no other command overwrites it.
fn built(catalog: &Catalog, candidate: &Candidate<'_>, name: &str) -> Result<PathBuf> {
    match candidate.workload(catalog)? {
        Ok(program) => build::keep_program(&program, &catalog.scratch().join("study"), name),
        Err(why) => bail!("{name} cannot be built:\n{why}"),
    }
}

/// Makes the load, and grades under it.
///
/// # Errors
/// If a process cannot be run at all. What the program did wrong that is graded loses the points, as in any grading; what the
/// other one did is an error.
pub fn grade(runner: &Path, programs: &Programs, planned: Planned, budget: f64) -> Result<Grading> {
    let Planned { program, nominal, load, seed } = planned;
    let (own, other) = (programs.find(program.exercise, nominal)?, programs.find(program.exercise, 1.0)?);
    let begin = Account::now();
    let started = Instant::now();
    let busy = Busy::start(runner, load, seed)?;
    let compared = pairs(own, other, planned, budget);
    let before_load = Account::now();
    drop(busy);
    let end = Account::now();
    let present = begin.zip(before_load).zip(end).map(|((begin, before), end)| {
        // The programs have ended before the second look, the load after it.
        [end.children_since(&before, &begin), end.others_since(&begin)]
    });
    let mut grading = Grading {
        exercise: program.exercise.to_owned(),
        size: program.size,
        threads: program.threads,
        nominal,
        load,
        seed,
        verdict: Verdict::Error,
        share: 0.0,
        ratio: None,
        interval: None,
        present: present.map(|cores| cores.map(|cores| rounded(cores, 100.0))),
        seconds: rounded(started.elapsed().as_secs_f64(), 1000.0),
        fault: None,
        pairs: Vec::new(),
    };
    match compared {
        Ok(Ok(speed)) => note(&mut grading, &speed),
        Ok(Err(fault)) => (grading.verdict, grading.fault) = (Verdict::Fail, Some(crate::check::printable(&fault.to_string()))),
        Err(error) if error.is::<Fault>() => grading.fault = Some(crate::check::printable(&error.to_string())),
        Err(error) => return Err(error),
    }
    Ok(grading)
}

/// Two processes, the baseline's digest, and the comparison: the steps of the check `speed`. `Ok(Err(..))` is what the program
/// did wrong that is graded.
fn pairs(own: &Path, other: &Path, planned: Planned, budget: f64) -> Result<Result<Speed, Fault>> {
    let setup = Setup { size: planned.program.size, seed: planned.seed, threads: planned.program.threads, at: None };
    let mut opponent = Workload::start(other, None, &[], LIMIT)?;
    let digest = opponent.run("baseline", setup)?.digest;
    let mut subject = match Workload::start(own, None, &[], LIMIT) {
        Ok(subject) => subject,
        Err(error) => return error.downcast::<Fault>().map(Err),
    };
    // A grading waits for an idle machine first. Here it is busy on purpose, and never would become one.
    let patience = Duration::ZERO;
    let plan = Plan { threshold: FULL_AT, least: PAIRS[0], most: PAIRS[1], budget: Duration::from_secs_f64(budget), patience };
    let subject = Contender { process: &mut subject, entry: "submission" };
    let opponent = Contender { process: &mut opponent, entry: "submission" };
    match compare(subject, opponent, "reference", setup, &digest, plan) {
        Ok(speed) => Ok(Ok(speed)),
        Err(Blame::Subject(error)) => error.downcast::<Fault>().map(Err),
        Err(Blame::Opponent(error)) => Err(error),
    }
}

/// The verdict and what it came from.
fn note(grading: &mut Grading, speed: &Speed) {
    (grading.verdict, grading.share) = verdict_on_speed(speed, FULL_AT, ZERO_AT);
    (grading.ratio, grading.interval) = (speed.ratio, speed.interval);
    let milliseconds = |seconds: f64| rounded(seconds * 1e3, 1000.0);
    let raw = speed.pairs.iter().map(|pair| {
        let cores = pair.effective_cores.map(|cores| cores.map(|cores| rounded(cores, 1000.0)));
        RawPair(milliseconds(pair.subject), milliseconds(pair.opponent), cores, pair.clean)
    });
    grading.pairs = raw.collect();
}

/// To so many parts of a whole: further digits are noise, and would make the stored file three times as long.
fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}
