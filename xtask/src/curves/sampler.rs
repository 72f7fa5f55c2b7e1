//! The samples of one point of a curve, spread over several processes.
//!
//! A process can settle in a regime of its own for as long as it lives: where its memory lies, who got a lock first. (A std
//! mutex on two threads was 1.4 times as fast as sequential in one process, and 0.9 times in another.) Runs of one process
//! say nothing about that, so each point takes its samples from several, and its interval is one over processes (Kalibera and
//! Jones, Rigorous Benchmarking in Reasonable Time, 2013).

use std::time::Duration;

use anyhow::{Context, Result};

use super::Series;
use crate::{check::on_how_many, driver::Workload};

/// How many samples a point has, and from how many processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sampling {
    /// Each is warmed up by a run that does not count.
    pub processes: usize,
    /// Samples of each.
    pub per_process: usize,
}

impl Sampling {
    /// For a report, and for a first look: without seven processes there is no interval, Criterion takes ten samples at the
    /// least, and to start a process often costs more than a run.
    pub const REPORT: Self = Self { processes: 7, per_process: 2 };
    /// Where nothing else is asked for.
    pub const BENCH: Self = Self { processes: 10, per_process: 2 };

    /// All samples of a point.
    pub fn samples(self) -> usize {
        self.processes * self.per_process
    }
}

/// Takes the samples of one point, as Criterion asks for them.
#[derive(Debug)]
pub struct Sampler<'a> {
    series: &'a Series,
    threads: usize,
    /// The process that gives the next sample, once it is warm.
    workload: Option<Workload>,
    /// Samples taken from it.
    taken: usize,
    failed: Option<anyhow::Error>,
}

impl<'a> Sampler<'a> {
    /// Nothing is started before the first sample is asked for: what a filter leaves out costs nothing.
    pub fn new(series: &'a Series, threads: usize) -> Self {
        Self { series, threads, workload: None, taken: 0, failed: None }
    }

    /// The time of so many runs. Criterion's first call is its own warm-up, and gives no sample.
    ///
    /// After a failure nothing of the contender is used, and nothing more is run.
    pub fn time(&mut self, runs: u64) -> Duration {
        let mut total = Duration::ZERO;
        for _ in 0..runs {
            match self.failed.is_none().then(|| self.one()) {
                Some(Ok(time)) => total += time,
                Some(Err(error)) => self.failed = Some(error),
                None => break,
            }
        }
        // Criterion divides by it.
        total.max(Duration::from_nanos(1))
    }

    fn one(&mut self) -> Result<Duration> {
        let first = self.workload.is_none();
        if first || self.taken == self.series.sampling.per_process {
            self.fresh()?;
        }
        if first {
            return Ok(Duration::ZERO);
        }
        let workload = self.workload.as_mut().context("a process was started")?;
        self.taken += 1;
        self.series.sample(workload, self.threads)
    }

    /// Lets the old process end, starts another and warms it up.
    fn fresh(&mut self) -> Result<()> {
        // One at a time: two would share the cores.
        drop(self.workload.take());
        let mut workload = Workload::start(&self.series.program, None, &[], self.series.limit)?;
        self.series.run(&mut workload, self.threads)?;
        self.workload = Some(workload);
        self.taken = 0;
        Ok(())
    }

    /// What kept the contender from its curve, if anything did.
    ///
    /// # Errors
    /// The first failure, with the place at which it happened.
    pub fn end(self) -> Result<()> {
        let place = format!("{} on {}", self.series.exercise, on_how_many(self.series.axis, self.threads));
        self.failed.map_or(Ok(()), |error| Err(error.context(place)))
    }
}
