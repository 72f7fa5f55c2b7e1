//! Why a speedup is not higher: where `p * T_p - T_seq` went, the thread time that a run took beyond the sequential program's.
//!
//! | | from |
//! | --- | --- |
//! | [`Account`] | one traced run and what the scheduler told of its threads: each lane's time, cut without rest or overlap |
//! | [`Cores`] | the accounts of a parallel and of a one-thread run, and the sequential program's time: [`Term`]s that add up |
//! | [`InFlight`] | a run that waits for a network: there, time on cores explains nothing |
//! | [`sentences`] | the same as a person would say it, biggest loss first |
//!
//! The factors are those of the POP centre of excellence (pop-coe.eu, *POP standard metrics for parallel performance
//! analysis*); the terms are the same story told in milliseconds, which can be added.
//!
//! What it does not see: locks and channels in builds without the model checker are std's own, so only spans marked
//! `waits = true` are known as waits by name; other waiting inside spans of work shows as time stood still.

mod account;
mod in_flight;
pub mod sentences;
mod terms;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use account::{Who, account, work};
pub use in_flight::in_flight;
pub use terms::{Factors, Kind, Term};

/// Where the time of a traced run went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Losses {
    /// Of threads or processes that compute.
    Cores(Box<Cores>),
    /// Of requests that wait for a network.
    InFlight(InFlight),
}

/// A parallel run beside the same on one thread, and beside the sequential program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cores {
    /// Threads or processes asked for.
    pub threads: usize,
    /// Runs of the sequential program: `T_seq` is the median of their own times.
    pub sequential: Vec<Sample>,
    /// Runs of the same program on one thread, traced as well: `T_1` is the median of their own times.
    pub one_thread: Vec<Sample>,
    /// The run on one thread that is the median.
    pub one: Account,
    /// The run in the trace file.
    pub parallel: Account,
}

/// One run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Wall-clock time.
    pub seconds: f64,
    /// The program's own part of it: of the sequential program, without the time that it was ready and had no core; on one
    /// thread, only what [`Account::own`] counts. Where the scheduler is silent, all of it.
    pub own: f64,
}

/// Where the time of one run went. All times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// `T_p`: from `go` to `done`.
    pub wall: f64,
    /// As many as threads were asked for, or as worked at a time if those were more. Each has `wall` seconds.
    pub lanes: Vec<Lane>,
    /// Every thread with spans of work.
    pub threads: Vec<ThreadUse>,
    /// How long exactly so many lanes were inside spans of work, from 0 to all.
    pub at_work: Vec<f64>,
    /// The longest time that one lane alone was at work.
    pub alone: Option<Alone>,
    /// For each name, the time inside spans of work of that name and in no span within them, over all lanes.
    pub spans: BTreeMap<String, f64>,
    /// Time at the end of threads that the scheduler's figures do not cover: it is taken to be on a core as far as it lies
    /// in spans of work.
    pub unseen: f64,
}

/// What one of the `p` places for a thread was used for: the parts are its wall-clock time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// On a core inside spans of work; where the scheduler is silent, all time inside them.
    pub useful: f64,
    /// Inside spans marked `waits = true`, by name.
    pub waits: BTreeMap<String, f64>,
    /// What the scheduler told. It tells sums and not places: a thread on a core is taken to be in its spans of work, as far as
    /// they have room, for threads without work sleep. So `useful` is the most that the figures allow.
    pub told: Option<Told>,
    /// The rest: nothing to do. Where the scheduler is silent, also everything that it would have told.
    pub idle: f64,
}

/// The parts of a lane's time that only the scheduler knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Ready to run, and no core was free.
    pub not_let: f64,
    /// Of it, outside of spans: just woken, or a thread that looks for work and offers its core to others meanwhile.
    pub not_let_outside: f64,
    /// On a core outside of spans of work. Of a thread that spins inside a span that is a wait, nobody tells how much of its
    /// time on a core that was: it counts here as far as there is time outside of spans.
    pub no_span: f64,
    /// Inside spans of work, neither on a core nor waiting for one: a lock, a channel, a read.
    pub stood_still: f64,
}

/// One thread, as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreadUse {
    /// Its process's name and id.
    pub process: String,
    /// Its name.
    pub thread: String,
    /// Its lane, from 0.
    pub lane: usize,
    /// Seconds inside spans of work.
    pub in_work: f64,
    /// Seconds inside spans that are waits.
    pub in_waits: f64,
    /// Seconds on a core, with what is taken to be so of the time after the last look.
    pub ran: Option<f64>,
    /// Seconds ready to run without a core.
    pub waited: Option<f64>,
}

/// A time that only one lane was at work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alone {
    /// The span it was in for most of it.
    pub name: String,
    /// How long.
    pub seconds: f64,
}

/// A run whose requests wait for a network. All times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InFlight {
    /// Requests allowed at a time.
    pub allowed: usize,
    /// From `go` to `done`.
    pub wall: f64,
    /// The span that is a request: one that was entered again and again, with the same arguments; absent where there is none.
    pub span: Option<String>,
    /// How many there were. Those with the same arguments count as one.
    pub requests: usize,
    /// How long exactly so many were between their first and their last moment on a thread, from 0 on.
    pub at_a_time: Vec<f64>,
    /// How long some thread was inside a span.
    pub working: f64,
    /// How long some request was in flight and no thread was inside a span: they waited for the server,
    /// or threads for a core, or did something that no span tells of.
    pub waiting: f64,
}

impl InFlight {
    /// Requests in flight, averaged over the run.
    pub fn mean(&self) -> f64 {
        self.at_a_time.iter().enumerate().map(|(count, time)| count as f64 * time).sum::<f64>() / self.wall
    }
}
