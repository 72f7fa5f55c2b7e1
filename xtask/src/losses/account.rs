//! One run's lanes: each lane's time cut into parts that neither overlap nor leave a rest.

use std::{collections::BTreeMap, time::UNIX_EPOCH};

use lab::trace::file::{CLOCK_BASE, Slice, ThreadRow, Trace};
use serde_json::Value;

use super::{Account, Alone, Lane, ThreadUse, Told};
use crate::{
    chart::timeline::{self, Summary, Timeline},
    driver::{Scheduled, Timed},
};

/// Which threads' work is accounted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// All threads with spans of work.
    Threads,
    /// Those of all processes but the one of this id, which hands out the work.
    ProcessesBut(u64),
}

/// A running thread's figures are brought up to date at the clock tick, and 100 ticks a second are the fewest in use: at the last
/// look at a thread that ended, so much may have been missing.
const TICK: f64 = 0.01;

/// A thread's time inside one kind of span, innermost first. In seconds after `go`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece<'a> {
    start: f64,
    end: f64,
    name: &'a str,
    waits: bool,
}

struct Thread<'a> {
    row: &'a ThreadRow,
    pieces: Vec<Piece<'a>>,
    scheduled: Option<Scheduled>,
}

/// Accounts for a run in `trace` with at least `lanes` lanes.
pub fn account(trace: &Trace, run: &Timed, lanes: usize, who: Who) -> Account {
    let rows = trace.threads();
    let go = go_us(trace, run);
    let counts = |row: &&ThreadRow| match who {
        _ if row.is_critical_path() => false,
        Who::Threads => true,
        Who::ProcessesBut(pid) => row.pid != pid,
    };
    let threads = rows.iter().filter(counts).map(|row| Thread {
        row,
        pieces: pieces(&row.slices, go, run.seconds),
        scheduled: row.os_thread.and_then(|id| run.threads.get(&u32::try_from(id).ok()?).copied()),
    });
    let threads: Vec<_> = threads.filter(|thread| thread.in_work() > 0.0).collect();
    of_threads(&threads, run.seconds, lanes, !run.threads.is_empty())
}

/// When the run began, in microseconds of the trace's clock.
pub(super) fn go_us(trace: &Trace, run: &Timed) -> f64 {
    let go = run.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as f64 / 1e3;
    go - trace.other.get(CLOCK_BASE).and_then(Value::as_f64).unwrap_or(0.0)
}

