//! The stepper of a failing execution: what is on the screen at a step, and what a key does.
//!
//! It shows no step that is still to come: whoever steps through can think first about what comes next.

use std::path::PathBuf;

use lab::finding::{Failure, StepTold};

use super::source::Sources;
use crate::{
    chart::text::legal,
    screen::{
        full::{Key, Line, Look, Program, Span},
        wrapped,
    },
};

/// From this width on the source stands beside the steps, else below them.
const BESIDE: usize = 100;
/// As wide as what stands before a step: a mark, its number.
const NUMBERS: usize = 6;
const KEYS: &str = "right space n j: next   left p k: back   Home g: first   End G: last   q Esc: quit";
const KEYS_IN_SHORT: &str = "right n: next   left p: back   Home g: first   End G: last   q Esc: quit";

/// A failing execution, and the step that is looked at.
#[derive(Debug)]
pub struct Replay<'a> {
    failure: &'a Failure,
    /// From 0.
    at: usize,
    sources: Sources,
    changed: bool,
}

impl Program for Replay<'_> {
    fn press(&mut self, key: Key) -> bool {
        let last = self.failure.steps.len().saturating_sub(1);
        match key {
            Key::Right | Key::Char(' ' | 'n' | 'j') => self.at = (self.at + 1).min(last),
            Key::Left | Key::Char('p' | 'k') => self.at = self.at.saturating_sub(1),
            Key::Home | Key::Char('g') => self.at = 0,
            Key::End | Key::Char('G') => self.at = last,
            Key::Escape | Key::Char('q') => return false,
            Key::Char(_) => {}
        }
        true
    }

    fn draw(&mut self, columns: usize, rows: usize) -> Vec<Line> {
        let head = self.head(columns, if rows < 36 { 5 } else { 9 });
        let threads = self.threads();
        let keys = if KEYS.len() <= columns { KEYS } else { KEYS_IN_SHORT };
        // Two rules and the keys.
        let body = rows.saturating_sub(head.len() + threads.len() + 3);
        let body = if columns < BESIDE { self.stacked(columns, body) } else { self.side_by_side(columns, body) };
        let foot = threads.into_iter().chain([vec![span(Look::Faint, keys)]]);
        let rule = || [vec![span(Look::Faint, "\u{2500}".repeat(columns))]];
        let mut lines: Vec<Line> = head.into_iter().chain(rule()).chain(body).chain(rule()).chain(foot).collect();
        // Of a screen that is too small, the end: where the threads are, and the keys.
        lines.drain(..lines.len().saturating_sub(rows));
        lines.into_iter().map(|line| fitted(line, columns)).collect()
    }
}

impl<'a> Replay<'a> {
    /// At the first step. `root` is the workspace's folder, `changed` whether its files are others than those that failed.
    pub fn new(failure: &'a Failure, root: PathBuf, changed: bool) -> Self {
        Self { failure, at: 0, sources: Sources::new(root), changed }
    }

