//! `cargo xtask ci`: everything that must hold before a change lands.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, ExitCode, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde::Serialize;

use super::{attacks::try_them, code_for, orderings::has_model};
use crate::{
    attacks::Tally as Tried,
    build,
    catalog::Catalog,
    machine::first_line,
    orderings::weaken,
    process::Group,
    results::Verdict,
    screen::{self, Progress, bold, say, seconds, status_over},
    stage::Stage,
    verify::prove,
};

/// What came of the steps so far.
#[derive(Debug, Default, Serialize)]
struct Tally {
    passed: usize,
    failed: usize,
    /// Of those that failed, how many could not be made at all.
    errors: usize,
    skipped: usize,
    failures: Vec<String>,
}

impl Tally {
    /// A step that is one yes or no.
    fn step(&mut self, name: &str, good: bool) {
        if good {
            self.passed += 1;
        } else {
            self.failed += 1;
            self.failures.push(name.to_owned());
        }
    }

    /// A step that could not be made: the runner's own fault, and no reason to leave out the others.
    fn error(&mut self, name: &str, error: &anyhow::Error) {
        screen::warn(format!("error in {name}: {error:#}"));
        self.errors += 1;
        self.step(name, false);
    }

    /// What came of the parts of a step.
    fn parts(&mut self, name: String, good: bool, count: impl Fn(Verdict) -> usize) {
        self.passed += count(Verdict::Pass);
        self.skipped += count(Verdict::NotMeasurable);
        self.failed += count(Verdict::Fail) + count(Verdict::Error);
        self.errors += count(Verdict::Error);
        if !good {
            self.failures.push(name);
        }
    }

    fn skip(&mut self, name: &str, why: &str) {
        say(format!("{}: skipped: {why}", bold(name)));
        self.skipped += 1;
    }

    fn code(&self) -> ExitCode {
        code_for(self.failed > self.errors, self.errors > 0)
    }
}

/// Runs the steps in the order of their price, all of them even if one fails.
pub fn ci(catalog: &Catalog, json: bool) -> Result<ExitCode> {
    let mut tally = Tally::default();
    say(bold("tidy"));
    match crate::tidy::look(&catalog.root) {
        Ok(faults) => {
            faults.iter().for_each(say);
            tally.step("tidy", faults.is_empty());
        }
        Err(error) => tally.error("tidy", &error),
    }
    cargo_steps(catalog, &mut tally);
    say(bold("\nproof"));
    if let Err(error) = proofs(catalog, &mut tally) {
        tally.error("proof", &error);
    }
    let slow = ["test", "--package", "xtask", "--test", "authors", "--", "--ignored", "--nocapture"];
    run(catalog, &mut tally, "proof of new exercises", &slow);
    say(bold("\nattacks on the grader, and honest submissions"));
    match try_them(catalog, &[], false) {
        Ok(corpus) => of_corpus(&corpus, &mut tally),
        Err(error) => tally.error("attacks", &error),
    }
    say(bold("\nnoise study"));
    if let Err(error) = noise(catalog, &mut tally) {
        tally.error("noise study", &error);
    }
    if json {
        screen::json(&tally);
    }
    say("");
    for failure in &tally.failures {
        say(format!("failed: {failure}"));
    }
    // The one line that any tool can read the outcome from.
    say(format!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped));
    Ok(tally.code())
}

/// One step for each submission. What this machine cannot hold, or was too busy to time, is skipped and no pass.
fn of_corpus(corpus: &Tried, tally: &mut Tally) {
    for (attack, judgement) in &corpus.judged {
        match judgement.faults.is_empty() {
            true if attack.is_timed() && !attack.honest && !judgement.undecided.is_empty() => {
                tally.skip(&attack.shown(), &format!("not decided: {}", judgement.undecided.join(", ")));
            }
            good => tally.step(&attack.shown(), good),
        }
    }
    for name in &corpus.not_tried {
        tally.skip(name, "no layer of the sandbox stands on this machine that would hold it");
    }
}

/// What nobody builds who does not ask for it.
const PEERS: [&str; 4] = ["--package", "benches", "--features", "peers"];

