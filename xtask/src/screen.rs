//! Everything that is printed goes through here: findings to standard output, progress to standard error.

pub mod full;

use std::{
    collections::BTreeMap,
    fmt::Display,
    fs,
    io::{IsTerminal, Write},
    path::PathBuf,
    sync::OnceLock,
    time::Instant,
};

use crate::results::Verdict;

static COLOUR: OnceLock<bool> = OnceLock::new();
static QUIET: OnceLock<bool> = OnceLock::new();

/// Colour only on a terminal, and not where the user asks for none (<https://no-color.org>).
fn colour() -> bool {
    *COLOUR.get_or_init(|| std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
}

/// From now on standard output belongs to a program that reads JSON: findings are not printed.
pub fn only_json() {
    let _already = QUIET.set(true);
}

/// Prints one line of a finding.
pub fn say(line: impl Display) {
    if QUIET.get() != Some(&true) {
        print(&format!("{line}\n"));
    }
}

/// Prints what a program may read.
pub fn json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => print(&format!("{text}\n")),
        Err(error) => warn(format!("cannot write JSON: {error}")),
    }
}

fn print(text: &str) {
    // A reader that went away (`| head`) is no fault of ours, and no reason to panic.
    let _gone = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Prints a line that is no finding: a warning, a word on progress.
pub fn warn(line: impl Display) {
    let _gone = writeln!(std::io::stderr().lock(), "{line}");
}

/// Bold on a terminal.
pub fn bold(text: impl Display) -> String {
    painted("1", text)
}

/// Faint on a terminal.
pub fn faint(text: impl Display) -> String {
    painted("2", text)
}

/// The verdict's word in its colour, padded to `width`.
pub fn verdict(verdict: Verdict, width: usize) -> String {
    let code = match verdict {
        Verdict::Pass => "32",
        Verdict::Fail => "31",
        Verdict::NotMeasurable => "33",
        Verdict::Error => "35",
    };
    painted(code, format!("{verdict:width$}"))
}

/// In the colour of what went wrong, and bold, on a terminal.
pub fn wrong(text: impl Display) -> String {
    painted("1;31", text)
}

/// In the colour of what mends it, on a terminal.
pub fn mending(text: impl Display) -> String {
    painted("32", text)
}

fn painted(code: &str, text: impl Display) -> String {
    if colour() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
}

/// Lines of cells, each column as wide as its widest cell; on a terminal the last cell of a row goes on below itself.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let indent: usize = widths.iter().take(columns.saturating_sub(1)).map(|wide| wide + 2).sum();
    // Less than this is no column to read in.
    let room = terminal_width().map_or(usize::MAX, |wide| wide.saturating_sub(indent)).max(20);
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            if column + 1 == columns {
                wrapped(cell, room).join(&format!("\n{}", " ".repeat(indent)))
            } else {
                format!("{cell}{}", " ".repeat(widths[column] - width(cell)))
            }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// The text in lines of at most `room` characters, broken between words.
pub fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| width(line));
        match lines.last_mut() {
            Some(line) if last == 0 => line.push_str(word),
            Some(line) if last + 1 + width(word) <= room => line.push_str(&format!(" {word}")),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Columns of the terminal, if standard output is one that tells.
pub fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Characters on the screen: colours take none.
fn width(cell: &str) -> usize {
    crate::build::without_colour(cell).chars().count()
}

/// A duration as a person says it: `0.8 s`, `12 s`, `3 min 5 s`.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 100.0 => format!("{s:.0} s"),
        s => format!("{} min {} s", (s / 60.0).floor(), (s % 60.0).floor()),
    }
}

/// A long job in named steps: says which step runs and how long the rest will take, by what the steps took the last time.
#[derive(Debug)]
pub struct Progress {
    memory: PathBuf,
    known: BTreeMap<String, f64>,
    steps: Vec<String>,
    next: usize,
    running: Option<(String, Instant)>,
}

impl Progress {
    /// A job of these steps; what they take is remembered below `scratch`.
    pub fn new(scratch: &std::path::Path, steps: Vec<String>) -> Self {
        let memory = scratch.join("durations.json");
        // Without a memory there is no estimate, and nothing else is lost.
        let known = fs::read(&memory).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Self { memory, known, steps, next: 0, running: None }
    }

    /// The next step begins.
    pub fn step(&mut self) {
        self.end_step();
        let Some(step) = self.steps.get(self.next).cloned() else { return };
        status(&format!("[{}/{}] {step}{}", self.next + 1, self.steps.len(), self.left(self.next, 0.0)));
        self.next += 1;
        self.running = Some((step, Instant::now()));
    }

    /// The running step broke off, and the next `count` are not made: how long that took tells nothing about another time.
    pub fn skip(&mut self, count: usize) {
        self.running = None;
        self.next = self.next.saturating_add(count).min(self.steps.len());
    }

    /// What the running step does just now: for somebody who looks on, not for a log.
    pub fn detail(&self, text: &str) {
        if let Some((_, began)) = self.running.as_ref().filter(|_| std::io::stderr().is_terminal()) {
            let left = self.left(self.next - 1, began.elapsed().as_secs_f64());
            status(&format!("[{}/{}] {text}{left}", self.next, self.steps.len()));
        }
    }

    /// How long the steps from `first` on will take, of which `gone` seconds are over; nothing where one of them is new.
    fn left(&self, first: usize, gone: f64) -> String {
        let all: Option<f64> = self.steps[first..].iter().map(|step| self.known.get(step)).sum();
        all.map(|all| format!(", about {} left", seconds((all - gone).max(0.0)))).unwrap_or_default()
    }

    fn end_step(&mut self) {
        if let Some((step, began)) = self.running.take() {
            self.known.insert(step, began.elapsed().as_secs_f64());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end_step();
        status_over();
        if let Ok(text) = serde_json::to_vec(&self.known) {
            // Only an estimate is lost where it cannot be written.
            let _lost = crate::results::write_whole(&self.memory, &text);
        }
    }
}

/// Says what goes on now: written over on a terminal, a line elsewhere.
pub fn status(text: &str) {
    if std::io::stderr().is_terminal() {
        let _gone = write!(std::io::stderr().lock(), "\r\u{1b}[K{}", faint(text));
    } else {
        warn(text);
    }
}

/// Takes the line of [`status`] away.
pub fn status_over() {
    if std::io::stderr().is_terminal() {
        let _gone = write!(std::io::stderr().lock(), "\r\u{1b}[K");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["long".to_owned(), String::new()]];
        assert_eq!(table(&rows), ["a     b", "long"]);
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("indivisible word", 4), ["indivisible", "word"]);
    }
}