    fn step(&self) -> Option<&'a StepTold> {
        self.failure.steps.get(self.at)
    }

    /// The steps until now.
    fn so_far(&self) -> &'a [StepTold] {
        self.failure.steps.get(..=self.at).unwrap_or_default()
    }

    /// What failed, in at most so many lines below the first.
    fn head(&self, columns: usize, most: usize) -> Vec<Line> {
        let mut sentences = self.failure.sentences().into_iter();
        let title = sentences.next().unwrap_or_default();
        let count = format!("step {} of {}", self.at + 1, self.failure.steps.len());
        let room = columns.saturating_sub(count.len() + 2);
        let mut lines = vec![vec![span(Look::Wrong, padded(&title, room)), span(Look::Strong, format!("  {count}"))]];
        if self.changed {
            lines.push(vec![span(Look::Wrong, "The files have changed since this check: lines may have moved.")]);
        }
        let first = lines.len();
        for sentence in sentences {
            let look = if sentence.starts_with("Repair: ") { Look::Mending } else { Look::Plain };
            let told = wrapped(&sentence, columns).into_iter().map(|line| vec![span(look, line)]);
            let so_far = lines.len();
            lines.extend(told);
            // What does not fit is left out as a whole, but never what happened.
            if lines.len() - first > most {
                lines.truncate(so_far.max(first + 1));
                if so_far == first {
                    lines.extend(
                        wrapped(&sentence, columns).into_iter().skip(1).take(most - 1).map(|line| vec![span(look, line)]),
                    );
                }
                break;
            }
        }
        lines
    }

    fn side_by_side(&mut self, columns: usize, rows: usize) -> Vec<Line> {
        let left = columns * 11 / 20;
        let (mut steps, mut source) = (self.steps(left - 1, rows).into_iter(), self.source(columns - left - 2, rows).into_iter());
        let row = |_| {
            let mut line = fitted(steps.next().unwrap_or_default(), left - 1);
            line.push(span(Look::Faint, "\u{2502} "));
            line.extend(source.next().unwrap_or_default());
            line
        };
        (0..rows).map(row).collect()
    }

    fn stacked(&mut self, columns: usize, rows: usize) -> Vec<Line> {
        let above = rows.div_ceil(2);
        let mut lines = self.steps(columns, above);
        lines.resize(above, Line::new());
        lines.extend(self.source(columns, rows - above));
        lines.resize(rows, Line::new());
        lines
    }

    /// The last steps until now, each in its thread's column.
    fn steps(&self, columns: usize, rows: usize) -> Vec<Line> {
        let width = columns.saturating_sub(NUMBERS);
        let threads = self.failure.threads.clamp(1, 8);
        let indent = width.saturating_sub(36) / threads.saturating_sub(1).max(1);
        let heads: String = (0..threads).map(|thread| padded(&format!("T{thread}"), indent.max(3))).collect();
        let from = self.step().and_then(|step| step.reads_from);
        let mut lines: Vec<Line> = Vec::new();
        for step in self.so_far() {
            let here = self.step().is_some_and(|now| std::ptr::eq(now, step));
            let (mark, look) = match step {
                _ if here => ('>', Look::Here),
                _ if Some(step.step) == from => ('*', Look::Strong),
                _ if !step.note.is_empty() => (' ', Look::Strong),
                _ => (' ', Look::Plain),
            };
            let mut cell = format!("{}{}", " ".repeat(step.thread.min(8) * indent), step.brief());
            let note = format!(" <- {}", step.note);
            if !here && !step.note.is_empty() && cell.chars().count() + note.chars().count() <= width {
                cell.push_str(&note);
            }
            lines.push(vec![span(look, padded(&format!("{mark}{:>3}  {}", step.step, cut(&cell, width)), columns))]);
            if here {
                let remarks = remarks(step).into_iter().flat_map(|(look, text)| {
                    wrapped(&text, width).into_iter().map(move |text| vec![span(look, format!("{}{text}", " ".repeat(NUMBERS)))])
                });
                // The step itself stays in view.
                lines.extend(remarks.take(rows.saturating_sub(2)));
            }
        }
        let hidden = (lines.len() + 1).saturating_sub(rows);
        lines.drain(..hidden.min(lines.len()));
        lines.insert(0, vec![span(Look::Strong, cut(format!("step  {heads}").trim_end(), columns))]);
        lines
    }

    /// The source around the line of the step.
    fn source(&mut self, columns: usize, rows: usize) -> Vec<Line> {
        let Some(StepTold { file, line, .. }) = self.step() else { return Vec::new() };
        let (file, line) = (file.clone(), *line as usize);
        let mut lines = vec![vec![span(Look::Strong, cut_at_start(&format!("{file}:{line}"), columns))]];
        let Some(source) = self.sources.lines(&file).filter(|source| (1..=source.len()).contains(&line)) else {
            lines.push(vec![span(Look::Faint, "source not found")]);
            return lines;
        };
        let room = rows.saturating_sub(1);
        let first = line.saturating_sub(room / 2 + 1).min(source.len().saturating_sub(room));
        let number = source.len().to_string().len();
        for (i, text) in source.iter().enumerate().skip(first).take(room) {
            let here = i + 1 == line;
            let (mark, look) = if here { ('>', Look::Here) } else { (' ', Look::Plain) };
            lines.push(vec![span(look, padded(&format!("{mark}{:>number$}  {text}", i + 1), columns))]);
        }
        lines
    }

    /// Where each thread is now.
    fn threads(&self) -> Vec<Line> {
        let all = self.failure.threads.clamp(1, 8);
        (0..all).map(|thread| self.thread(thread)).collect()
    }

    fn thread(&self, thread: usize) -> Line {
        let own = |steps: &'a [StepTold]| steps.iter().filter(move |step| step.thread == thread);
        let more = self.failure.steps.get(self.at + 1..).is_some_and(|rest| own(rest).next().is_some());
        let mut line = vec![span(Look::Strong, format!("T{thread}  "))];
        match own(self.so_far()).next_back() {
            None => line.push(span(Look::Faint, "not begun")),
            Some(step) if !self.is_over(step) => {
                line.push(span(Look::Wrong, format!("stands at {} in {}", step.place(), step.call())));
                if let Some(other) = step.waits_for {
                    line.push(span(Look::Wrong, format!(", waits for T{other}")));
                }
            }
            Some(step) => {
                line.push(span(Look::Plain, format!("at {} {}", step.place(), step.call())));
                if !more {
                    line.push(span(Look::Faint, ", its last step"));
                }
            }
        }
        let held = self.held(thread);
        if !held.is_empty() {
            line.push(span(Look::Plain, format!("; holds {}", held.join(", "))));
        }
        line
    }

    /// The locks that a thread holds by now, and since when: `from since lib.rs:12`.
    fn held(&self, thread: usize) -> Vec<String> {
        let sleeps_on = |name: &str| self.failure.objects.iter().any(|object| object.name == name && object.kind == "Condvar");
        let (mut held, mut put_down): (Vec<&StepTold>, Option<&StepTold>) = (Vec::new(), None);
        for step in self.so_far().iter().filter(|step| step.thread == thread) {
            let got = self.is_over(step) && !["false", "None", "Err", "WouldBlock"].contains(&step.value.as_str());
            match step.operation.as_str() {
                "lock" | "read" | "write" | "try_lock" | "try_read" | "try_write" if got => held.push(step),
                "unlock" | "end read" | "end write" => held.retain(|lock| lock.object != step.object),
                // Which lock sleeps with a condvar is not told: the last one, as a rule.
                "wait" if sleeps_on(&step.object) => put_down = held.pop(),
                "wake" if got => held.extend(put_down.take()),
                _ => {}
            }
        }
        held.iter().map(|lock| format!("{} since {}", lock.object, lock.place())).collect()
    }

    /// Whether a step that has begun is over by now: what had to wait is over with the step that let it go on.
    fn is_over(&self, step: &StepTold) -> bool {
        let now = self.step().map_or(0, |step| step.step);
        step.finished && step.reads_from.is_none_or(|from| from <= now)
    }
}

