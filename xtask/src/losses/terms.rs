//! The terms of `p * T_p - T_seq`, and the factors of the speedup.

use std::collections::{BTreeMap, BTreeSet};

use super::{Account, Cores, Lane, Sample};

/// What time was lost to.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `T_1 - T_seq`: what the parallel program does more already on one thread.
    MoreWork,
    /// The same work takes longer side by side: caches, memory, spinning.
    CostsMore,
    /// Inside spans of this name, which are waits.
    Waits(String),
    /// Ready to run, and no core was free.
    NotLet,
    /// On a core outside of any span.
    NoSpan,
    /// Still inside spans of work, for a lock, a channel or a read.
    StoodStill,
    /// Nothing to do: because the work was spread unevenly, and because even the lane with the most had none.
    NothingToDo {
        /// POP's load imbalance: how much less each lane was occupied than the most occupied one.
        imbalance: f64,
        /// POP's serialisation: how long the most occupied lane was not, on every lane.
        serialisation: f64,
    },
    /// Where the scheduler is silent: nothing to do, or no core, or outside of any span.
    Idle,
}

/// A part of `p * T_p - T_seq`.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// To what.
    pub kind: Kind,
    /// Thread time in seconds; below 0 it is a gain.
    pub seconds: f64,
}

/// The speedup as a product: `T_seq / T_p` is `lanes` times all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// `p`.
    pub lanes: f64,
    /// Mean over maximum of the lanes' useful time.
    pub load_balance: f64,
    /// Maximum of the lanes' useful time over `T_p`.
    pub serialisation: f64,
    /// Useful time on one thread over the sum of the lanes'.
    pub computation: f64,
    /// `T_1` over the useful time on one thread.
    pub one_thread: f64,
    /// `T_seq / T_1`.
    pub sequential: f64,
}

impl Factors {
    /// All multiplied.
    pub fn product(&self) -> f64 {
        self.lanes * self.load_balance * self.serialisation * self.computation * self.one_thread * self.sequential
    }
}

impl Lane {
    /// Everything but nothing to do, in a lane of `wall` seconds.
    fn occupied(&self, wall: f64) -> f64 {
        wall - self.idle
    }
}

impl Account {
    fn sum(&self, part: impl Fn(&Lane) -> f64) -> f64 {
        self.lanes.iter().map(part).sum()
    }

    /// Whether the scheduler told of every lane.
    pub fn told(&self) -> bool {
        self.lanes.iter().all(|lane| lane.told.is_some())
    }

    /// The useful time of all lanes, in seconds.
    pub fn useful(&self) -> f64 {
        self.sum(|lane| lane.useful)
    }

    fn waits(&self) -> BTreeMap<&str, f64> {
        let mut waits = BTreeMap::new();
        for (name, time) in self.lanes.iter().flat_map(|lane| &lane.waits) {
            *waits.entry(name.as_str()).or_default() += time;
        }
        waits
    }

    /// The time of all lanes, in seconds, less what they waited for a core.
    pub fn own(&self) -> f64 {
        self.lanes.len() as f64 * self.wall - self.not_let()
    }

    /// How long all lanes waited for a core, in seconds, where the scheduler tells.
    pub fn waited(&self) -> Option<f64> {
        self.told().then(|| self.not_let())
    }

    fn not_let(&self) -> f64 {
        self.sum(|lane| lane.told.map_or(0.0, |told| told.not_let))
    }

    /// Load imbalance and serialisation, in seconds: together, all that the lanes were idle.
    fn idle(&self) -> (f64, f64) {
        let occupied = |lane: &Lane| lane.occupied(self.wall);
        let most = self.lanes.iter().map(occupied).fold(0.0, f64::max);
        (self.sum(|lane| most - occupied(lane)), self.lanes.len() as f64 * (self.wall - most))
    }
}

/// The median of the runs' own times, in seconds.
fn median(samples: &[Sample]) -> f64 {
    let mut times: Vec<f64> = samples.iter().map(Sample::own).collect();
    times.sort_by(f64::total_cmp);
    match times.len() {
        0 => 0.0,
        n => f64::midpoint(times[(n - 1) / 2], times[n / 2]),
    }
}

impl Cores {
    /// The time of the sequential program, in seconds: the median of its runs.
    pub fn t_seq(&self) -> f64 {
        median(&self.sequential)
    }

    /// The thread time of the program on one thread, in seconds, less what it waited for a core. A program that uses more
    /// lanes than the one it is given pays for them.
    pub fn t_1(&self) -> f64 {
        self.one.own()
    }

    /// `p * T_p`, in seconds.
    pub fn thread_time(&self) -> f64 {
        self.parallel.lanes.len() as f64 * self.parallel.wall
    }

    /// `p * T_p - T_seq`, in seconds: what the terms add up to.
    pub fn missing(&self) -> f64 {
        self.thread_time() - self.t_seq()
    }

    /// `T_seq / T_p`.
    pub fn speedup(&self) -> f64 {
        self.t_seq() / self.parallel.wall
    }

    /// Where the thread time went, in no order. Each part is what the parallel run has more of it than the run on one thread,
    /// so that what one thread has already counts once, in [`Kind::MoreWork`].
    pub fn terms(&self) -> Vec<Term> {
        let (one, all) = (&self.one, &self.parallel);
        let mut terms = vec![
            Term { kind: Kind::MoreWork, seconds: self.t_1() - self.t_seq() },
            Term { kind: Kind::CostsMore, seconds: all.useful() - one.useful() },
        ];
        let (before, after) = (one.waits(), all.waits());
        let at = |waits: &BTreeMap<&str, f64>, name| waits.get(name).copied().unwrap_or(0.0);
        for name in before.keys().chain(after.keys()).copied().collect::<BTreeSet<_>>() {
            terms.push(Term { kind: Kind::Waits(name.into()), seconds: at(&after, name) - at(&before, name) });
        }
        let ((imbalance, serialisation), before) = (all.idle(), one.idle());
        let serialisation = serialisation - before.0 - before.1;
        let nothing = imbalance + serialisation;
        if !(one.told() && all.told()) {
            // Whatever one of the two runs was told of, the other lumps together.
            let told = self.told_more(|told| told.no_span + told.stood_still) + all.not_let();
            terms.push(Term { kind: Kind::Idle, seconds: nothing + told });
            return terms;
        }
        terms.extend([
            Term { kind: Kind::NotLet, seconds: all.not_let() },
            Term { kind: Kind::NoSpan, seconds: self.told_more(|told| told.no_span) },
            Term { kind: Kind::StoodStill, seconds: self.told_more(|told| told.stood_still) },
            Term { kind: Kind::NothingToDo { imbalance, serialisation }, seconds: nothing },
        ]);
        terms
    }

    fn told_more(&self, part: impl Fn(super::Told) -> f64) -> f64 {
        let of = |lane: &Lane| lane.told.map_or(0.0, &part);
        self.parallel.sum(of) - self.one.sum(of)
    }

    /// The speedup as a product; `None` where no span of work has any length.
    pub fn factors(&self) -> Option<Factors> {
        let (one, all) = (self.one.useful(), self.parallel.useful());
        let lanes = self.parallel.lanes.len() as f64;
        let most = self.parallel.lanes.iter().map(|lane| lane.useful).fold(0.0, f64::max);
        (one > 0.0 && most > 0.0).then(|| Factors {
            lanes,
            load_balance: all / lanes / most,
            serialisation: most / self.parallel.wall,
            computation: one / all,
            one_thread: self.t_1() / one,
            sequential: self.t_seq() / self.t_1(),
        })
    }
}
