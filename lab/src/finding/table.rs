//! A failing execution as a table: a row a step, a column a thread.

use std::fmt::Write;

use super::{Failure, StepTold, place};

/// How many steps a table shows: the last ones.
const ROWS: usize = 40;

/// How often a group of steps must come again to be shown once.
const AGAIN: usize = 3;

/// The most threads that get a column: more are none that a model had.
const COLUMNS: usize = 8;

/// One row of what is shown of an execution.
#[derive(Debug, Clone, PartialEq)]
pub enum Row<'a> {
    /// A step.
    Step(&'a StepTold),
    /// What is left out.
    Gap(String),
}

/// The table and where its objects were made. Each thread's steps begin in a column of their own and may run over the columns
/// to the right, which are empty in that row.
pub(super) fn draw(failure: &Failure, width: usize) -> String {
    let rows = failure.rows();
    let steps = || rows.iter().filter_map(|row| if let Row::Step(step) = row { Some(*step) } else { None });
    let place_width = steps().map(|step| step.place().chars().count()).max().unwrap_or(0).max("where".len());
    let width = width.saturating_sub("step  ".len() + 2 + place_width).max(30);
    // At least 36 characters are left for the last thread, where there is room for that.
    let threads = failure.threads.clamp(1, COLUMNS);
    let indent = (width.saturating_sub(36) / threads.saturating_sub(1).max(1)).max(3);

    let mut head = vec![' '; width];
    for thread in 0..threads {
        for (offset, letter) in format!("T{thread}").chars().enumerate() {
            if let Some(place) = head.get_mut(thread * indent + offset) {
                *place = letter;
            }
        }
    }
    let head: String = head.into_iter().collect();
    let mut text = format!("step  {head}  where\n");
    for row in &rows {
        let _infallible = match row {
            Row::Gap(what) => writeln!(text, "  ..  {what}"),
            Row::Step(step) => {
                let mark = if step.note.is_empty() { ' ' } else { '>' };
                let (cell, note) = cell(step, step.thread.min(COLUMNS) * indent, width);
                let _infallible = writeln!(text, "{mark}{:>3}  {cell:<width$}  {}", step.step, step.place());
                note.map_or(Ok(()), |note| writeln!(text, "      {note}"))
            }
        };
    }
    let legend = legend(failure, &steps().collect::<Vec<_>>());
    if !legend.is_empty() {
        let _infallible = writeln!(text, "\n{}", wrapped(&legend, width + "step  ".len() + 2 + place_width));
    }
    text
}

/// What a step is, indented to its thread's column, with the thread that it waits for and the note where there is room. A note
/// that has none comes back for a line of its own.
fn cell(step: &StepTold, indent: usize, width: usize) -> (String, Option<String>) {
    let mut cell = format!("{}{}", " ".repeat(indent), step.brief());
    let length = |text: &str| text.chars().count();
    if let Some(waits) = step.waits_for.map(|thread| format!(" waits for T{thread}"))
        && length(&cell) + length(&waits) <= width
    {
        cell.push_str(&waits);
    }
    let mut below = None;
    if !step.note.is_empty() {
        let note = format!(" <- {}", step.note);
        if length(&cell) + length(&note) <= width {
            cell.push_str(&note);
        } else {
            below = Some(format!("{}{note}", " ".repeat(indent)));
        }
    }
    if length(&cell) > width {
        cell = cell.chars().take(width.saturating_sub(1)).chain(['\u{2026}']).collect();
    }
    (cell, below)
}

/// The last steps; of an execution that goes round and round, how it got there and one round.
pub(super) fn rows(steps: &[StepTold]) -> Vec<Row<'_>> {
    let gap = |hidden: usize, what: &str| (hidden > 0).then(|| Row::Gap(format!("{hidden} {what}")));
    if let Some((start, round)) = rounds(steps) {
        let before = &steps[..start];
        let hidden = before.len().saturating_sub(ROWS / 2);
        let times = (steps.len() - start) / round;
        let again = Row::Gap(format!("and so on: these {round} steps {times} times"));
        return gap(hidden, "earlier steps")
            .into_iter()
            .chain(before[hidden..].iter().map(Row::Step))
            .chain(steps[start..start + round].iter().map(Row::Step))
            .chain([again])
            .chain(steps[start + round..].iter().filter(|step| !step.finished).map(Row::Step))
            .collect();
    }
    let hidden = steps.len().saturating_sub(ROWS);
    gap(hidden, "earlier steps").into_iter().chain(steps[hidden..].iter().map(Row::Step)).collect()
}

/// Where the steps begin to repeat, and how many make one round; `None` if they do not, or only now and then.
fn rounds(steps: &[StepTold]) -> Option<(usize, usize)> {
    let same = |a: &StepTold, b: &StepTold| (a.thread, a.line, a.brief()) == (b.thread, b.line, b.brief());
    // Where each thread stands is no part of a round.
    let whole = steps.iter().rposition(|step| step.finished)? + 1;
    let steps = &steps[..whole];
    if whole <= ROWS {
        return None;
    }
    let comes_again = |round: &usize| (whole - AGAIN * round..whole - round).all(|at| same(&steps[at], &steps[at + round]));
    let round = (1..=ROWS / 2).take_while(|round| AGAIN * round <= whole).find(comes_again)?;
    let mut start = whole - AGAIN * round;
    while start > 0 && same(&steps[start - 1], &steps[start - 1 + round]) {
        start -= 1;
    }
    Some((start, round))
}

/// Where the objects of these steps were made.
fn legend(failure: &Failure, steps: &[&StepTold]) -> String {
    let used = |name: &str| steps.iter().any(|step| step.object == name);
    let made = failure.objects.iter().filter(|object| used(&object.name)).map(|object| {
        let article = if object.kind.starts_with(['A', 'O', 'U']) { "an" } else { "a" };
        format!("{}: {article} {} made at {}", object.name, object.kind, place(&object.file, object.line))
    });
    made.collect::<Vec<_>>().join("; ")
}

/// Broken at spaces, so that no line is wider than a table.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join("\n")
}
