//! `cargo xtask ci`: everything that must hold before a change lands.

use std::{
    io::{BufRead, BufReader},
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

use anyhow::{Context, Result};

use super::{code, orderings::has_model};
use crate::{
    build,
    catalog::Catalog,
    machine::first_line,
    orderings::weaken,
    process::Group,
    results::Verdict,
    screen::{Progress, bold, say, seconds, status_over},
    stage::Stage,
    verify::prove,
};

/// What came of the steps so far.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
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
}

/// Runs the steps in the order of their price, all of them even if one fails.
pub fn ci(catalog: &Catalog) -> Result<ExitCode> {
    let mut tally = Tally::default();
    let has = |program: &str| first_line(Command::new(program).arg("--version")).is_some();
    if has("rustfmt") {
        run(catalog, &mut tally, "format", &["fmt", "--all", "--check"])?;
    } else {
        skip(&mut tally, "format", "rustfmt is missing; rustup component add rustfmt");
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
        run(catalog, &mut tally, "lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
        for package in &modelled {
            let name = format!("lints of {package} as a model");
            run(
                catalog,
                &mut tally,
                &name,
                &["clippy", "--package", package, "--features", "model", "--all-targets", "--", "-D", "warnings"],
            )?;
        }
    } else {
        skip(&mut tally, "lints", "clippy is missing; rustup component add clippy");
    }
    run(catalog, &mut tally, "tests", &["test", "--no-fail-fast"])?;
    run(catalog, &mut tally, "tests of lab as a model", &["test", "--package", "lab", "--features", "model"])?;

    say(bold("\nproof"));
    let stage = Stage::open(catalog)?;
    let steps = catalog.exercises.iter().flat_map(|exercise| {
        let orderings = has_model(exercise).then(|| format!("orderings of {}", exercise.path()));
        std::iter::once(format!("proof of {}", exercise.path())).chain(orderings)
    });
    let mut progress = Progress::new(&catalog.scratch(), steps.collect());
    for exercise in &catalog.exercises {
        progress.step();
        let proof = prove(catalog, &stage, exercise, |step| progress.detail(&step))?;
        status_over();
        super::verify::show(&proof);
        tally.passed += proof.count(Verdict::Pass);
        tally.skipped += proof.count(Verdict::NotMeasurable);
        tally.failed += proof.count(Verdict::Fail) + proof.count(Verdict::Error);
        if !proof.holds() {
            tally.failures.push(format!("proof of {}", proof.exercise));
        }
        if has_model(exercise) {
            progress.step();
            let weakened = weaken(catalog, &stage, exercise, |step| progress.detail(&step))?;
            status_over();
            super::orderings::show(&weakened);
            tally.passed += weakened.count(Verdict::Pass);
            tally.failed += weakened.count(Verdict::Fail) + weakened.count(Verdict::Error);
            if !weakened.holds() {
                tally.failures.push(format!("orderings of {}", weakened.exercise));
            }
        }
    }
    drop(progress);
    say("");
    for failure in &tally.failures {
        say(format!("failed: {failure}"));
    }
    say(format!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped));
    Ok(code(tally.failed == 0))
}

fn skip(tally: &mut Tally, name: &str, why: &str) {
    say(format!("{}: skipped: {why}", bold(name)));
    tally.skipped += 1;
}

/// Runs cargo, shows what it prints, and counts the tests that it reports; without any, the step itself counts as one.
fn run(catalog: &Catalog, tally: &mut Tally, name: &str, arguments: &[&str]) -> Result<()> {
    say(bold(format!("\n{name}: cargo {}", arguments.join(" "))));
    let started = Instant::now();
    let mut command = build::cargo(&catalog.root, &catalog.target());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut group = Group::spawn(&mut command)?;
    let output = group.child().stdout.take().context("cargo has a standard output")?;
    let (mut tests, mut broken) = (0, 0);
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        say(&line);
        if let Some(counts) = line.strip_prefix("test result: ") {
            tests += number_before(counts, "passed");
            broken += number_before(counts, "failed");
            tally.skipped += number_before(counts, "ignored");
        }
    }
    let status = group.wait_until(Instant::now() + build::LIMIT).context("cannot wait for cargo")?;
    let good = status.is_some_and(|status| status.success());
    tally.passed += tests;
    tally.failed += broken;
    if tests + broken == 0 || (!good && broken == 0) {
        tally.step(name, good);
    } else if !good {
        tally.failures.push(name.to_owned());
    }
    say(format!("{name}: {} in {}", if good { "passed" } else { "FAILED" }, seconds(started.elapsed().as_secs_f64())));
    Ok(())
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
}
