//! The thread timeline: a row for each thread, what it worked at, and how many threads were at work at a time.
//!
//! Drawn as SVG directly and not with plotters: a run has up to a million slices, and what keeps the picture small, one
//! path for all the pieces of one colour in a row, is a shape that plotters does not have.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use lab::trace::file::{self, ThreadRow, Trace};

use super::{
    Chart, Layout,
    canvas::{Canvas, short},
    colour::Role,
    nice_step, number, text, trimmed,
};
use crate::{
    losses::{Losses, sentences, work},
    results::TraceResult,
};

/// What the threads of one run did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {
    /// One for each thread, those of a process side by side.
    pub rows: Vec<Row>,
}

/// What one thread did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// The name of its process.
    pub process: String,
    /// Its own name.
    pub thread: String,
    /// In any order.
    pub slices: Vec<Slice>,
}

/// One span on a thread.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slice {
    /// What was done.
    pub name: String,
    /// In microseconds on the clock of the run.
    pub start_us: f64,
    /// In microseconds, not before the start.
    pub end_us: f64,
    /// In how many other spans of its thread it lies.
    pub depth: usize,
}

impl From<&Trace> for Timeline {
    /// The threads of a trace file. Threads without a name get their number; processes that share a name, or have none, get
    /// their process id beside it, as viewers show them.
    ///
    /// Time inside a span with the argument `waits = true`, and in no span within it, is left out: whoever waits for another
    /// thread or process is idle. The row of critical paths is no thread.
    fn from(trace: &Trace) -> Self {
        let rows: Vec<ThreadRow> = trace.threads().into_iter().filter(|row| !row.is_critical_path()).collect();
        let alone = |row: &ThreadRow| rows.iter().all(|other| other.pid == row.pid || other.process != row.process);
        let process = |row: &ThreadRow| match row.process.as_str() {
            "" => format!("process {}", row.pid),
            name if alone(row) => name.to_owned(),
            name => format!("{name} {}", row.pid),
        };
        let thread = |row: &ThreadRow| if row.thread.is_empty() { format!("thread {}", row.tid) } else { row.thread.clone() };
        let row = |row: &ThreadRow| Row { process: process(row), thread: thread(row), slices: slices(&row.slices) };
        Self { rows: rows.iter().map(row).collect() }
    }
}

/// The slices of a thread; where there are waits among them, what lies outside of these, cut into pieces.
fn slices(slices: &[file::Slice]) -> Vec<Slice> {
    if slices.iter().any(file::Slice::waits) {
        return work(slices);
    }
    let slice = |slice: &file::Slice| Slice {
        name: slice.name.clone(),
        start_us: slice.start_us,
        end_us: slice.end_us,
        depth: slice.depth,
    };
    slices.iter().map(slice).collect()
}

/// A picture with more bytes than this is drawn again with coarser cells.
const LARGEST: usize = 50_000;
/// The picture has no more rows than this; the summary counts all of them.
const MOST_ROWS: usize = 64;
const SMALL: f64 = 11.0;
/// Names of work by falling time, blue first; what comes after them shares one grey.
const ROLES: [Role; 6] = [Role::REFERENCE, Role::Series(4), Role::Series(2), Role::Series(3), Role::Series(5), Role::YOURS];

/// The accounting of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// From the first start to the last end, in microseconds.
    pub wall_us: f64,
    /// For each row, how long it was inside a span.
    pub busy_us: Vec<f64>,
    /// For each name, by falling time, how long threads were in it and in no span within it.
    pub names: Vec<(String, f64)>,
    /// How long exactly so many threads were at work, from 0 to all.
    pub at_work_us: Vec<f64>,
    /// The longest time that only one thread was at work: how long, and at what for most of it.
    pub longest_alone: Option<(f64, String)>,
}

/// Between two events of a thread: its innermost span.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece<'a> {
    start: f64,
    end: f64,
    name: &'a str,
}