fn of_threads(threads: &[Thread<'_>], wall: f64, lanes: usize, told: bool) -> Account {
    let places = places(threads, lanes);
    let count = places.iter().map(|lane| lane + 1).max().unwrap_or(0).max(lanes);
    // A thread whose number the trace does not tell cannot be found among the scheduler's. Without any thread with spans of
    // work nobody is told of, and what the run did is not known.
    let told = told && !threads.is_empty() && threads.iter().all(|thread| thread.row.os_thread.is_some());
    let in_lane = |lane| threads.iter().zip(&places).filter(move |(_, place)| **place == lane).map(|(thread, _)| thread);
    let lanes: Vec<_> = (0..count).map(|lane| Parts::of(in_lane(lane)).cut(wall, told)).collect();
    let work = |lane| in_lane(lane).flat_map(|thread| &thread.pieces).filter(|piece| !piece.waits).map(Piece::slice).collect();
    let rows = (0..count).map(|lane| timeline::Row { slices: work(lane), ..timeline::Row::default() }).collect();
    let mut account = Account {
        wall,
        lanes,
        threads: threads.iter().zip(&places).map(|(thread, place)| thread.shown(*place)).collect(),
        at_work: vec![wall],
        alone: None,
        spans: BTreeMap::new(),
        unseen: if told { threads.iter().map(Thread::unseen).sum() } else { 0.0 },
    };
    if let Some(summary) = Summary::new(&Timeline { rows }) {
        account.at_work = summary.at_work_us.iter().map(|time| time / 1e6).collect();
        // The summary begins with the first span and ends with the last.
        account.at_work[0] += (wall - summary.wall_us / 1e6).max(0.0);
        account.alone = summary.longest_alone.map(|(time, name)| Alone { name, seconds: time / 1e6 });
        account.spans = summary.names.into_iter().map(|(name, time)| (name, time / 1e6)).collect();
    }
    account
}

/// A lane for each thread. Where there are more threads than lanes asked for, those that are not there at the same time
/// share one: a worker and its successor, or the threads of two phases.
fn places(threads: &[Thread<'_>], lanes: usize) -> Vec<usize> {
    if threads.len() <= lanes {
        return (0..threads.len()).collect();
    }
    let mut order: Vec<usize> = (0..threads.len()).collect();
    order.sort_by(|&a, &b| threads[a].extent().0.total_cmp(&threads[b].extent().0).then(a.cmp(&b)));
    let mut ends: Vec<f64> = Vec::new();
    let mut places = vec![0; threads.len()];
    for thread in order {
        let (start, end) = threads[thread].extent();
        let free = (0..ends.len()).filter(|lane| ends[*lane] <= start).max_by(|a, b| ends[*a].total_cmp(&ends[*b]));
        let lane = free.unwrap_or(ends.len());
        ends.resize(ends.len().max(lane + 1), 0.0);
        ends[lane] = end;
        places[thread] = lane;
    }
    places
}

impl Piece<'_> {
    fn length(&self) -> f64 {
        self.end - self.start
    }

    fn slice(&self) -> timeline::Slice {
        timeline::Slice { name: self.name.into(), start_us: self.start * 1e6, end_us: self.end * 1e6, depth: 0 }
    }
}

impl Thread<'_> {
    fn time(&self, waits: bool) -> f64 {
        self.pieces.iter().filter(|piece| piece.waits == waits).fold(0.0, |sum, piece| sum + piece.length())
    }

    fn in_work(&self) -> f64 {
        self.time(false)
    }

    /// From its first span to its last.
    fn extent(&self) -> (f64, f64) {
        (self.pieces.first().map_or(0.0, |piece| piece.start), self.pieces.last().map_or(0.0, |piece| piece.end))
    }

    /// How long it went on after the last look at it.
    fn unseen(&self) -> f64 {
        let (start, end) = self.extent();
        (end - self.scheduled.map_or(start, |told| told.until)).max(0.0)
    }

    /// Seconds on a core: as the scheduler has it, and more for a time that it was not asked about, as far as spans of work
    /// explain it.
    fn ran(&self) -> f64 {
        let (told, waited) = self.scheduled.map_or((0.0, 0.0), |told| (told.ran, told.waited));
        // Of a thread that still ran at the last look, up to a tick is missing as well.
        let until = self.scheduled.map_or(f64::NEG_INFINITY, |told| told.until);
        let missing = if until < self.extent().1 + TICK { self.unseen() + TICK } else { 0.0 };
        told.max((self.in_work() - waited).min(told + missing))
    }

    fn shown(&self, lane: usize) -> ThreadUse {
        ThreadUse {
            process: format!("{} {}", self.row.process, self.row.pid),
            thread: if self.row.thread.is_empty() { format!("thread {}", self.row.tid) } else { self.row.thread.clone() },
            lane,
            in_work: self.in_work(),
            in_waits: self.time(true),
            ran: self.scheduled.map(|_| self.ran()),
            waited: self.scheduled.map(|told| told.waited),
        }
    }
}

/// What is known of a lane: inside spans by their clock, on a core and waiting for one by the scheduler's.
#[derive(Debug, Clone, Default, PartialEq)]
struct Parts {
    in_work: f64,
    waits: BTreeMap<String, f64>,
    ran: f64,
    waited: f64,
}

