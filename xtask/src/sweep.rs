//! One contender at several values of a parameter of its workload, and what each contender takes of the main memory: short
//! looks that no verdict rests on, for the report.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lab::workload::{Setup, Spec, Sweep, Swept};

use crate::{
    catalog::Exercise,
    check::threads_for,
    curves::{Failure, least_disturbed},
    driver::{Fault, Workload},
    results::{Memory, SweepResult, SweptPoint},
};

/// Processes that each point takes a sample from: the fewest that give a 95 % interval of a ratio of two medians.
const PROCESSES: usize = 7;

/// Whom a report measures.
#[derive(Debug)]
pub struct Field<'a> {
    /// Of which exercise.
    pub exercise: &'a Exercise,
    /// The subjects' workloads by label, the course's own (or only) one first: it runs the baseline and the peers.
    pub programs: &'a [(String, PathBuf)],
    /// The seed of every input.
    pub seed: u64,
    /// Sizes of a first look.
    pub quick: bool,
}

/// One contender by what it is called in the report, its program, and whom of that to run.
type Who<'a> = (&'a str, &'a Path, &'a str);

impl Field<'_> {
    fn start(&self, program: &Path) -> Result<Workload> {
        Workload::start(program, None, &[], self.exercise.limit("speed"))
    }

    fn threads(&self, spec: &Spec) -> usize {
        threads_for(spec.axis, self.exercise.about.speed.as_ref().map_or(2, |pace| pace.threads))
    }

    /// Those called by `entries` of the workload; `submission` is one of each program.
    fn who<'b>(&'b self, entries: impl Iterator<Item = &'b str>) -> Vec<Who<'b>> {
        let of = |entry: &'b str| -> Vec<Who<'b>> {
            match (entry, self.programs.first()) {
                ("submission", _) => {
                    self.programs.iter().map(|(label, program)| (label.as_str(), program.as_path(), entry)).collect()
                }
                (peer, Some((_, first))) => vec![(peer, first.as_path(), peer)],
                (_, None) => Vec::new(),
            }
        };
        entries.flat_map(of).collect()
    }

    /// Runs whoever heeds the sweep of the workload at each of its values, and who could not be. `None` where it has no sweep.
    ///
    /// Each round is a process for each contender, and its points in order; what disturbs the machine for a while disturbs all
    /// contenders.
    ///
    /// # Errors
    /// If the course's own program, which knows the right outputs, fails.
    pub fn sweep(&self) -> Result<Option<(SweepResult, Vec<Failure>)>> {
        let Some((_, first)) = self.programs.first() else { return Ok(None) };
        let mut judge = self.start(first)?;
        let Some(sweep) = judge.sweep.clone() else { return Ok(None) };
        let threads = self.threads(&judge.spec);
        let places = sweep.values.iter().map(|value| {
            let setup = self.setup(value, threads);
            Ok((setup, judge.run("baseline", setup)?.digest))
        });
        let places = places.collect::<Result<Vec<_>>>()?;
        let who = self.who(sweep.contenders.iter().map(String::as_str));
        let mut measured: Vec<Vec<SweptPoint>> = who
            .iter()
            .map(|_| sweep.values.iter().zip(&places).map(|(value, (setup, _))| empty(value, setup)).collect())
            .collect();
        let mut failures: Vec<Failure> = Vec::new();
        for round in 0..PROCESSES {
            let mut order: Vec<usize> = (0..who.len()).collect();
            order.rotate_left(round % who.len().max(1));
            for place in order {
                let (name, program, entry) = who[place];
                if failures.iter().any(|failure| failure.contender == name) {
                    continue;
                }
                match self.round(program, entry, &places) {
                    Ok(times) => measured[place].iter_mut().zip(times).for_each(|(point, time)| point.samples.push(time)),
                    Err(error) => failures.push(Failure::new(name, &error)),
                }
            }
        }
        let timed = who.iter().zip(measured).filter(|((name, ..), _)| !failures.iter().any(|failure| failure.contender == *name));
        let contenders = timed.map(|((name, ..), points)| ((*name).to_owned(), points)).collect();
        let against = sweep.contenders.iter().find(|name| *name != "submission").cloned();
        let Sweep { parameter, unit, .. } = sweep;
        let size_unit = judge.spec.size_unit.clone();
        judge.quit()?;
        Ok(Some((SweepResult { parameter, unit, size_unit, threads, against, contenders }, failures)))
    }

    fn setup(&self, value: &Swept, threads: usize) -> Setup {
        let size = if self.quick { value.quick } else { value.full };
        Setup { size, seed: self.seed, threads, at: Some(value.at) }
    }

    /// The time at each value, in one process.
    fn round(&self, program: &Path, entry: &str, places: &[(Setup, String)]) -> Result<Vec<f64>> {
        let mut workload = self.start(program)?;
        let mut times = Vec::new();
        for (setup, digest) in places {
            // Another value is other memory: the first run at it warms that up.
            workload.run(entry, *setup)?;
            let axis = workload.spec.axis;
            let time = least_disturbed(axis, setup.threads, || {
                let run = workload.run(entry, *setup)?;
                if run.digest == *digest { Ok(run) } else { Err(Fault::wrong_output(&run.digest, digest).into()) }
            })?;
            times.push(time.as_secs_f64());
        }
        workload.quit()?;
        Ok(times)
    }

    /// The memory of one run of each contender, in a process of its own. Who fails here has failed in its curve too, which says
    /// so; where the system does not tell, there is nothing.
    pub fn memory(&self) -> Result<Vec<Memory>> {
        let Some((_, first)) = self.programs.first() else { return Ok(Vec::new()) };
        let workload = self.start(first)?;
        let (spec, contenders) = (workload.spec.clone(), workload.contenders.clone());
        workload.quit()?;
        let size = if self.quick { spec.quick } else { spec.full };
        let all = self.who(contenders.iter().map(String::as_str));
        Ok(all.into_iter().filter_map(|who| self.one_memory(who, &spec, size).ok().flatten()).collect())
    }

    fn one_memory(&self, (name, program, entry): Who<'_>, spec: &Spec, size: u64) -> Result<Option<Memory>> {
        let mut workload = self.start(program)?;
        let threads = if entry == "baseline" { 1 } else { self.threads(spec) };
        workload.prepare(entry, Setup { size, seed: self.seed, threads, at: None })?;
        let Some(before) = workload.memory() else { return Ok(None) };
        workload.go()?;
        let peak = workload.memory().map(|memory| memory.peak);
        let memory = |peak| Memory { contender: name.to_owned(), size, threads, before: before.now, peak };
        Ok(peak.map(memory))
    }
}

fn empty(value: &Swept, setup: &Setup) -> SweptPoint {
    SweptPoint { at: value.at, size: setup.size, samples: Vec::new() }
}