impl Row {
    /// Its slices cut where others lie within them, so that no two overlap.
    fn pieces(&self) -> Vec<Piece<'_>> {
        let usable = |s: &&Slice| s.start_us.is_finite() && s.end_us.is_finite() && s.end_us > s.start_us;
        let slices: Vec<&Slice> = self.slices.iter().filter(usable).collect();
        let intervals: Vec<_> = slices.iter().map(|slice| (slice.start_us, slice.end_us, slice.depth)).collect();
        let mut pieces: Vec<Piece> = Vec::new();
        for (start, end, innermost) in innermost(&intervals) {
            let name = slices[innermost].name.as_str();
            match pieces.last_mut().filter(|last| last.end == start && last.name == name) {
                Some(last) => last.end = end,
                None => pieces.push(Piece { start, end, name }),
            }
        }
        pieces
    }
}

/// Cuts intervals (start, end, depth) that lie within each other, so that no two overlap: start, end, and which of them is the
/// innermost there, in order of time.
pub fn innermost(intervals: &[(f64, f64, usize)]) -> Vec<(f64, f64, usize)> {
    let edges = |(i, (start, end, _)): (usize, &(f64, f64, usize))| [(*start, true, i), (*end, false, i)];
    let mut events: Vec<(f64, bool, usize)> = intervals.iter().enumerate().flat_map(edges).collect();
    events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut open: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut cut = Vec::new();
    let mut since = 0.0;
    for (time, starts, i) in events {
        if let Some(&(_, innermost)) = open.last().filter(|_| time > since) {
            cut.push((since, time, innermost));
        }
        since = time;
        let key = (intervals[i].2, i);
        if starts {
            open.insert(key)
        } else {
            open.remove(&key)
        };
    }
    cut
}

impl Summary {
    /// Adds up a run; `None` where no span has any length.
    pub fn new(timeline: &Timeline) -> Option<Self> {
        let rows: Vec<Vec<Piece>> = timeline.rows.iter().map(Row::pieces).collect();
        let (start, end) = bounds(&rows)?;
        let busy_us = rows.iter().map(|pieces| pieces.iter().fold(0.0, |sum, p| sum + p.end - p.start)).collect();
        let mut names: BTreeMap<&str, f64> = BTreeMap::new();
        let mut events: Vec<(f64, bool, usize, &str)> = Vec::new();
        for (row, pieces) in rows.iter().enumerate() {
            for piece in pieces {
                *names.entry(piece.name).or_default() += piece.end - piece.start;
                events.push((piece.start, true, row, piece.name));
                events.push((piece.end, false, row, piece.name));
            }
        }
        events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));

        let mut at_work_us = vec![0.0; rows.len() + 1];
        let mut working: BTreeMap<usize, &str> = BTreeMap::new();
        let mut alone: BTreeMap<&str, f64> = BTreeMap::new();
        let mut longest: Option<(f64, String)> = None;
        let mut since = start;
        for (time, starts, row, name) in events {
            if time > since {
                at_work_us[working.len()] += time - since;
                match (working.len(), working.values().next()) {
                    (1, Some(name)) => *alone.entry(name).or_default() += time - since,
                    _ => alone.clear(),
                }
                let stretch: f64 = alone.values().sum();
                if stretch > longest.as_ref().map_or(0.0, |(longest, _)| *longest) {
                    let most = alone.iter().max_by(|a, b| a.1.total_cmp(b.1)).map_or("", |(name, _)| name);
                    longest = Some((stretch, most.to_owned()));
                }
                since = time;
            }
            if starts {
                working.insert(row, name);
            } else {
                working.remove(&row);
            }
        }
        let mut names: Vec<_> = names.into_iter().map(|(name, time)| (name.to_owned(), time)).collect();
        names.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Some(Self { wall_us: end - start, busy_us, names, at_work_us, longest_alone: longest })
    }

    /// How many threads were at work, averaged over the run.
    pub fn mean_at_work(&self) -> f64 {
        self.busy_us.iter().sum::<f64>() / self.wall_us
    }

    /// Whose run it was, and how much of its threads it used. Of a run that waits for a network that would mislead: there it
    /// is how many requests were in flight, if that is known.
    fn finding(&self, path: &str, trace: &TraceResult) -> String {
        let who = super::whose(trace.subject, path);
        let (mean, threads) = (self.mean_at_work(), self.busy_us.len());
        match &trace.losses {
            Some(Losses::InFlight(flight)) => match sentences::in_flight(flight) {
                Some(flying) => format!("{who} had {flying}"),
                None => format!("{who}, thread by thread"),
            },
            _ if threads == 1 => format!("{who} kept its one thread at work for {} of the time", number::percent(mean)),
            // Not "of 3 threads": which of them were meant to work, and which only waited for the others, no trace tells.
            _ => format!("{who} kept {} threads at work on average", number::mean(mean)),
        }
    }

    /// What the time went to.
    fn cause(&self, trace: &TraceResult) -> String {
        let wall = number::seconds(self.wall_us / 1e6);
        let share = |working: usize| self.at_work_us.get(working).map_or(0.0, |time| time / self.wall_us);
        let mut cause = format!("{wall}, {}", number::counted(self.busy_us.len(), "thread", "threads"));
        if let Some(Losses::InFlight(_)) = &trace.losses {
            write!(cause, " \u{b7} for {} of it none worked", number::percent(share(0))).expect("a string takes everything");
            return cause;
        }
        match &self.longest_alone {
            Some((time, name)) if self.busy_us.len() > 1 && share(1) > 0.0 => {
                let (alone, time) = (number::percent(share(1)), number::seconds(time / 1e6));
                write!(cause, " \u{b7} for {alone} of it only one thread worked, longest in {name} ({time})").expect("a string");
            }
            _ => {}
        }
        if share(0) >= 0.005 {
            write!(cause, " \u{b7} for {} of it none", number::percent(share(0))).expect("a string takes everything");
        }
        cause
    }
}