impl Parts {
    fn of<'a>(threads: impl Iterator<Item = &'a Thread<'a>>) -> Self {
        let mut parts = Self::default();
        for thread in threads {
            parts.in_work += thread.in_work();
            parts.ran += thread.ran();
            parts.waited += thread.scheduled.map_or(0.0, |told| told.waited);
            for piece in thread.pieces.iter().filter(|piece| piece.waits) {
                *parts.waits.entry(piece.name.to_owned()).or_default() += piece.length();
            }
        }
        parts
    }

    /// Cuts `wall` seconds. The scheduler tells sums and not places: time on a core is put into the spans of work first, and
    /// time without one then into what is left of them. (To take all time without a core from the spans left nothing useful
    /// of them on a busy machine, where much of it is spent before the first span: a thread is woken, and has to wait.)
    ///
    /// What the figures claim beyond the lane's time is cut off, for the two clocks differ by a little.
    fn cut(self, wall: f64, told: bool) -> Lane {
        let Self { in_work, waits, ran, waited } = self;
        let outside = (wall - in_work - waits.values().sum::<f64>()).max(0.0);
        if !told {
            return Lane { useful: in_work, waits, told: None, idle: outside };
        }
        let useful = ran.min(in_work);
        let not_let_inside = waited.min(in_work - useful);
        let stood_still = in_work - useful - not_let_inside;
        let no_span = (ran - useful).min(outside);
        let not_let_outside = (waited - not_let_inside).min(outside - no_span);
        let told = Told { not_let: not_let_inside + not_let_outside, not_let_outside, no_span, stood_still };
        Lane { useful, waits, told: Some(told), idle: outside - no_span - not_let_outside }
    }
}

/// A thread's slices without its waits, cut so that no two overlap, on the clock of the trace.
pub fn work(slices: &[Slice]) -> Vec<timeline::Slice> {
    pieces(slices, 0.0, f64::INFINITY).iter().filter(|piece| !piece.waits).map(Piece::slice).collect()
}

