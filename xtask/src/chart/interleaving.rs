//! A failing execution of a model: a lane for each thread, a row for each step, time downwards, and arrows from the step
//! that a value was read from to the step that read it.
//!
//! The lanes stand side by side at the left and the words at the right, so that an arrow never crosses a word: an arrow
//! runs along its source's row, where no other thread has a step, and down the gap beside its target's lane.

use std::fmt::Write;

use lab::finding::{Failure, Row, StepTold};

use super::{
    Chart, Layout,
    canvas::{Canvas, short},
    colour::Role,
    text,
};

/// A model has at most five threads; what is more than this was made up.
const MOST_THREADS: usize = 8;
/// The last rows that are drawn; the checker's own executions have fewer.
const MOST_ROWS: usize = 80;
/// Lines of a title or of a sentence below it.
const MOST_LINES: usize = 3;
/// Characters of one text; whatever is longer was made up.
const MOST_LETTERS: usize = 1_000;
const SMALL: f64 = 11.0;
/// From one line of words to the next.
const LINE: f64 = 14.0;
/// Above and below the words of a row.
const PAD: f64 = 4.0;
/// Of a row that says who waits for whom.
const WAIT: f64 = 18.0;
/// Of a step's dot.
const RADIUS: f64 = 4.0;
/// What a string takes is never refused.
const TAKES: &str = "a string takes everything";

/// The colours of threads; [`Role::YOURS`] is kept for what went wrong.
const THREADS: [Role; 5] = [Role::REFERENCE, Role::Series(2), Role::Series(3), Role::Series(5), Role::OTHER];

/// Draws the failing execution; `None` where there is none, or no picture could hold its threads.
pub fn draw(failure: &Failure, layout: Layout) -> Option<Chart> {
    let lanes = failure.steps.iter().flat_map(|step| [Some(step.thread), step.waits_for]).flatten().max()?.checked_add(1)?;
    if !failure.has_execution() || lanes.max(failure.threads) > MOST_THREADS {
        return None;
    }
    let finding = capital(short_of(failure.sentences().first()?));
    let rows = last_rows(failure);
    let picture = Picture::new(failure, &rows, lanes, layout);
    let description = description(failure, &rows);
    let (body, height) = picture.draw(&finding, first_sentence(short_of(&failure.message)));
    Some(Chart { finding, description, layout, height, scale: 1.0, body })
}

/// The rows that are drawn: the last ones of a record that was made up, all of any other.
fn last_rows(failure: &Failure) -> Vec<Row<'_>> {
    let mut rows = failure.rows();
    let hidden = rows.len().saturating_sub(MOST_ROWS);
    if hidden > 0 {
        rows.splice(..=hidden, [Row::Gap(format!("{} earlier rows", hidden + 1))]);
    }
    rows
}

/// The text itself, or its beginning.
fn short_of(text: &str) -> &str {
    text.char_indices().nth(MOST_LETTERS).map_or(text, |(end, _)| &text[..end])
}

/// Lines of at most `room` pixels, at most `most` of them; an ellipsis says that there was more.
fn few_lines(text: &str, size: f64, bold: bool, room: f64, most: usize) -> Vec<String> {
    let mut lines = text::wrap(short_of(text), size, bold, room);
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = text::cut(&format!("{last} \u{2026}"), size, bold, room);
        }
    }
    lines
}

/// The picture in words, for those who cannot see it.
fn description(failure: &Failure, rows: &[Row<'_>]) -> String {
    let mut text = short_of(&failure.message).to_owned();
    for row in rows {
        match row {
            Row::Gap(what) => write!(text, " ({what})").expect(TAKES),
            Row::Step(step) => {
                write!(text, " {}. T{}: {}", step.step, step.thread, short_of(&step.brief())).expect(TAKES);
                if let Some(from) = step.reads_from {
                    let order = if step.synchronises { "and is ordered after it" } else { "and is not ordered after it" };
                    write!(text, ", reads from step {from} {order}").expect(TAKES);
                }
                for remark in remarks(step) {
                    write!(text, ", {}", short_of(&remark)).expect(TAKES);
                }
                text.push('.');
            }
        }
    }
    text
}

/// What is said below a step.
fn remarks(step: &StepTold) -> Vec<String> {
    let waits = step.waits_for.map(|thread| format!("waits for T{thread}"));
    waits.into_iter().chain((!step.note.is_empty()).then(|| step.note.clone())).collect()
}

fn first_sentence(message: &str) -> &str {
    let line = message.lines().next().unwrap_or_default();
    line.find(". ").map_or(line, |end| &line[..=end])
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A line of words in a row.
struct Words {
    text: String,
    bold: bool,
    role: Role,
}

/// A row and where it stands.
struct Placed<'a> {
    row: &'a Row<'a>,
    words: Vec<Words>,
    top: f64,
    height: f64,
}

impl Placed<'_> {
    /// Half-way up its first line, where its dot is.
    fn middle(&self) -> f64 {
        self.top + PAD + LINE / 2.0
    }

    fn step(&self) -> Option<&StepTold> {
        if let Row::Step(step) = self.row { Some(step) } else { None }
    }
}

