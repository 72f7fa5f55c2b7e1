//! Every workload against its baseline and its peers, timed by Criterion.
//!
//! A contender is a process that speaks the workload protocol, and a fresh one every few samples; Criterion is handed the
//! time from `go` to `done` by this process's clock. Group: exercise; function: contender; value: threads, processes or
//! requests in flight. A second group of the exercise has sizes that grow with the threads.
//!
//! `cargo bench` benches all references at the size of a full report, and in a learner's handout the learner's programs;
//! `cargo bench -- spin_lock` only what matches.

use std::{env, fs, process::ExitCode, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use criterion::{BenchmarkId, Criterion, SamplingMode};
use xtask::{
    catalog::{Catalog, find_root},
    check::{Candidate, SEED},
    curves::{self, Failure, PLAN_VARIABLE, Plan, Sampler, Sampling, Series},
    process::end_children_on_signals,
    screen::warn,
};

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            warn(format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<()> {
    // `cargo test --all-targets` runs benches too, to see that they start: there is nothing to measure then.
    if !env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    end_children_on_signals()?;
    let plan: Option<Plan> = match env::var_os(PLAN_VARIABLE) {
        Some(file) => {
            Some(serde_json::from_slice(&fs::read(file).context("cannot read the plan")?).context("the plan is damaged")?)
        }
        None => None,
    };
    // The charts use the raw samples, so the estimates need not be fine.
    let mut criterion = Criterion::default().without_plots().nresamples(1_001).configure_from_args();
    let mut failures = Vec::new();
    let all = match &plan {
        Some(plan) => &plan.series,
        None => &every_program(&mut failures)?,
    };
    // One that fails takes no other with it.
    for series in all {
        if let Err(error) = bench_series(&mut criterion, series) {
            failures.push((series.exercise.clone(), Failure::new(&series.contender, &error)));
        }
    }
    criterion.final_summary();
    match plan {
        Some(plan) => {
            let failures: Vec<_> = failures.into_iter().map(|(_, failure)| failure).collect();
            fs::write(plan.failures, serde_json::to_vec(&failures)?).context("cannot write the failures")
        }
        None => told(&failures),
    }
}

/// Prints who was not timed, and why, by exercise.
fn told(failures: &[(String, Failure)]) -> Result<()> {
    for (exercise, failure) in failures {
        warn(format!("{exercise}: {failure}"));
    }
    match failures {
        [] => Ok(()),
        [(exercise, _), ..] => {
            bail!("{} not timed; see why: cargo xtask check {exercise} --solution", failures.len())
        }
    }
}

fn bench_series(criterion: &mut Criterion, series: &Series) -> Result<()> {
    let mut group = criterion.benchmark_group(series.group());
    // One run is one sample: a run lasts long enough for the clock, and the spread between runs is what matters.
    group.sample_size(series.sampling.samples()).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_nanos(1)).measurement_time(Duration::from_nanos(1));
    for &threads in &series.threads {
        let mut sampler = Sampler::new(series, threads);
        group.bench_function(BenchmarkId::new(&series.contender, threads), |bencher| {
            bencher.iter_custom(|runs| sampler.time(runs));
        });
        sampler.end()?;
    }
    group.finish();
    Ok(())
}

/// The series of all references, or in a learner's handout of what was begun; one that cannot be planned is a failure, and takes no other with it.
fn every_program(failures: &mut Vec<(String, Failure)>) -> Result<Vec<Series>> {
    let catalog = Catalog::read(&find_root()?)?;
    let mut all = Vec::new();
    // What no filter on the command line can mean need not be built.
    let filters: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let may_mean =
        |name: &str| filters.is_empty() || filters.iter().any(|filter| filter.contains(name) || name.contains(filter.as_str()));
    for exercise in catalog.exercises.iter().filter(|exercise| may_mean(&exercise.name)) {
        let candidate = match catalog.reference(exercise) {
            Some(reference) => reference,
            None if catalog.is_starter(exercise)? => continue,
            None => catalog.yours(exercise),
        };
        match series_of(&catalog, &candidate) {
            Ok(series) => all.extend(series),
            Err(error) => failures.push((exercise.name.clone(), Failure::new(&candidate.subject.to_string(), &error))),
        }
    }
    Ok(all)
}

fn series_of(catalog: &Catalog, candidate: &Candidate<'_>) -> Result<Vec<Series>> {
    let program = candidate.workload(catalog)?.map_err(|why| anyhow!("{why}"))?;
    Ok(curves::plan(candidate.exercise, &[(candidate.subject.to_string(), program)], SEED, false, Sampling::BENCH)?.1)
}