/// A thread's slices cut where others lie within them, in seconds after `go_us`, and to the run of `wall` seconds.
fn pieces(slices: &[Slice], go_us: f64, wall: f64) -> Vec<Piece<'_>> {
    let place = |time_us: f64| ((time_us - go_us) / 1e6).clamp(0.0, wall);
    let placed = |slice: &Slice| (place(slice.start_us), place(slice.end_us), slice.depth);
    // Spans of an earlier run, or of a later one, have no length here.
    let (intervals, slices): (Vec<_>, Vec<_>) =
        slices.iter().map(|slice| (placed(slice), slice)).filter(|((start, end, _), _)| end > start).unzip();
    let piece = |(start, end, i): (f64, f64, usize)| {
        let slice: &Slice = slices[i];
        Piece { start, end, name: &slice.name, waits: slice.waits() }
    };
    timeline::innermost(&intervals).into_iter().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lab::trace::file::{CRITICAL, CRITICAL_PATH, Event, OS_THREAD};
    use rand::{Rng, SeedableRng};

    use super::*;

    fn random(seed: u64) -> impl FnMut() -> f64 {
        let mut numbers = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
        move || f64::from(numbers.next_u32()) / f64::from(u32::MAX)
    }

    fn sum(lane: &Lane) -> f64 {
        let told = lane.told.unwrap_or_default();
        lane.useful + lane.waits.values().sum::<f64>() + told.not_let + told.no_span + told.stood_still + lane.idle
    }

    #[test]
    fn a_lane_is_cut_without_overlap_or_rest_whatever_the_figures_claim() {
        let mut next = random(1);
        for round in 0..10_000 {
            let wall = 0.01 + next();
            let in_work = wall * next();
            let waits = BTreeMap::from([("a".to_owned(), (wall - in_work) * next() * 0.5), ("b".to_owned(), 0.0)]);
            // Up to twice what a thread can run or wait, and often nothing.
            let [ran, waited] = [(); 2].map(|()| (2.5 * next() - 0.5).max(0.0) * wall);
            for told in [true, false] {
                let lane = Parts { in_work, waits: waits.clone(), ran, waited }.cut(wall, told);
                assert!((sum(&lane) - wall).abs() < 1e-12, "round {round}: {lane:?} is not {wall}");
                let told = lane.told.unwrap_or_default();
                let parts = [lane.useful, lane.idle, told.not_let, told.not_let_outside, told.no_span, told.stood_still];
                assert!(parts.iter().all(|part| *part >= 0.0), "round {round}: {lane:?}");
                assert!(told.not_let_outside <= told.not_let + 1e-12, "round {round}: {lane:?}");
                assert_eq!(lane.waits, waits);
            }
        }
    }

    #[test]
    fn each_part_is_what_it_is_called() {
        let cut = |in_work, ran, waited| {
            let lane = Parts { in_work, waits: BTreeMap::from([("join".to_owned(), 1.0)]), ran, waited }.cut(10.0, true);
            let told = lane.told.expect("told");
            [lane.useful, told.not_let, told.not_let_outside, told.no_span, told.stood_still, lane.idle]
        };
        assert_eq!(cut(6.0, 6.0, 0.0), [6.0, 0.0, 0.0, 0.0, 0.0, 3.0], "at work and then idle");
        assert_eq!(cut(6.0, 4.0, 2.0), [4.0, 2.0, 0.0, 0.0, 0.0, 3.0], "a third of its work without a core");
        assert_eq!(cut(6.0, 6.0, 2.0), [6.0, 2.0, 2.0, 0.0, 0.0, 1.0], "woken, and had to wait");
        assert_eq!(cut(6.0, 8.0, 0.0), [6.0, 0.0, 0.0, 2.0, 0.0, 1.0], "looked for work");
        assert_eq!(cut(6.0, 1.0, 2.0), [1.0, 2.0, 0.0, 0.0, 3.0, 3.0], "stood at a lock");
    }

    const PID: u64 = 7;

    fn span(name: &str, tid: u64, [from, to]: [f64; 2], waits: bool) -> Vec<Event> {
        let mut events = [("B", from), ("E", to)].map(|(ph, ms)| Event::new(ph, name, PID, tid, 1e3 * ms)).to_vec();
        if waits {
            events[0].args.insert("waits".into(), true.into());
        }
        events
    }

    fn named(pid: u64, tid: u64, name: &str) -> Event {
        let mut event = Event::thread_name(pid, tid, name);
        event.args.insert(OS_THREAD.into(), (100 + tid).into());
        event
    }

    /// A run that begins at millisecond 100 of the trace's clock and takes 50.
    fn run(threads: &[(u32, Scheduled)]) -> Timed {
        Timed {
            started: UNIX_EPOCH + Duration::from_millis(1100),
            seconds: 0.05,
            digest: String::new(),
            waited: None,
            threads: threads.iter().copied().collect(),
            digesting: 0.0,
        }
    }

    fn ran(ran: f64, waited: f64, until: f64) -> Scheduled {
        Scheduled { ran, waited, until }
    }

    fn trace(events: Vec<Event>) -> Trace {
        Trace { events, other: [(CLOCK_BASE.to_owned(), 1e6.into())].into_iter().collect() }
    }

    fn milliseconds(time: f64) -> f64 {
        (time * 1e6).round() / 1e3
    }

    #[test]
    fn the_innermost_span_has_the_time_and_only_that_of_the_run() {
        let mut events = vec![named(PID, 1, "one"), named(PID, 2, "two"), named(PID, 3, CRITICAL_PATH)];
        // Of an earlier run, of this one's beginning, and of a later one.
        events.extend(span("early", 1, [10.0, 80.0], false));
        events.extend(span("work", 1, [90.0, 110.0], false));
        events.extend(span("late", 1, [160.0, 170.0], false));
        let (outer, inner) = (span("work", 1, [120.0, 140.0], false), span("lock", 1, [125.0, 130.0], true));
        events.extend([outer[0].clone(), inner[0].clone(), inner[1].clone(), outer[1].clone()]);
        let mut path = span("path", 3, [100.0, 150.0], false);
        path[0].args.insert(CRITICAL.into(), true.into());
        events.extend(path);
        events.extend(span("wait", 2, [100.0, 150.0], true));
        let run = run(&[(101, ran(0.02, 0.003, 0.051)), (102, ran(0.0, 0.0, 0.051)), (103, ran(9.0, 9.0, 0.051))]);
        let account = account(&trace(events), &run, 2, Who::Threads);
        assert_eq!(account.threads.len(), 1, "a thread that only waits has no lane, a critical path is no thread");
        assert_eq!(account.lanes.len(), 2, "two were asked for");
        let lane = &account.lanes[0];
        let told = lane.told.expect("told");
        // 10 of the first span, and 15 around the lock: 20 on a core, 3 without, 2 in neither.
        assert_eq!([lane.useful, lane.waits["lock"], told.not_let, told.stood_still].map(milliseconds), [20.0, 5.0, 3.0, 2.0]);
        assert_eq!([lane.idle, account.lanes[1].idle].map(milliseconds), [20.0, 50.0]);
        assert_eq!(account.at_work.iter().copied().map(milliseconds).collect::<Vec<_>>(), [25.0, 25.0, 0.0]);
    }

    #[test]
    fn a_worker_and_its_successor_share_a_lane() {
        let mut events = vec![named(PID, 1, "first"), named(PID, 2, "other"), named(PID, 3, "successor")];
        events.extend(span("task", 1, [100.0, 120.0], false));
        events.extend(span("task", 2, [100.0, 150.0], false));
        events.extend(span("task", 3, [130.0, 150.0], false));
        let run = run(&[(101, ran(0.02, 0.0, 0.051)), (102, ran(0.05, 0.0, 0.051)), (103, ran(0.02, 0.0, 0.051))]);
        let account = |lanes| account(&trace(events.clone()), &run, lanes, Who::Threads);
        assert_eq!(account(2).threads.iter().map(|thread| thread.lane).collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!(account(3).lanes.len(), 3, "each has its own where so many were asked for");
        assert_eq!(account(1).lanes.len(), 2, "more worked at a time than were asked for");
        assert_eq!(milliseconds(account(2).lanes[0].idle), 10.0);
    }

    #[test]
    fn the_process_that_hands_out_the_work_has_no_lane() {
        let mut events = vec![named(PID, 1, "parent"), named(8, 2, "worker")];
        events.extend(span("commit", 1, [100.0, 150.0], false));
        let mut task = span("task", 2, [100.0, 130.0], false);
        task.iter_mut().for_each(|event| event.pid = 8);
        events.extend(task);
        let account = account(&trace(events), &run(&[(102, ran(0.03, 0.0, 0.051))]), 1, Who::ProcessesBut(PID));
        assert_eq!(account.threads.iter().map(|thread| thread.thread.as_str()).collect::<Vec<_>>(), ["worker"]);
    }

    #[test]
    fn what_a_thread_did_after_the_last_look_is_taken_for_work_and_told() {
        let mut events = vec![named(PID, 1, "short")];
        events.extend(span("work", 1, [100.0, 132.0], false));
        let seen = |until, told| account(&trace(events.clone()), &run(&[(101, ran(told, 0.0, until))]), 1, Who::Threads);
        let ended = seen(0.025, 0.022);
        assert_eq!([ended.unseen, ended.lanes[0].useful].map(milliseconds), [7.0, 32.0]);
        // Who was looked at until the end did stand still.
        let watched = seen(0.051, 0.022);
        let stood_still = watched.lanes[0].told.expect("told").stood_still;
        assert_eq!([watched.unseen, watched.lanes[0].useful, stood_still].map(milliseconds), [0.0, 22.0, 10.0]);
    }

    #[test]
    fn without_a_scheduler_that_tells_all_the_rest_is_idle() {
        let mut events = vec![named(PID, 1, "one")];
        events.extend(span("work", 1, [100.0, 130.0], false));
        let silent = account(&trace(events.clone()), &run(&[]), 1, Who::Threads);
        events[0].args.remove(OS_THREAD);
        let unknown = account(&trace(events), &run(&[(101, ran(0.03, 0.0, 0.051))]), 1, Who::Threads);
        for account in [silent, unknown] {
            let lane = &account.lanes[0];
            assert_eq!((lane.told, account.unseen), (None, 0.0));
            assert_eq!([lane.useful, lane.idle].map(milliseconds), [30.0, 20.0]);
        }
    }
}