fn bounds(rows: &[Vec<Piece>]) -> Option<(f64, f64)> {
    let start = rows.iter().filter_map(|pieces| pieces.first()).map(|p| p.start).min_by(f64::total_cmp)?;
    let end = rows.iter().flatten().map(|p| p.end).max_by(f64::total_cmp)?;
    (end > start).then_some((start, end))
}

/// Draws a traced run; `None` where no span has any length.
pub fn draw(path: &str, trace: &TraceResult, timeline: &Timeline, layout: Layout) -> Option<Chart> {
    let summary = Summary::new(timeline)?;
    let (finding, cause) = (summary.finding(path, trace), summary.cause(trace));
    let mut description = format!("{cause}.");
    for (row, busy) in timeline.rows.iter().zip(&summary.busy_us).take(MOST_ROWS) {
        write!(description, " {}: {} busy.", row.thread, number::percent(busy / summary.wall_us))
            .expect("a string takes everything");
    }
    let picture = |cell| Picture::new(timeline, &summary, layout, cell).draw(&finding, &cause);
    let mut cell = 1.0;
    let mut drawn = picture(cell);
    while drawn.0.len() > LARGEST && cell < 64.0 {
        cell *= 2.0;
        drawn = picture(cell);
    }
    let (body, height) = drawn;
    Some(Chart { finding, description, layout, height, scale: 1.0, body })
}

/// One cell of a row: what it was busy with for most of the time, and for which share of it in all.
#[derive(Debug, Clone, Default)]
struct Cell {
    by_name: Vec<(usize, f64)>,
}

impl Cell {
    fn busy(&self) -> f64 {
        self.by_name.iter().map(|(_, share)| share).sum::<f64>().min(1.0)
    }

    /// The name's number, and the share in quarters: a cell that is busy for a moment is tinted, not painted.
    fn look(&self) -> Option<(usize, u8)> {
        let (name, _) = self.by_name.iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        Some((*name, (self.busy() * 4.0 - 1e-6).ceil().clamp(1.0, 4.0) as u8))
    }
}

struct Picture<'a> {
    timeline: &'a Timeline,
    summary: &'a Summary,
    layout: Layout,
    /// Of the drawn rows: their numbers.
    shown: Vec<usize>,
    cells: Vec<Vec<Cell>>,
    /// Width of a cell in pixels.
    cell: f64,
    side: f64,
    left: f64,
    right: f64,
    canvas: Canvas,
}