fn cargo_steps(catalog: &Catalog, tally: &mut Tally) {
    let has = |program: &str| first_line(Command::new(program).arg("--version")).is_some();
    if has("rustfmt") {
        run(catalog, tally, "format", &["fmt", "--all", "--check"]);
    } else {
        tally.skip("format", "rustfmt is missing; rustup component add rustfmt");
    }
    // With feature `model` a package is linted and tested by itself: features unify over what is built together, and a plain
    // program would find itself inside loom.
    let modelled: Vec<String> = catalog
        .exercises
        .iter()
        .filter(|exercise| has_model(exercise))
        .map(|exercise| format!("{}-solution", exercise.name))
        .chain(["lab".to_owned()])
        .collect();
    if has("clippy-driver") {
        run(catalog, tally, "lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
        for package in &modelled {
            let name = format!("lints of {package} as a model");
            run(
                catalog,
                tally,
                &name,
                &["clippy", "--package", package, "--features", "model", "--all-targets", "--", "-D", "warnings"],
            );
        }
        let solutions: Vec<String> = catalog.exercises.iter().map(|exercise| format!("{}-solution", exercise.name)).collect();
        let packages = solutions.iter().flat_map(|package| ["--package", package]);
        let workloads: Vec<&str> = std::iter::once("clippy")
            .chain(packages)
            .chain(["--features", "workload", "--bins", "--", "-D", "warnings"])
            .collect();
        run(catalog, tally, "lints of the workloads", &workloads);
        run(
            catalog,
            tally,
            "lints of the peers",
            &[&["clippy"], &PEERS[..], &["--all-targets", "--", "-D", "warnings"]].concat(),
        );
    } else {
        tally.skip("lints", "clippy is missing; rustup component add clippy");
    }
    run(catalog, tally, "tests", &["test", "--no-fail-fast"]);
    // Those that the machine lacks are told where nothing captures what a test prints.
    run(catalog, tally, "tests of the peers", &[&["test"], &PEERS[..], &["--test", "peers", "--", "--nocapture"]].concat());
    run(catalog, tally, "tests of lab as a model", &["test", "--package", "lab", "--features", "model"]);
}

/// The proof of every exercise, and of its orderings.
fn proofs(catalog: &Catalog, tally: &mut Tally) -> Result<()> {
    let stage = Stage::open(catalog)?;
    let steps = catalog.exercises.iter().flat_map(|exercise| {
        let orderings = has_model(exercise).then(|| format!("orderings of {}", exercise.path()));
        std::iter::once(format!("proof of {}", exercise.path())).chain(orderings)
    });
    let mut progress = Progress::new(&catalog.scratch(), steps.collect());
    for exercise in &catalog.exercises {
        progress.step();
        let proof = prove(catalog, &stage, exercise, |step| progress.detail(&step));
        status_over();
        super::verify::show(&proof);
        tally.parts(format!("proof of {}", proof.exercise), proof.holds(), |verdict| proof.count(verdict));
        if has_model(exercise) {
            progress.step();
            let weakened = weaken(catalog, &stage, exercise, |step| progress.detail(&step));
            status_over();
            super::orderings::show(&weakened);
            tally.parts(format!("orderings of {}", weakened.exercise), weakened.holds(), |verdict| weakened.count(verdict));
        }
    }
    Ok(())
}

/// Whether verdicts on speed survive a busy machine: the quick study, beside the scratch files and not in the reports.
fn noise(catalog: &Catalog, tally: &mut Tally) -> Result<()> {
    let out = catalog.scratch().join("noise-quick");
    let options = super::study::Options { quick: true, out: None, seed: crate::check::SEED, render: false };
    let study = super::study::make(catalog, &options, &out)?;
    super::study::draw(&study, &out)?;
    super::study::show(&study);
    let properties = study.properties();
    let count = |verdict| properties.iter().filter(|property| property.verdict == verdict).count();
    let good = count(Verdict::Fail) + count(Verdict::Error) == 0;
    tally.parts("noise study".into(), good, count);
    Ok(())
}

/// Runs cargo, shows what it prints, and counts the tests that it reports, and lines that begin with `skipped: `; without any
/// test, the step itself counts as one.
fn run(catalog: &Catalog, tally: &mut Tally, name: &str, arguments: &[&str]) {
    say(bold(format!("\n{name}: cargo {}", arguments.join(" "))));
    let started = Instant::now();
    let mut command = build::cargo(&catalog.root, &catalog.target);
    command.args(arguments);
    let (mut tests, mut broken, mut ignored) = (0, 0, 0);
    let ended = each_line(&mut command, build::LIMIT, |line| {
        say(line);
        ignored += usize::from(line.starts_with("skipped: "));
        if let Some(counts) = line.strip_prefix("test result: ") {
            tests += number_before(counts, "passed");
            broken += number_before(counts, "failed");
            ignored += number_before(counts, "ignored");
        }
    });
    tally.passed += tests;
    tally.failed += broken;
    tally.skipped += ignored;
    let status = match ended {
        Ok(status) => status,
        Err(error) => return tally.error(name, &error),
    };
    if status.is_none() {
        say(format!("{name}: it did not end within {} minutes and was stopped", build::LIMIT.as_secs() / 60));
    }
    let good = status.is_some_and(|status| status.success());
    if tests + broken == 0 || (!good && broken == 0) {
        tally.step(name, good);
    } else if !good {
        tally.failures.push(name.to_owned());
    }
    say(format!("{name}: {} in {}", if good { "passed" } else { "FAILED" }, seconds(started.elapsed().as_secs_f64())));
}

/// Runs a command and hands each line of its standard output to `line`; `None` where it did not end within `limit`.
fn each_line(command: &mut Command, limit: Duration, mut line: impl FnMut(&str)) -> Result<Option<ExitStatus>> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let deadline = Instant::now() + limit;
    let mut group = Group::spawn(command)?;
    let output = group.child().stdout.take().context("cargo has a standard output")?;
    let (sender, lines) = mpsc::channel();
    // In a thread: a read that waits for a line knows no deadline.
    thread::spawn(move || send_lines(output, &sender));
    // Until the pipe is closed, or the time is over.
    while let Ok(text) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        line(&text);
    }
    group.wait_until(deadline).context("cannot wait for cargo")
}

