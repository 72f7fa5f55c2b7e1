//! One run's lanes: each lane's time cut into parts that neither overlap nor leave a rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::UNIX_EPOCH,
};

use lab::trace::file::{CLOCK_BASE, Slice, ThreadRow, Trace};
use serde_json::Value;

use super::{Account, Alone, CRITICAL_PATH, Lane, ThreadUse, Told};
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
        _ if row.thread == CRITICAL_PATH => false,
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
    // A thread whose number the trace does not tell cannot be found among the scheduler's.
    let told = told && threads.iter().all(|thread| thread.row.os_thread.is_some());
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
        self.pieces.iter().filter(|piece| piece.waits == waits).map(Piece::length).sum()
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
        let unseen = self.unseen();
        if unseen > 0.0 { told.max((self.in_work() - waited).min(told + unseen + TICK)) } else { told }
    }

    fn shown(&self, lane: usize) -> ThreadUse {
        ThreadUse {
            process: format!("{} {}", self.row.process, self.row.pid),
            thread: if self.row.thread.is_empty() { format!("thread {}", self.row.tid) } else { self.row.thread.clone() },
            lane,
            in_work: self.in_work(),
            in_waits: self.time(true),
            ran: self.scheduled.map(|told| told.ran),
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

/// A thread's slices cut where others lie within them, in seconds after `go_us`, and to the run of `wall` seconds.
fn pieces(slices: &[Slice], go_us: f64, wall: f64) -> Vec<Piece<'_>> {
    let place = |time_us: f64| ((time_us - go_us) / 1e6).clamp(0.0, wall);
    let mut events: Vec<(f64, bool, usize)> = Vec::with_capacity(2 * slices.len());
    for (i, slice) in slices.iter().enumerate().filter(|(_, slice)| slice.end_us > slice.start_us) {
        events.extend([(place(slice.start_us), true, i), (place(slice.end_us), false, i)]);
    }
    events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut open: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut pieces = Vec::new();
    let mut since = 0.0;
    for (time, starts, i) in events {
        if let Some(&(_, innermost)) = open.last().filter(|_| time > since) {
            let waits = slices[innermost].args.get("waits").and_then(Value::as_bool) == Some(true);
            pieces.push(Piece { start: since, end: time, name: &slices[innermost].name, waits });
        }
        since = time;
        let key = (slices[i].depth, i);
        if starts {
            open.insert(key)
        } else {
            open.remove(&key)
        };
    }
    pieces
}