struct Picture<'a> {
    failure: &'a Failure,
    rows: &'a [Row<'a>],
    lanes: usize,
    layout: Layout,
    side: f64,
    /// Where step numbers end, where the first lane is, and how far apart lanes are.
    numbers: f64,
    first: f64,
    spacing: f64,
    /// Where words begin and where they end, and where places begin.
    left: f64,
    right: f64,
    /// How much further to the right the words of each thread begin.
    indent: f64,
    canvas: Canvas,
}

impl<'a> Picture<'a> {
    fn new(failure: &'a Failure, rows: &'a [Row<'a>], lanes: usize, layout: Layout) -> Self {
        let (side, widest, gap): (f64, f64, f64) = if layout == Layout::Wide { (20.0, 46.0, 20.0) } else { (12.0, 26.0, 12.0) };
        let steps = || rows.iter().filter_map(|row| if let Row::Step(step) = row { Some(*step) } else { None });
        let widest_of =
            |texts: &mut dyn Iterator<Item = String>| texts.map(|t| text::width(&t, SMALL, false)).fold(0.0, f64::max);
        let numbers = side + widest_of(&mut steps().map(|step| step.step.to_string())).max(text::width("step", SMALL, false));
        let first = numbers + gap;
        let spacing = widest.min(widest * 4.0 / lanes as f64).max(20.0);
        let left = first + spacing * (lanes - 1) as f64 + 1.6 * gap;
        let end = layout.width() - side;
        let places = widest_of(&mut steps().map(StepTold::place)).min(layout.width() / 4.0);
        let right = if layout == Layout::Wide { end - places - 12.0 } else { end };
        Self { failure, rows, lanes, layout, side, numbers, first, spacing, left, right, indent: 0.0, canvas: Canvas::default() }
    }

    fn draw(mut self, finding: &str, cause: &str) -> (String, f64) {
        let room = self.layout.width() - 2.0 * self.side;
        let title_size = if self.layout == Layout::Wide { 16.0 } else { 14.0 };
        let mut y = self.side + title_size / 2.0;
        for line in few_lines(finding, title_size, true, room, MOST_LINES) {
            self.canvas.text(&line, (self.side, y), title_size, true, Role::Ink, "start");
            y += title_size + 5.0;
        }
        y += 1.0;
        for line in few_lines(cause, SMALL, false, room, MOST_LINES) {
            self.canvas.text(&line, (self.side, y), SMALL, false, Role::Muted, "start");
            y += 15.0;
        }
        y += 13.0;
        let placed = self.place(y + 14.0);
        self.indent = self.room_to_indent(&placed);
        self.head(y);
        let bottom = placed.last().map_or(y, |last| last.top + last.height);
        self.marks(&placed);
        let waiting = waiting(self.failure);
        let end = bottom + WAIT * waiting.len() as f64 + 16.0;
        self.threads(&placed, y + 9.0, end);
        self.arrows(&placed);
        self.waits(&waiting, bottom + WAIT / 2.0 + 4.0);
        for row in &placed {
            self.row(row);
        }
        let height = self.key(end + 20.0);
        (self.canvas.finish(), height)
    }

    /// Where a thread's lane is.
    fn lane(&self, thread: usize) -> f64 {
        self.first + self.spacing * thread as f64
    }

    /// Where the words of a thread begin.
    fn words(&self, thread: usize) -> f64 {
        self.left + self.indent * thread as f64
    }

    /// The words of each thread have a column of their own as far as there is room for that: they may run over the columns
    /// to the right, which are empty in that row.
    fn room_to_indent(&self, placed: &[Placed<'_>]) -> f64 {
        let spare = |row: &Placed<'_>| {
            let widest = row.words.iter().map(|words| text::width(&words.text, SMALL, words.bold)).fold(0.0, f64::max);
            let thread = row.step().map_or(0, |step| step.thread);
            (thread > 0).then(|| (self.right - self.left - widest) / thread as f64)
        };
        let indent = placed.iter().filter_map(spare).fold(140.0, f64::min);
        // Less than this is no column, but a ragged edge.
        if indent < 14.0 { 0.0 } else { indent }
    }

    fn head(&mut self, y: f64) {
        self.canvas.text("step", (self.numbers, y), SMALL, false, Role::Muted, "end");
        for thread in 0..self.lanes {
            self.canvas.text(&format!("T{thread}"), (self.lane(thread), y), SMALL, true, colour(thread), "middle");
            // Where each thread's words have a column, that is named too.
            if self.indent >= 30.0 {
                self.canvas.text(&format!("T{thread}"), (self.words(thread), y), SMALL, true, colour(thread), "start");
            }
        }
        if self.layout == Layout::Wide {
            self.canvas.text("where", (self.layout.width() - self.side, y), SMALL, false, Role::Muted, "end");
        }
    }

    /// Gives each row as many lines as its words take.
    fn place(&self, top: f64) -> Vec<Placed<'a>> {
        let mut top = top;
        let rows: &'a [Row<'a>] = self.rows;
        let placed = rows.iter().map(|row| {
            let words = match row {
                Row::Gap(what) => self.lines(what, false, Role::Muted),
                Row::Step(step) => self.of_step(step),
            };
            let height = 2.0 * PAD + LINE * words.len() as f64;
            let placed = Placed { row, words, top, height };
            top += height;
            placed
        });
        placed.collect()
    }

    fn of_step(&self, step: &StepTold) -> Vec<Words> {
        let marked = !step.note.is_empty();
        let mut words = self.lines(&step.brief(), marked, Role::Ink);
        // Who waits at the end has a row there.
        let waits = usize::from(!step.finished && step.waits_for.is_some());
        for remark in remarks(step).into_iter().skip(waits) {
            words.extend(self.lines(&remark, false, Role::YOURS));
        }
        if self.layout == Layout::Narrow {
            words.extend(self.lines(&step.place(), false, Role::Muted));
        }
        words
    }

    fn lines(&self, text: &str, bold: bool, role: Role) -> Vec<Words> {
        /// Whatever is longer than this is no value that a model should have.
        const MOST: usize = 4;
        let lines = few_lines(text, SMALL, bold, self.right - self.left, MOST);
        lines.into_iter().map(|text| Words { text, bold, role }).collect()
    }

    /// What lies behind the steps that matter.
    fn marks(&mut self, placed: &[Placed<'_>]) {
        let (left, right) = (self.side - 8.0, self.layout.width() - self.side + 8.0);
        for row in placed.iter().filter(|row| row.step().is_some_and(|step| !step.note.is_empty())) {
            let (top, height) = (short(row.top), short(row.height));
            let back = format!("M{} {top}H{}v{height}H{}z", short(left), short(right), short(left));
            self.canvas.shape(&back, &format!("{} fill-opacity=\"0.1\"", Role::YOURS.fill()));
            self.canvas.shape(&format!("M{} {top}h3v{height}h-3z", short(left)), &Role::YOURS.fill());
        }
    }

    /// Each thread's life, thick from its first step to its last, and open at the end where it stands.
    fn threads(&mut self, placed: &[Placed<'_>], top: f64, bottom: f64) {
        let dashed = "stroke-width=\"2.5\" stroke-dasharray=\"2 4\"";
        for thread in 0..self.lanes {
            let x = short(self.lane(thread));
            let line = |from: f64, to: f64| format!("M{x} {}V{}", short(from), short(to));
            self.canvas.shape(&line(top, bottom), &Role::Grid.stroke());
            let own = || placed.iter().filter(|row| row.step().is_some_and(|step| step.thread == thread));
            let (Some(first), Some(last)) = (own().next(), own().next_back()) else { continue };
            let cut = matches!(placed.first(), Some(Placed { row: Row::Gap(_), .. }));
            let begin = if cut { top } else { first.middle() };
            let paint = format!("{} stroke-width=\"2.5\"", colour(thread).stroke());
            let end = self.last_seen(last, placed);
            self.canvas.shape(&line(begin, end), &paint);
            if last.step().is_some_and(|step| !step.finished) {
                self.canvas.shape(&line(last.middle(), bottom), &format!("{} {dashed}", colour(thread).stroke()));
            }
        }
    }

    /// Where a thread's life ends whose last row that is: further down where it had to wait, or goes on in what is left out.
    fn last_seen(&self, last: &Placed<'_>, placed: &[Placed<'_>]) -> f64 {
        let Some(step) = last.step() else { return last.middle() };
        let goes_on = self.failure.steps.iter().any(|other| other.thread == step.thread && other.step > step.step);
        let gap = placed.iter().find(|row| row.top > last.top && row.step().is_none()).filter(|_| goes_on);
        let_go(step, placed).or(gap.map(Placed::middle)).unwrap_or(last.middle())
    }

    fn row(&mut self, placed: &Placed<'_>) {
        let mut y = placed.middle();
        let left = self.words(placed.step().map_or(0, |step| step.thread));
        if let Row::Step(step) = placed.row {
            let x = self.lane(step.thread);
            let leader = format!("M{} {}H{}", short(x), short(y), short(left - 6.0));
            self.canvas.shape(&leader, &format!("{} stroke-dasharray=\"1 3\"", Role::Guide.stroke()));
            self.dot(step, (x, y));
            self.canvas.text(&step.step.to_string(), (self.numbers, y), SMALL, false, Role::Muted, "end");
            if self.layout == Layout::Wide {
                let end = self.layout.width() - self.side;
                let place = text::cut(&step.place(), SMALL, false, end - self.right - 12.0);
                self.canvas.text(&place, (end, y), SMALL, false, Role::Muted, "end");
            }
        }
        for Words { text, bold, role } in &placed.words {
            self.canvas.text(text, (left, y), SMALL, *bold, *role, "start");
            y += LINE;
        }
    }

    /// Full where the step is over, hollow where its thread stands there; with a ring where it matters.
    fn dot(&mut self, step: &StepTold, (x, y): (f64, f64)) {
        if !step.note.is_empty() {
            self.canvas.shape(&disc(x, y, RADIUS + 3.5), &Role::Panel.fill());
            self.canvas.shape(&disc(x, y, RADIUS + 3.5), &format!("{} fill=\"none\" stroke-width=\"1.5\"", Role::YOURS.stroke()));
        }
        if step.finished {
            self.canvas.shape(&disc(x, y, RADIUS), &colour(step.thread).fill());
        } else {
            self.canvas.shape(&disc(x, y, RADIUS), &Role::Panel.fill());
            let paint = format!("{} fill=\"none\" stroke-width=\"2\"", colour(step.thread).stroke());
            self.canvas.shape(&disc(x, y, RADIUS), &paint);
        }
    }

    /// From each step to those of other threads that read its value or were let go on by it.
    fn arrows(&mut self, placed: &[Placed<'_>]) {
        let mut drawn = 0;
        for row in placed {
            let Some(step) = row.step() else { continue };
            let source = placed.iter().find(|from| from.step().is_some_and(|from| Some(from.step) == step.reads_from));
            let Some((source, from)) = source.and_then(|source| Some((source, source.step()?))) else { continue };
            if from.thread == step.thread {
                continue;
            }
            let end = source.middle().max(row.middle());
            let ring = if step.note.is_empty() || end > row.middle() { 0.0 } else { 3.5 };
            self.arrow((from.thread, source.middle()), (step.thread, end), ring, drawn, step.synchronises);
            drawn += 1;
        }
    }

    /// Along the source's row to the gap beside the target's lane, and down there.
    fn arrow(&mut self, (from, start): (usize, f64), (to, end): (usize, f64), ring: f64, number: usize, synchronises: bool) {
        let direction = if from < to { 1.0 } else { -1.0 };
        let target = self.lane(to) - direction * (RADIUS + 2.0 + ring);
        let beside = if from < to { self.lane(to - 1) } else { self.lane(to + 1) };
        // Arrows that share a gap do not hide each other.
        let shift = ((number % 3) as f64 - 1.0) * self.spacing / 10.0;
        let middle = (beside + self.lane(to)) / 2.0 + shift;
        let from = short(self.lane(from) + direction * RADIUS);
        let neck = short(target - direction * 5.0);
        let line = if end > start {
            let (beside, middle, start, end) = (short(beside + direction * RADIUS), short(middle), short(start), short(end));
            format!("M{from} {start}H{beside}C{middle} {start} {middle} {end} {neck} {end}")
        } else {
            format!("M{from} {}H{neck}", short(start))
        };
        let (role, dash) = if synchronises { (Role::Ink, "") } else { (Role::YOURS, " stroke-dasharray=\"4 3\"") };
        self.canvas.shape(&line, &format!("{} fill=\"none\" stroke-width=\"1.5\"{dash}", role.stroke()));
        self.canvas.shape(&head(target, end, direction), &role.fill());
    }

    /// Who waits for whom at the end, a row each.
    fn waits(&mut self, waiting: &[(usize, usize)], top: f64) {
        for (i, (from, to)) in waiting.iter().enumerate() {
            let y = top + WAIT * i as f64;
            let direction = if from < to { 1.0 } else { -1.0 };
            let (start, end) = (self.lane(*from), self.lane(*to) - direction * 3.0);
            let line = format!("M{} {}H{}", short(start), short(y), short(end - direction * 5.0));
            let paint = format!("{} stroke-width=\"1.5\" stroke-dasharray=\"1.5 2.5\"", Role::YOURS.stroke());
            self.canvas.shape(&line, &paint);
            self.canvas.shape(&head(end, y, direction), &Role::YOURS.fill());
            let words = text::cut(&format!("T{from} waits for T{to}"), SMALL, false, self.right - self.left);
            self.canvas.text(&words, (self.left, y), SMALL, false, Role::YOURS, "start");
        }
    }

    /// What the lines mean, of those that are there.
    fn key(&mut self, top: f64) -> f64 {
        let reads = |synchronises: bool| {
            self.failure.steps.iter().any(|step| step.reads_from.is_some() && step.synchronises == synchronises)
        };
        let stands = self.failure.steps.iter().any(|step| !step.finished);
        let solid = (Role::Ink, "", "reads from it, and is ordered after it");
        let dashed = (Role::YOURS, " stroke-dasharray=\"4 3\"", "reads from it, but is not ordered after it");
        let open = (Role::Muted, " stroke-dasharray=\"2 4\"", "still stands here");
        let items = [(reads(true), solid), (reads(false), dashed), (stands, open)];
        let (mut x, mut y) = (self.side, top);
        let end = self.layout.width() - self.side;
        for (role, dash, words) in items.into_iter().filter_map(|(there, item)| there.then_some(item)) {
            let width = 34.0 + text::width(words, SMALL, false);
            if x > self.side && x + width > end {
                x = self.side;
                y += 18.0;
            }
            let paint = format!("{} fill=\"none\" stroke-width=\"1.5\"{dash}", role.stroke());
            self.canvas.shape(&format!("M{} {}h22", short(x), short(y)), &paint);
            if role != Role::Muted {
                self.canvas.shape(&head(x + 27.0, y, 1.0), &role.fill());
            }
            self.canvas.text(words, (x + 34.0, y), SMALL, false, Role::Muted, "start");
            x += width + 20.0;
        }
        y + 6.0 + self.side
    }
}

/// Who waits for whom at the end.
fn waiting(failure: &Failure) -> Vec<(usize, usize)> {
    let open = failure.steps.iter().filter(|step| !step.finished);
    open.filter_map(|step| Some((step.thread, step.waits_for?)))
        .filter(|(thread, other)| thread != other)
        .take(MOST_THREADS)
        .collect()
}

/// Where a step that had to wait was let go on, if that is below it.
fn let_go(step: &StepTold, placed: &[Placed<'_>]) -> Option<f64> {
    let from = step.reads_from.filter(|from| *from > step.step)?;
    placed.iter().find(|row| row.step().is_some_and(|step| step.step == from)).map(Placed::middle)
}

fn colour(thread: usize) -> Role {
    THREADS[thread % THREADS.len()]
}

/// The head of an arrow that ends there, to the right (1) or to the left (-1).
fn head(x: f64, y: f64, direction: f64) -> String {
    format!("M{} {}l{} -3.5v7z", short(x), short(y), short(-7.0 * direction))
}

fn disc(x: f64, y: f64, radius: f64) -> String {
    let (left, top, r, across) = (short(x - radius), short(y), short(radius), short(2.0 * radius));
    format!("M{left} {top}a{r} {r} 0 1 0 {across} 0a{r} {r} 0 1 0 -{across} 0z")
}
