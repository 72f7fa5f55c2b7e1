//! The critical path of a traced run, as a row of its own in the trace file.
//!
//! The strands of `lab::par` have a clock and thread numbers of their own. So each thread that runs one leaves a mark in the
//! trace, which says both; when the file is brought into order, the marks tell which row is whose and how far the clocks are
//! apart, and are taken out.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
    time::Instant,
};

use serde_json::{Map, Value, json};

use super::{
    chrome,
    file::{CRITICAL, CRITICAL_PATH, Event, Trace},
    taps,
};
use crate::par::{Clocked, Moment};

/// The event by which a thread says its number and its time.
const MARK: &str = "lab strand";
/// Pieces of the path that follow each other at once in one span are one.
const AT_ONCE_US: f64 = 1.0;

/// Nanoseconds since this process first asked.
pub(crate) fn clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Says once for each thread, if a trace is written, which row is its own and what time it is.
pub(crate) fn mark_thread() {
    thread_local! { static MARKED: Cell<bool> = const { Cell::new(false) } }
    if !MARKED.get() && chrome::writer().is_some() {
        MARKED.set(true);
        tracing::event!(name: "lab strand", tracing::Level::INFO, thread = taps::thread_number(), clock = clock());
    }
}

/// What the marks say: of each thread number its row, and how many microseconds the trace's clock is ahead.
struct Rows {
    rows: BTreeMap<u64, (u64, u64)>,
    ahead_us: f64,
}

impl Rows {
    /// Takes the marks out of the trace.
    fn take(trace: &mut Trace) -> Self {
        let mut found = Self { rows: BTreeMap::new(), ahead_us: f64::INFINITY };
        trace.events.retain(|event| {
            let number = |key| event.args.get(key).and_then(Value::as_u64);
            let (MARK, Some(thread), Some(clock)) = (event.name.as_str(), number("thread"), number("clock")) else { return true };
            found.rows.insert(thread, (event.pid, event.tid));
            // A mark is written some time after the clock was read; the smallest difference has the least of that.
            found.ahead_us = found.ahead_us.min(event.ts - clock as f64 / 1000.0);
            false
        });
        found
    }

    fn at(&self, nanoseconds: u64) -> f64 {
        // A thousandth of a microsecond is the clock's own step.
        ((nanoseconds as f64 / 1000.0 + self.ahead_us) * 1000.0).round().max(0.0) / 1000.0
    }
}

/// A piece of a thread's row in which one span is the innermost.
struct Piece {
    start: f64,
    end: f64,
    /// The place of its begin among the events.
    span: usize,
}

/// A piece of the critical path.
struct Stretch {
    row: (u64, u64),
    start: f64,
    end: f64,
    span: Option<usize>,
}

/// Takes the marks out and draws the critical path of each run that forked.
pub(super) fn draw(trace: &mut Trace, runs: &[Clocked]) {
    let rows = Rows::take(trace);
    let runs: Vec<&Clocked> = runs.iter().filter(|run| run.forks()).collect();
    let Some(&(pid, _)) = rows.rows.values().next() else { return };
    if runs.is_empty() {
        return;
    }
    let tid = trace.events.iter().filter(|event| event.pid == pid).map(|event| event.tid).max().unwrap_or(0) + 1;
    trace.events.push(Event::thread_name(pid, tid, CRITICAL_PATH));
    let pieces = pieces(trace);
    let mut flow = 0;
    for run in runs {
        let Some((start, end)) = run.bounds() else { continue };
        let stretches = stretches(&run.critical_path(), &rows, &pieces);
        mark_spans(trace, &stretches);
        arrows(trace, &stretches, &mut flow);
        let slices: Vec<Event> = stretches.iter().map(|stretch| slice(trace, stretch, (pid, tid))).collect();
        let mut whole = Event { dur: Some(rows.at(end) - rows.at(start)), ..Event::new("X", "", pid, tid, rows.at(start)) };
        whole.args.insert(CRITICAL.into(), true.into());
        trace.events.push(whole);
        let whole = trace.events.len() - 1;
        trace.events.extend(slices);
        // It says in its name what the path comes to, as the row itself tells it.
        let told = trace.critical_paths().pop().map(|path| path.to_string());
        trace.events[whole].name = told.unwrap_or_else(|| CRITICAL_PATH.into());
    }
}