impl<'a> Picture<'a> {
    fn new(timeline: &'a Timeline, summary: &'a Summary, layout: Layout, cell: f64) -> Self {
        let (side, most) = if layout == Layout::Wide { (20.0, 130.0) } else { (12.0, 84.0) };
        let widest = timeline.rows.iter().map(|row| text::width(&row.thread, SMALL, false)).fold(0.0, f64::max);
        let left: f64 = side + widest.min(most).max(50.0) + 10.0;
        let right: f64 = layout.width() - side - text::width(">99 %", SMALL, false) - 8.0;
        let (left, right) = (left.ceil(), right.floor());

        let mut shown: Vec<usize> = (0..timeline.rows.len()).collect();
        shown.sort_by(|&a, &b| summary.busy_us[b].total_cmp(&summary.busy_us[a]).then(a.cmp(&b)));
        shown.truncate(MOST_ROWS);
        shown.sort_unstable();

        let rows: Vec<Vec<Piece>> = timeline.rows.iter().map(Row::pieces).collect();
        let (start, _) = bounds(&rows).expect("a summary has bounds");
        let count = ((right - left) / cell).floor() as usize;
        let cells = rows.iter().map(|pieces| raster(pieces, &summary.names, start, summary.wall_us, count)).collect();
        let right = left + count as f64 * cell;
        Self { timeline, summary, layout, shown, cells, cell, side, left, right, canvas: Canvas::default() }
    }

    fn draw(mut self, finding: &str, cause: &str) -> (String, f64) {
        let y = self.canvas.heading(finding, cause, self.layout) + 12.0;
        self.canvas.text("busy", (self.layout.width() - self.side, y), SMALL, false, Role::Muted, "end");
        let rows_bottom = self.rows(y + 10.0);
        let bottom = self.at_work(rows_bottom + 26.0);
        self.time_axis(bottom);
        let height = self.key(bottom + 42.0);
        (self.canvas.finish(), height)
    }

    /// The threads, with a line for each process where there are several; returns where they end.
    fn rows(&mut self, top: f64) -> f64 {
        let (height, gap) = match self.shown.len() {
            0..=16 => (20.0, 5.0),
            17..=32 => (14.0, 3.0),
            _ => (12.0, 2.0),
        };
        let processes: BTreeSet<&str> = self.timeline.rows.iter().map(|row| row.process.as_str()).collect();
        let grouped = processes.len() > 1;
        let mut process = None;
        let mut y = top;
        for row in self.shown.clone() {
            let Row { process: of, thread, .. } = &self.timeline.rows[row];
            if grouped && process != Some(of) {
                process = Some(of);
                let name = text::cut(of, SMALL, true, self.right - self.side);
                self.canvas.text(&name, (self.side, y + 9.0), SMALL, true, Role::Muted, "start");
                y += 20.0;
            }
            let name = text::cut(thread, SMALL, false, self.left - self.side - 8.0);
            let busy = number::percent(self.summary.busy_us[row] / self.summary.wall_us);
            self.canvas.text(&name, (self.side, y + height / 2.0), SMALL, false, Role::Ink, "start");
            self.canvas.text(&busy, (self.layout.width() - self.side, y + height / 2.0), SMALL, false, Role::Ink, "end");
            let background = format!("M{} {}H{}v{height}H{}z", short(self.left), short(y), short(self.right), short(self.left));
            self.canvas.shape(&background, &Role::Idle.fill());
            self.hairlines(y, height);
            for ((name, quarters), d) in runs(&self.cells[row], self.left, self.cell, y, height) {
                let role = ROLES.get(name).copied().unwrap_or(Role::OTHER);
                let opacity =
                    ["", " fill-opacity=\"0.25\"", " fill-opacity=\"0.5\"", " fill-opacity=\"0.75\"", ""][usize::from(quarters)];
                self.canvas.shape(&d, &format!("{}{opacity}", role.fill()));
            }
            y += height + gap;
        }
        let hidden = self.timeline.rows.len() - self.shown.len();
        if hidden > 0 {
            let note = format!("and {}, the least busy", number::counted(hidden, "more thread", "more threads"));
            self.canvas.text(&note, (self.side, y + 9.0), SMALL, false, Role::Muted, "start");
            y += 20.0;
        }
        y
    }

