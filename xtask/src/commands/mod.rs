//! The commands. Exit codes: 0 all good, 1 a check failed, 2 used wrongly, 3 the runner's own fault.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand, builder::RangedU64ValueParser};

use crate::{
    catalog::{Catalog, Exercise, find_root},
    results::{PeerOutcome, Results, Verdict},
    screen,
};

#[cfg(feature = "author")]
mod attacks;
mod bench;
pub mod check;
#[cfg(feature = "author")]
mod ci;
mod doctor;
mod explain;
#[cfg(feature = "author")]
mod grade;
#[cfg(feature = "author")]
mod handout;
mod hint;
mod instruments;
mod map;
#[cfg(feature = "author")]
mod new;
#[cfg(feature = "author")]
mod orderings;
#[cfg(feature = "author")]
mod patch;
mod report;
mod span;
#[cfg(feature = "author")]
mod study;
#[cfg(feature = "author")]
mod tidy;
#[cfg(feature = "author")]
mod verify;

/// The runner of Racecourse. Without a command it shows where you are and what comes next.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub struct Cli {
    /// Print JSON for programs instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All exercises, in order, with what is done.
    List,
    /// Test, model-check and lint your work on an exercise, and say what to do next.
    Check {
        /// The exercises; without any, those that you have begun.
        exercises: Vec<String>,
        /// Check the course's own solution instead.
        #[arg(long)]
        #[cfg_attr(not(feature = "author"), arg(hide = true))]
        solution: bool,
    },
    /// Show the failing execution of a model again: as a table, a picture, a Chrome trace, or step by step.
    Explain(explain::Options),
    /// One hint, from a nudge to nearly the answer; again for the next.
    Hint {
        /// The exercise.
        exercise: String,
    },
    /// Run an exercise's workload: the sequential program, yours and its peers, once each.
    Run(OnOne),
    /// Write a Chrome trace of one run.
    Trace(OnOne),
    /// Work, span and parallelism, counted and not timed.
    Span(OnOne),
    /// Run times with Criterion: yours, the sequential program's and the peers', and the reference's where it is there.
    Bench(OnOne),
    /// Check, measure and trace everything, into reports/index.html.
    Report {
        /// The exercises; without any, all.
        exercises: Vec<String>,
        /// Small inputs and few samples, for a first look.
        #[arg(long)]
        quick: bool,
        /// Time programs in other languages, and on other crates, too: those that this machine has.
        #[arg(long, conflicts_with = "render")]
        #[cfg_attr(not(feature = "author"), arg(hide = true))]
        peers: bool,
        /// The folder to write to.
        #[arg(long, default_value = "reports")]
        out: PathBuf,
        /// Only draw the page again from the stored results.
        #[arg(long)]
        render: bool,
    },
    #[cfg(feature = "author")]
    /// Grade a submission, or a class of them, behind walls: only a learner's own files are taken, and the verdict is the course's.
    Grade(Box<grade::Options>),
    #[cfg(feature = "author")]
    /// Prove the exercises: references pass, starters fail, mutants are killed, variants pass.
    Verify {
        /// The exercises; without any, all.
        exercises: Vec<String>,
        /// Prove their memory orderings instead: each one of a reference or a variant is weakened by a step, and the model
        /// check must catch that, or a comment there say why the stronger one stays: `// weaker is right: <reason>`, or
        /// `// no model shows it: <reason>` where it is needed all the same.
        #[arg(long)]
        orderings: bool,
        /// Prove the grader instead: those of `xtask/attacks` that are named, or all, gain nothing, and honest ones lose nothing.
        #[arg(long, conflicts_with = "orderings")]
        attacks: bool,
    },
    #[cfg(feature = "author")]
    /// Lay out a new exercise, and its solution, that are proven from their first minute: a small example to be changed.
    New {
        /// `<track>/<name>`, such as `threads/spin_lock`.
        path: String,
        /// What a learner does with the starter.
        #[arg(long, value_enum, default_value_t = crate::new::Kind::Implement)]
        kind: crate::new::Kind,
    },
    #[cfg(feature = "author")]
    /// Make the patch of a mutant or a variant: once to have a copy of the reference, again when the copy is edited. Without a
    /// name, make every patch again that no longer fits the reference.
    Patch {
        /// The exercise.
        exercise: String,
        /// The patch, without its ending.
        name: Option<String>,
        /// A new one is a variant, not a mutant.
        #[arg(long, requires = "name")]
        variant: bool,
    },
    #[cfg(feature = "author")]
    /// Find what is out of step: manifests, the table of exercises, handouts, hints, solutions and patches.
    Tidy {
        /// Write what can be derived: the table, the starters' fingerprints, the solutions' manifests.
        #[arg(long)]
        fix: bool,
    },
    #[cfg(feature = "author")]
    /// Prove that the course's own instruments are right.
    #[command(subcommand)]
    Study(study::Command),
    /// Write the learner's repository: the exercises, and what checks them; no solutions, in its history either.
    #[cfg(feature = "author")]
    Handout(handout::Options),
    /// What this machine can and cannot check, and the command that mends it.
    Doctor,
    #[cfg(feature = "author")]
    /// What CI runs: tidy, format, lints, tests, the proof of every exercise and of its memory orderings, that of a new exercise,
    /// and the quick noise study.
    Ci,
    /// What the course alone can do: words that are clearer than "unrecognized".
    #[cfg(not(feature = "author"))]
    #[command(hide = true, disable_help_flag = true, aliases = ["ci", "grade", "handout", "new", "patch", "study", "tidy"])]
    Verify {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        _rest: Vec<String>,
    },
}