/// A row that is being cut into pieces.
#[derive(Default)]
struct Cut {
    pieces: Vec<Piece>,
    /// The begins of the spans that are open.
    open: Vec<usize>,
    since: f64,
}

/// For each row, its pieces in order of time.
fn pieces(trace: &Trace) -> BTreeMap<(u64, u64), Vec<Piece>> {
    let mut rows: BTreeMap<(u64, u64), Cut> = BTreeMap::new();
    for (place, event) in trace.events.iter().enumerate().filter(|(_, event)| matches!(event.ph.as_str(), "B" | "E")) {
        let row = rows.entry((event.pid, event.tid)).or_default();
        if let Some(&span) = row.open.last().filter(|_| event.ts > row.since) {
            row.pieces.push(Piece { start: row.since, end: event.ts, span });
        }
        row.since = event.ts;
        if event.ph == "B" {
            row.open.push(place);
        } else {
            row.open.pop();
        }
    }
    rows.into_iter().map(|(row, cut)| (row, cut.pieces)).collect()
}

/// The path cut where the spans of its threads begin and end.
fn stretches(path: &[Moment], rows: &Rows, pieces: &BTreeMap<(u64, u64), Vec<Piece>>) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut add = |new: Stretch| {
        if new.end <= new.start {
            return;
        }
        // Rounded times may overlap by a rounding, which no row may hold.
        let start = stretches.last().map_or(new.start, |last| new.start.max(last.end));
        match stretches.last_mut() {
            Some(last) if (last.row, last.span) == (new.row, new.span) && start - last.end <= AT_ONCE_US => last.end = new.end,
            _ => stretches.push(Stretch { start, ..new }),
        }
    };
    for moment in path {
        let Some(&row) = rows.rows.get(&moment.thread) else { continue };
        let (mut from, end) = (rows.at(moment.start), rows.at(moment.end));
        let of_row = pieces.get(&row).map_or(&[][..], Vec::as_slice);
        let first = of_row.partition_point(|piece| piece.end <= from);
        for piece in of_row[first..].iter().take_while(|piece| piece.start < end) {
            add(Stretch { row, start: from, end: piece.start, span: None });
            from = from.max(piece.start);
            add(Stretch { row, start: from, end: piece.end.min(end), span: Some(piece.span) });
            from = piece.end.min(end);
        }
        add(Stretch { row, start: from, end, span: None });
    }
    stretches.retain(|stretch| stretch.end > stretch.start);
    stretches
}

/// The stretch in the path's own row.
fn slice(trace: &Trace, stretch: &Stretch, (pid, tid): (u64, u64)) -> Event {
    let name = stretch.span.map_or("outside any span", |span| trace.events[span].name.as_str());
    let mut slice = Event { dur: Some(stretch.end - stretch.start), ..Event::new("X", name, pid, tid, stretch.start) };
    slice.args = Map::from_iter([(CRITICAL.into(), true.into()), ("thread".into(), json!(stretch.row.1))]);
    slice
}

/// Spans on the path say so.
fn mark_spans(trace: &mut Trace, stretches: &[Stretch]) {
    let spans: BTreeSet<usize> = stretches.iter().filter_map(|stretch| stretch.span).collect();
    for span in spans {
        trace.events[span].args.insert(CRITICAL.into(), true.into());
    }
}

/// An arrow wherever the path goes from one thread to another.
fn arrows(trace: &mut Trace, stretches: &[Stretch], flow: &mut u64) {
    for pair in stretches.windows(2).filter(|pair| pair[0].row != pair[1].row) {
        *flow += 1;
        let arrow = |ph, (pid, tid), ts| {
            let mut event = Event::new(ph, CRITICAL_PATH, pid, tid, ts);
            event.more = Map::from_iter([("cat".into(), CRITICAL_PATH.into()), ("id".into(), json!(*flow))]);
            event
        };
        let mut head = arrow("f", pair[1].row, pair[1].start);
        // It ends in the slice that is around it, and not in the next one to begin.
        head.more.insert("bp".into(), "e".into());
        trace.events.extend([arrow("s", pair[0].row, pair[0].end), head]);
    }
}