/// A line that is no UTF-8 is shown as far as it is, and ends nothing.
fn send_lines(output: impl Read, sender: &mpsc::Sender<String>) {
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        if sender.send(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()).is_err() {
            return;
        }
    }
}

/// The number in front of `word`: 12 of `ok. 12 passed; 0 failed`.
fn number_before(text: &str, word: &str) -> usize {
    let words: Vec<&str> = text.split([' ', ';']).filter(|part| !part.is_empty()).collect();
    let at = words.iter().position(|part| *part == word);
    at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_as_libtest_says_them() {
        let line = "ok. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(["passed", "failed", "ignored"].map(|word| number_before(line, word)), [12, 3, 1]);
    }

    #[test]
    fn a_line_that_is_no_utf_8_ends_nothing() {
        let mut lines = Vec::new();
        let mut command = Command::new("printf");
        command.arg("a\\n\\377b\\nc");
        let status = each_line(&mut command, Duration::from_secs(60), |line| lines.push(line.to_owned())).unwrap();
        assert!(status.is_some_and(|status| status.success()));
        assert_eq!(lines, ["a", "\u{fffd}b", "c"]);
    }

    #[test]
    fn the_limit_holds_while_the_output_is_open() {
        let mut command = Command::new("sleep");
        command.arg("60");
        assert_eq!(each_line(&mut command, Duration::ZERO, |_| {}).unwrap(), None);
    }

    #[test]
    fn only_errors_are_the_runners_own_fault() {
        let code = |tally: &Tally| format!("{:?}", tally.code());
        let mut tally = Tally::default();
        tally.step("a", true);
        assert_eq!(code(&tally), format!("{:?}", ExitCode::SUCCESS));
        tally.error("b", &anyhow::anyhow!("no cargo"));
        assert_eq!(code(&tally), format!("{:?}", ExitCode::from(3)));
        tally.step("c", false);
        assert_eq!(code(&tally), format!("{:?}", ExitCode::from(1)));
        assert_eq!((tally.passed, tally.failed, tally.failures), (1, 2, vec!["b".to_owned(), "c".to_owned()]));
    }
}