    /// Threads at work as a step area: in each cell, their mean. Returns where it ends.
    fn at_work(&mut self, top: f64) -> f64 {
        let height = 56.0;
        let bottom = top + height;
        let threads = self.timeline.rows.len();
        let level = |working: f64| short(bottom - height * working / threads as f64);
        self.canvas.text("threads at work", (self.side, top - 13.0), SMALL, false, Role::Muted, "start");
        for mark in [0, threads] {
            self.canvas.text(
                &mark.to_string(),
                (self.left - 6.0, bottom - height * (mark / threads) as f64),
                SMALL,
                false,
                Role::Muted,
                "end",
            );
            let line = format!("M{} {}H{}", short(self.left), level(mark as f64), short(self.right));
            self.canvas.shape(&line, &Role::Grid.stroke());
        }
        self.hairlines(top, height);
        let count = self.cells.first().map_or(0, Vec::len);
        let mut d = format!("M{} {}", short(self.left), short(bottom));
        let mut standing = short(bottom);
        for i in 0..count {
            let here = level(self.cells.iter().map(|row| row[i].busy()).sum());
            if here != standing {
                write!(d, "H{}V{here}", short(self.left + i as f64 * self.cell)).expect("a string takes everything");
                standing = here;
            }
        }
        write!(d, "H{}V{}z", short(self.right), short(bottom)).expect("a string takes everything");
        self.canvas.shape(&d, &format!("{} fill-opacity=\"0.8\"", Role::OTHER.fill()));
        bottom
    }

    /// Where the time axis is marked: place and label. At the start, too, though nothing is drawn there.
    fn ticks(&self) -> Vec<(f64, String)> {
        let wall = self.summary.wall_us;
        let (unit, name) = match wall {
            w if w >= 1e6 => (1e6, "s"),
            w if w >= 1e3 => (1e3, "ms"),
            _ => (1.0, "\u{b5}s"),
        };
        let most = if self.layout == Layout::Wide { 6.0 } else { 3.0 };
        let step = nice_step(wall / unit / most);
        let count = (wall / unit / step + 1e-9).floor() as usize;
        let place = |i: usize| self.left + (self.right - self.left) * (i as f64 * step * unit / wall);
        let label = |i: usize| if i == 0 { "0".to_owned() } else { format!("{} {name}", trimmed(i as f64 * step)) };
        (0..=count).map(|i| (place(i), label(i))).collect()
    }

    /// The marks of the time axis behind what is drawn next.
    fn hairlines(&mut self, top: f64, height: f64) {
        let lines: String = self.ticks().iter().skip(1).map(|(x, _)| format!("M{} {}v{height}", short(*x), short(top))).collect();
        if !lines.is_empty() {
            self.canvas.shape(&lines, &format!("{} stroke-opacity=\"0.4\"", Role::Guide.stroke()));
        }
    }

    fn time_axis(&mut self, bottom: f64) {
        for (x, label) in self.ticks() {
            if x + text::width(&label, SMALL, false) / 2.0 <= self.layout.width() - 4.0 {
                self.canvas.text(&label, (x, bottom + 14.0), SMALL, false, Role::Muted, "middle");
            }
        }
    }