/// An instrument on one exercise.
#[derive(Debug, clap::Args)]
struct OnOne {
    /// The exercise.
    exercise: String,
    /// Use the course's own solution instead of your work.
    #[arg(long)]
    #[cfg_attr(not(feature = "author"), arg(hide = true))]
    solution: bool,
    /// Threads, processes or requests in flight; by default as many as there are cores, or as the exercise says.
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    threads: Option<usize>,
    /// The small input.
    #[arg(long)]
    quick: bool,
}

#[cfg(not(feature = "author"))]
const HANDOUT: &str = "this is a learner's handout: what grades, proves, changes or hands out the course runs in the course itself; \
                       see what there is to do here with: cargo xtask --help";

/// The command was used wrongly: exit code 2.
#[derive(Debug)]
pub struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Runs the command.
///
/// # Errors
/// Whatever keeps it from a verdict: wrong use, or the runner's own fault.
pub fn run(cli: Cli) -> Result<ExitCode> {
    if cli.json {
        screen::only_json();
    }
    let json = cli.json;
    let root = find_root()?;
    let catalog = match (Catalog::read(&root), &cli.command) {
        // A manifest that cannot be read is one of its findings.
        #[cfg(feature = "author")]
        (Err(_), Some(Command::Tidy { .. })) => return tidy::tidy(&root, false, json),
        (catalog, _) => catalog?,
    };
    match cli.command {
        None => map::map(&catalog, json),
        Some(Command::List) => map::list(&catalog, json),
        Some(Command::Check { exercises, solution }) => check::check(&catalog, &exercises, solution, json),
        Some(Command::Explain(options)) => explain::explain(&catalog, &options, json),
        Some(Command::Hint { exercise }) => hint::hint(&catalog, &exercise, json),
        Some(Command::Run(on)) => instruments::run(&catalog, &on, json),
        Some(Command::Trace(on)) => instruments::trace(&catalog, &on, json),
        Some(Command::Span(on)) => span::span(&catalog, &on, json),
        Some(Command::Bench(on)) => bench::bench(&catalog, &on, json),
        Some(Command::Report { exercises, quick, peers, out, render }) => {
            report::report(&catalog, &report::Options { exercises, quick, out, render, json, peers })
        }
        #[cfg(feature = "author")]
        Some(Command::Grade(options)) => grade::grade(&catalog, &options, json),
        #[cfg(feature = "author")]
        Some(Command::Verify { exercises: names, attacks: true, .. }) => attacks::attacks(&catalog, &names, json),
        #[cfg(feature = "author")]
        Some(Command::Verify { exercises, orderings: true, .. }) => orderings::orderings(&catalog, &exercises, json),
        #[cfg(feature = "author")]
        Some(Command::Verify { exercises, orderings: false, .. }) => verify::verify(&catalog, &exercises, json),
        #[cfg(feature = "author")]
        Some(Command::Study(command)) => study::study(&catalog, command, json),
        #[cfg(feature = "author")]
        Some(Command::New { path, kind }) => new::new(&catalog, &path, kind, json),
        #[cfg(feature = "author")]
        Some(Command::Patch { exercise, name, variant }) => patch::patch(&catalog, &exercise, name.as_deref(), variant, json),
        #[cfg(feature = "author")]
        Some(Command::Tidy { fix }) => tidy::tidy(&catalog.root, fix, json),
        #[cfg(feature = "author")]
        Some(Command::Handout(options)) => handout::handout(&catalog, &options, json),
        #[cfg(not(feature = "author"))]
        Some(Command::Verify { .. }) => Err(Usage(HANDOUT.into()).into()),
        Some(Command::Doctor) => doctor::doctor(&catalog, json),
        #[cfg(feature = "author")]
        Some(Command::Ci) => ci::ci(&catalog, json),
    }
}

/// A name that fits no exercise is wrong use.
fn find<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Exercise> {
    catalog.find(name).map_err(|error| Usage(error.to_string()).into())
}

/// As [`find`], for several; all where none is named.
fn select<'a>(catalog: &'a Catalog, names: &[String]) -> Result<Vec<&'a Exercise>> {
    catalog.select(names).map_err(|error| Usage(error.to_string()).into())
}

/// 0 where all is good, 1 where a check failed.
fn code(good: bool) -> ExitCode {
    ExitCode::from(u8::from(!good))
}

/// 1 where a check failed, 3 where none did and one could not be made by the runner's own fault, else 0. Advice fails nobody.
fn code_of<'a>(results: impl IntoIterator<Item = &'a Results>) -> ExitCode {
    let exercises: Vec<_> = results.into_iter().flat_map(|results| &results.exercises).collect();
    let checks = exercises.iter().flat_map(|exercise| &exercise.subjects).flat_map(|subject| &subject.checks);
    let notes = exercises.iter().flat_map(|exercise| &exercise.notes).map(|note| note.verdict);
    let verdicts: Vec<Verdict> = checks.filter(|check| check.max_points > 0.0).map(|check| check.verdict).chain(notes).collect();
    let faulty_peer =
        exercises.iter().flat_map(|exercise| &exercise.peers).any(|peer| matches!(peer.outcome, PeerOutcome::Error(_)));
    code_for(verdicts.contains(&Verdict::Fail), faulty_peer || verdicts.contains(&Verdict::Error))
}

/// 1 where something failed, 3 where nothing did and something could not be made, else 0.
fn code_for(failed: bool, faulty: bool) -> ExitCode {
    match (failed, faulty) {
        (true, _) => code(false),
        (false, true) => ExitCode::from(3),
        (false, false) => code(true),
    }
}