/// What is said of the current step.
fn remarks(step: &StepTold) -> Vec<(Look, String)> {
    let read = step.reads_from.map(|from| match step.synchronises {
        true => (Look::Plain, format!("* comes after step {from}, and so does all that follows")),
        false => (Look::Wrong, format!("* reads from step {from}, but is not ordered after what came before that")),
    });
    let stale = step.stale.then(|| (Look::Wrong, "an older value than the newest: its ordering allows that".to_owned()));
    let waits = step.waits_for.map(|thread| (Look::Wrong, format!("waits for T{thread}")));
    let note = (!step.note.is_empty()).then(|| (Look::Wrong, step.note.clone()));
    [read, stale, waits, note].into_iter().flatten().collect()
}

fn span(look: Look, text: impl Into<String>) -> Span {
    Span { text: text.into().chars().map(legal).collect(), look }
}

/// With spaces up to a width, or cut to it.
fn padded(text: &str, width: usize) -> String {
    format!("{:width$}", cut(text, width))
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['\u{2026}']).take(width).collect()
}

/// Of a path the end tells more than the beginning.
fn cut_at_start(text: &str, width: usize) -> String {
    let hidden = text.chars().count().saturating_sub(width);
    if hidden == 0 { text.to_owned() } else { ['\u{2026}'].into_iter().chain(text.chars().skip(hidden + 1)).collect() }
}

/// A line of exactly so many characters.
fn fitted(line: Line, width: usize) -> Line {
    let mut room = width;
    let mut fitted = Line::new();
    for Span { text, look } in line {
        let text = cut(&text, room);
        room -= text.chars().count();
        fitted.push(Span { text, look });
    }
    fitted.push(span(Look::Plain, " ".repeat(room)));
    fitted
}