    /// What each colour is, with its share of all threads' time: with idle, all of it.
    fn key(&mut self, top: f64) -> f64 {
        let all = self.summary.wall_us * self.timeline.rows.len() as f64;
        let mut items: Vec<(String, f64, Role)> =
            self.summary.names.iter().zip(ROLES).map(|((name, time), role)| (name.clone(), time / all, role)).collect();
        let others = &self.summary.names[items.len()..];
        if !others.is_empty() {
            let names = number::counted(others.len(), "other", "others");
            items.push((names, others.iter().map(|(_, time)| time).sum::<f64>() / all, Role::OTHER));
        }
        let worked: f64 = items.iter().map(|(_, share, _)| share).sum();
        items.push(("idle".into(), (1.0 - worked).max(0.0), Role::Idle));

        let (mut x, mut y) = (self.side, top);
        let end = self.layout.width() - self.side;
        for (name, share, role) in items {
            let share = number::percent(share);
            let name = text::cut(&name, SMALL, false, end - self.side - 70.0);
            let words = format!("{name} {share}");
            let width = 16.0 + text::width(&words, SMALL, false);
            if x > self.side && x + width > end {
                x = self.side;
                y += 18.0;
            }
            self.canvas.shape(&format!("M{} {}h10v10h-10z", short(x), short(y - 5.0)), &role.fill());
            self.canvas.text(&words, (x + 16.0, y), SMALL, false, Role::Ink, "start");
            x += width + 18.0;
        }
        y + 9.0 + self.side
    }
}

/// Spreads the pieces of a row over its cells.
fn raster(pieces: &[Piece], names: &[(String, f64)], start: f64, wall: f64, count: usize) -> Vec<Cell> {
    let numbers: BTreeMap<&str, usize> =
        names.iter().enumerate().map(|(i, (name, _))| (name.as_str(), i.min(ROLES.len()))).collect();
    let mut cells = vec![Cell::default(); count];
    let scale = count as f64 / wall;
    for piece in pieces {
        let number = numbers[piece.name];
        let (from, to) = ((piece.start - start) * scale, (piece.end - start) * scale);
        let last = (to.ceil() as usize).min(count);
        for (i, cell) in cells.iter_mut().enumerate().take(last).skip(from as usize) {
            let share = to.min(i as f64 + 1.0) - from.max(i as f64);
            match cell.by_name.iter_mut().find(|(other, _)| *other == number) {
                Some((_, sum)) => *sum += share,
                None => cell.by_name.push((number, share)),
            }
        }
    }
    cells
}

/// Neighbours that look the same become one piece, pieces that look the same one path: the keys are name and quarters.
fn runs(cells: &[Cell], left: f64, width: f64, y: f64, height: f64) -> BTreeMap<(usize, u8), String> {
    let mut paths: BTreeMap<(usize, u8), String> = BTreeMap::new();
    let mut from = 0;
    for run in cells.chunk_by(|a, b| a.look() == b.look()) {
        if let Some(look) = run[0].look() {
            let length = short(run.len() as f64 * width);
            let x = short(left + from as f64 * width);
            write!(paths.entry(look).or_default(), "M{x} {}h{length}v{height}h-{length}z", short(y))
                .expect("a string takes everything");
        }
        from += run.len();
    }
    paths
}

#[cfg(test)]
mod tests {
    use lab::trace::file::{CRITICAL, CRITICAL_PATH, Event};

    use super::*;
    use crate::results::Subject;

    fn slice(name: &str, start_us: f64, end_us: f64, depth: usize) -> Slice {
        Slice { name: name.into(), start_us, end_us, depth }
    }

    fn row(thread: &str, slices: Vec<Slice>) -> Row {
        Row { process: "merge_sort".into(), thread: thread.into(), slices }
    }

    #[test]
    fn a_span_within_a_span_takes_the_time_from_it() {
        let row = row("main", vec![slice("outer", 0.0, 10.0, 0), slice("inner", 2.0, 5.0, 1)]);
        let pieces: Vec<_> = row.pieces().iter().map(|p| (p.start, p.end, p.name)).collect();
        assert_eq!(pieces, [(0.0, 2.0, "outer"), (2.0, 5.0, "inner"), (5.0, 10.0, "outer")]);
    }

    #[test]
    fn the_accounting_adds_up() {
        let timeline = Timeline {
            rows: vec![
                row("a", vec![slice("sort", 100.0, 160.0, 0), slice("merge", 160.0, 200.0, 0)]),
                row(
                    "b",
                    vec![slice("sort", 110.0, 150.0, 0), slice("broken", f64::NAN, 180.0, 0), slice("empty", 120.0, 120.0, 0)],
                ),
            ],
        };
        let summary = Summary::new(&timeline).expect("spans");
        assert_eq!((summary.wall_us, summary.busy_us.clone()), (100.0, vec![100.0, 40.0]));
        assert_eq!(summary.names, [("sort".to_owned(), 100.0), ("merge".to_owned(), 40.0)]);
        assert_eq!(summary.at_work_us, [0.0, 60.0, 40.0]);
        assert_eq!(summary.longest_alone, Some((50.0, "merge".to_owned())));
        assert_eq!(summary.mean_at_work(), 1.4);
    }

