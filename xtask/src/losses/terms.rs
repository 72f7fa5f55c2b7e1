//! The terms of `p * T_p - T_seq`, and the factors of the speedup.

use std::collections::BTreeMap;

use super::{Account, Cores, Lane, Sample, Told};

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
    NotLet {
        /// Of it, outside of spans.
        outside: f64,
    },
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

    /// The time that the program itself took, over all lanes, in seconds: useful, and on a core outside of spans. Where the
    /// scheduler is silent, all that is no wait.
    pub fn own(&self) -> f64 {
        self.useful() + self.sum(|lane| lane.told.map_or(lane.idle, |told| told.no_span))
    }

    /// Load imbalance and serialisation, in seconds: together, all that the lanes were idle.
    fn idle(&self) -> (f64, f64) {
        let occupied = |lane: &Lane| self.wall - lane.idle;
        let most = self.lanes.iter().map(occupied).fold(0.0, f64::max);
        (self.sum(|lane| most - occupied(lane)), self.lanes.len() as f64 * (self.wall - most))
    }
}

/// The median of the runs' own times, in seconds.
fn median(samples: &[Sample]) -> f64 {
    let mut times: Vec<f64> = samples.iter().map(|sample| sample.own).collect();
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

    /// The program's own time on one thread, in seconds. One that uses more threads than it is given has that of all of them.
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

    /// Whether both programs took any time: else there is nothing to explain.
    pub fn took_time(&self) -> bool {
        self.t_seq() > 0.0 && self.parallel.wall > 0.0
    }

    /// Whether spans tell of the work, on one thread and on all: else nothing can be explained.
    pub fn has_spans(&self) -> bool {
        self.one.useful() > 0.0 && self.parallel.useful() > 0.0
    }

    /// `T_seq / T_p`.
    pub fn speedup(&self) -> f64 {
        self.t_seq() / self.parallel.wall
    }

    /// Where the thread time went, in no order. What one thread does already counts once, in [`Kind::MoreWork`]: of the time
    /// outside of spans, only what the parallel run has more.
    pub fn terms(&self) -> Vec<Term> {
        let (one, all) = (&self.one, &self.parallel);
        let term = |kind, seconds| Term { kind, seconds };
        let mut terms = vec![term(Kind::MoreWork, self.t_1() - self.t_seq()), term(Kind::CostsMore, all.useful() - one.useful())];
        let waits = all.waits();
        terms.extend(waits.iter().map(|(name, time)| term(Kind::Waits((*name).to_owned()), *time)));
        if !(one.told() && all.told()) {
            let outside = self.thread_time() - all.useful() - waits.values().sum::<f64>();
            terms.push(term(Kind::Idle, outside - (one.own() - one.useful())));
            return terms;
        }
        let told = |account: &Account, part: fn(Told) -> f64| account.sum(|lane| lane.told.map_or(0.0, part));
        let (imbalance, serialisation) = all.idle();
        terms.extend([
            term(Kind::NotLet { outside: told(all, |told| told.not_let_outside) }, told(all, |told| told.not_let)),
            term(Kind::NoSpan, told(all, |told| told.no_span) - told(one, |told| told.no_span)),
            term(Kind::StoodStill, told(all, |told| told.stood_still)),
            term(Kind::NothingToDo { imbalance, serialisation }, imbalance + serialisation),
        ]);
        terms
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

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::*;

    fn random_account(next: &mut impl FnMut() -> f64, lanes: usize, told: bool) -> Account {
        let wall = 0.001 + next();
        // Shares of a lane's time that sum to 1.
        let mut lane = || {
            let weights = [(); 6].map(|()| (next() - 0.2).max(0.0) + 1e-3);
            let [useful, wait, not_let, no_span, stood_still, idle] =
                weights.map(|weight| wall * weight / weights.iter().sum::<f64>());
            let waits = if next() < 0.5 { [("lock", wait)] } else { [("join", wait)] };
            let waits = waits.into_iter().map(|(name, time)| (name.to_owned(), time)).collect();
            let (told, idle) = if told {
                (Some(Told { not_let, not_let_outside: 0.0, no_span, stood_still }), idle)
            } else {
                (None, wall - useful - wait)
            };
            Lane { useful, waits, told, idle }
        };
        let lanes = (0..lanes).map(|_| lane()).collect();
        Account { wall, lanes, threads: vec![], at_work: vec![], alone: None, spans: BTreeMap::new(), unseen: 0.0 }
    }

    #[test]
    fn terms_and_factors_are_identities() {
        let mut numbers = rand_pcg::Pcg64Mcg::seed_from_u64(2);
        let mut next = move || f64::from(numbers.next_u32()) / f64::from(u32::MAX);
        for round in 0..5_000 {
            let (threads, told) = (1 + round % 5, [round % 3 != 0, round % 4 != 0]);
            let sequential = (0..=round % 4).map(|_| next()).map(|time| Sample { seconds: time, own: time }).collect();
            let one = random_account(&mut next, 1 + usize::from(round % 7 == 0), told[0]);
            let parallel = random_account(&mut next, threads, told[1]);
            let cores = Cores { threads, sequential, one_thread: vec![], one, parallel };
            let sum: f64 = cores.terms().iter().map(|term| term.seconds).sum();
            assert!((sum - cores.missing()).abs() < 1e-12, "round {round}: {sum} is not {} in {cores:?}", cores.missing());
            let product = cores.factors().expect("work").product();
            assert!((product / cores.speedup() - 1.0).abs() < 1e-12, "round {round}: {product} is not {}", cores.speedup());
            assert_eq!(cores.terms().iter().any(|term| term.kind == Kind::Idle), told != [true; 2], "round {round}");
        }
    }

    #[test]
    fn imbalance_and_serialisation_are_pops() {
        let lane = |idle| Lane { useful: 10.0 - idle, told: Some(Told::default()), idle, ..Lane::default() };
        let lanes = vec![lane(1.0), lane(4.0), lane(7.0)];
        let account =
            Account { wall: 10.0, lanes, threads: vec![], at_work: vec![], alone: None, spans: BTreeMap::new(), unseen: 0.0 };
        // The first is occupied for 9: the others for 3 and 6 less, and each of the three for 1 less than the run takes.
        assert_eq!(account.idle(), (9.0, 3.0));
    }

    #[test]
    fn nothing_useful_has_no_factors() {
        let empty = |wall| Account {
            wall,
            lanes: vec![Lane { idle: wall, ..Lane::default() }],
            threads: vec![],
            at_work: vec![wall],
            alone: None,
            spans: BTreeMap::new(),
            unseen: 0.0,
        };
        let cores = Cores { threads: 1, sequential: vec![], one_thread: vec![], one: empty(1.0), parallel: empty(2.0) };
        assert_eq!(cores.factors(), None);
    }
}