    #[test]
    fn rows_of_a_trace_file_can_be_told_apart() {
        let span = |pid, tid| [("B", 10.0), ("E", 30.0)].map(|(ph, ts)| Event::new(ph, "task", pid, tid, ts));
        let names = [Event::process_name(1, "pool"), Event::process_name(2, "worker"), Event::process_name(3, "worker")];
        let threads = [Event::thread_name(1, 1, "main")];
        let events = [(1, 1), (1, 2), (2, 1), (3, 1), (4, 1)].into_iter().flat_map(|(pid, tid)| span(pid, tid));
        let trace = Trace { events: names.into_iter().chain(threads).chain(events).collect(), ..Trace::default() };
        let timeline = Timeline::from(&trace);
        let rows: Vec<_> = timeline.rows.iter().map(|row| (row.process.as_str(), row.thread.as_str())).collect();
        let workers = [("worker 2", "thread 1"), ("worker 3", "thread 1"), ("process 4", "thread 1")];
        assert_eq!(rows[..2], [("pool", "main"), ("pool", "thread 2")]);
        assert_eq!(rows[2..], workers);
        assert_eq!(timeline.rows[0].slices, [slice("task", 10.0, 30.0, 0)]);
    }

    #[test]
    fn the_critical_path_is_no_thread() {
        let span = |tid, name| {
            let mut events = [("B", 10.0), ("E", 30.0)].map(|(ph, ts)| Event::new(ph, name, 1, tid, ts));
            events[0].args.insert(CRITICAL.into(), true.into());
            events
        };
        let names = [
            Event::thread_name(1, 1, "worker"),
            Event::thread_name(1, 2, CRITICAL_PATH),
            Event::thread_name(1, 3, CRITICAL_PATH),
        ];
        let mut events: Vec<Event> =
            names.into_iter().chain(span(1, "merge")).chain(span(2, "merge")).chain(span(3, "work")).collect();
        // A thread that a learner calls so is one still.
        events.retain(|event| event.tid != 3 || event.ph != "B");
        events.push(Event::new("B", "work", 1, 3, 10.0));
        let timeline = Timeline::from(&Trace { events, ..Trace::default() });
        assert_eq!(timeline.rows.iter().map(|row| row.thread.as_str()).collect::<Vec<_>>(), ["worker", CRITICAL_PATH]);
        assert_eq!(timeline.rows[1].slices[0].name, "work");
    }

    #[test]
    fn who_waits_is_idle() {
        let event = |ph, name, ts| Event::new(ph, name, 1, 1, ts);
        let mut waits = event("B", "dispatch", 0.0);
        waits.args.insert("waits".into(), true.into());
        let events = [waits, event("B", "frame", 1.0), event("E", "frame", 3.0), event("E", "dispatch", 90.0)];
        let slices =
            |events: &[Event]| Timeline::from(&Trace { events: events.to_vec(), ..Trace::default() }).rows[0].slices.clone();
        assert_eq!(slices(&events), [slice("frame", 1.0, 3.0, 0)]);
        // The same where the wait lies in a span of work.
        let around = [&[event("B", "task", 0.0)], &events[..], &[event("E", "task", 92.0)]].concat();
        assert_eq!(slices(&around), [slice("frame", 1.0, 3.0, 0), slice("task", 90.0, 92.0, 0)]);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(Summary::new(&Timeline::default()), None);
        let only_moments = Timeline { rows: vec![row("a", vec![slice("x", 5.0, 5.0, 0)])] };
        let trace = TraceResult { file: "a.json".into(), subject: Subject::Yours, threads: 2, losses: None, critical_path: None };
        assert_eq!(draw("threads/spin_lock", &trace, &only_moments, Layout::Wide), None);
    }
}
