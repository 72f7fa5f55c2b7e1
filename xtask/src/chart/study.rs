//! The charts of the noise study: who fails right programs, what became of every grading, and effective cores beside the truth.

use std::fmt::Write;

use super::{
    Chart, Layout,
    canvas::{Canvas, short},
    colour::Role,
    nice_step, number, text, trimmed,
};
use crate::{
    results::Verdict,
    study::{
        Load, Study,
        judge::{Count, percent},
        rules::Rule,
        work,
    },
};

const SMALL: f64 = 11.0;

/// From row to row, in pixels.
const ROW: f64 = 17.0;

/// Above the first row of a group.
const GAP: f64 = 8.0;

/// What a string takes is never refused.
const TAKES: &str = "a string takes everything";

/// A picture as far as it is drawn: title and second line stand, and the rest goes on below.
struct Sheet {
    canvas: Canvas,
    layout: Layout,
    side: f64,
    y: f64,
}

impl Sheet {
    fn new(finding: &str, below: &str, layout: Layout) -> Self {
        let side = if layout == Layout::Wide { 20.0 } else { 12.0 };
        let mut canvas = Canvas::default();
        let y = canvas.heading(finding, below, layout) + 8.0;
        Self { canvas, layout, side, y }
    }

    fn small(&mut self, words: &str, place: (f64, f64), role: Role, anchor: &str) {
        self.canvas.text(words, place, SMALL, false, role, anchor);
    }

    fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), role: Role, look: &str) {
        let d = format!("M{} {}L{} {}", short(x1), short(y1), short(x2), short(y2));
        self.canvas.shape(&d, &format!("fill=\"none\" {} {look}", role.stroke()));
    }

    fn dot(&mut self, (x, y): (f64, f64), radius: f64, paint: &str) {
        let (x, y, r) = (short(x - radius), short(y), short(radius));
        let d = format!("M{x} {y}a{r} {r} 0 1 0 {0} 0a{r} {r} 0 1 0 -{0} 0Z", short(2.0 * radius));
        self.canvas.shape(&d, paint);
    }

    fn finish(self, finding: String, description: String) -> Chart {
        let height = (self.y + self.side - 6.0).ceil();
        Chart { finding, description, layout: self.layout, height, scale: 1.0, body: self.canvas.finish() }
    }
}

/// Whom each rule fails, of programs that are compared with themselves: a row for each rule under each load, with its exact
/// interval. `None` where nothing was graded.
pub fn wrong_fails(study: &Study, layout: Layout) -> Option<Chart> {
    let ours = study.wrong_fails(Rule::Paired, None);
    if ours.of == 0 {
        return None;
    }
    let (best, single) = (study.wrong_fails(Rule::BestOfFive, None), study.wrong_fails(Rule::Single, None));
    let finding = format!(
        "Compared with itself, a program loses points in {} gradings by clean pairs; by the best of 5 runs in {}, by a single \
            run in {}",
        of(ours),
        of(best),
        of(single),
    );
    let below = "share of right programs that lose points at a limit of 1.2 times, on the same runs; lines: exact 95 % intervals";
    let mut sheet = Sheet::new(&finding, below, layout);
    let mut description = String::new();
    let groups: Vec<(Load, Vec<Row>)> =
        Load::ALL.into_iter().map(|load| (load, rows_of(study, load))).filter(|(_, rows)| rows[0].count.of > 0).collect();
    let highest = groups
        .iter()
        .flat_map(|(_, rows)| rows)
        .filter(|row| row.count.of > 0)
        .map(|row| row.count.interval()[1])
        .fold(0.01, f64::max);
    let axis = Axis::new(&sheet, highest);
    let rows_in_all: usize = groups.iter().map(|(_, rows)| rows.len() + 1).sum();
    let bottom = sheet.y + rows_in_all as f64 * ROW + groups.len() as f64 * GAP;
    axis.draw(&mut sheet, bottom);
    for (load, rows) in groups {
        sheet.y += GAP;
        let place = (sheet.side, sheet.y);
        sheet.canvas.text(&load.to_string(), place, SMALL, true, Role::Ink, "start");
        sheet.y += ROW;
        for row in rows {
            share_row(&mut sheet, &axis, &row);
            write!(description, "{load}, {}: {}. ", row.name, row.count.told()).expect(TAKES);
        }
    }
    sheet.y = bottom + 10.0;
    Some(sheet.finish(finding, description.trim_end().to_owned()))
}

/// `3 of 1,000`, never broken into lines.
fn of(count: Count) -> String {
    format!("{}\u{a0}of\u{a0}{}", number::count(count.hits as u64), number::count(count.of as u64))
}

/// One rule under one load.
struct Row {
    name: String,
    ours: bool,
    count: Count,
}

/// Ours twice: of all gradings, as the others, and of those that could be measured.
fn rows_of(study: &Study, load: Load) -> Vec<Row> {
    let row = |rule: Rule| Row { name: rule.to_string(), ours: rule == Rule::Paired, count: study.wrong_fails(rule, Some(load)) };
    let mut rows: Vec<Row> = Rule::ALL.map(row).into();
    rows.insert(1, Row { name: "of measurable".into(), ours: true, count: study.failed(1.0, Some(load)) });
    rows
}

/// Shares from nothing on, in pixels.
struct Axis {
    left: f64,
    right: f64,
    highest: f64,
    step: f64,
}

impl Axis {
    fn new(sheet: &Sheet, highest: f64) -> Self {
        let label = text::width("of measurable", SMALL, true) + 16.0;
        let value = text::width(sample_value(sheet.layout), SMALL, false) + 12.0;
        let most = if sheet.layout == Layout::Wide { 6.0 } else { 3.0 };
        let step = nice_step(highest / most);
        let left = sheet.side + label;
        Self { left, right: sheet.layout.width() - sheet.side - value, highest: (highest / step).ceil() * step, step }
    }

    fn at(&self, share: f64) -> f64 {
        self.left + (self.right - self.left) * share / self.highest
    }

    /// Hairlines down to `bottom`, and the numbers below.
    fn draw(&self, sheet: &mut Sheet, bottom: f64) {
        let top = sheet.y;
        for tick in 0..=(self.highest / self.step).round() as u32 {
            let share = f64::from(tick) * self.step;
            let x = self.at(share);
            sheet.line((x, top), (x, bottom - 10.0), Role::Grid, "stroke-width=\"1\"");
            let said = format!("{} %", trimmed(share * 100.0));
            sheet.small(&said, (x, bottom + 4.0), Role::Muted, "middle");
        }
    }
}

/// The widest value of a row.
fn sample_value(layout: Layout) -> &'static str {
    if layout == Layout::Wide { "0.88 % (888 of 888)" } else { "too few runs" }
}

fn share_row(sheet: &mut Sheet, axis: &Axis, row: &Row) {
    let Row { name, ours, count } = row;
    let (ours, count) = (*ours, *count);
    let role = if ours { Role::REFERENCE } else { Role::YOURS };
    let y = sheet.y;
    sheet.canvas.text(name, (sheet.side + 6.0, y), SMALL, ours, if ours { role } else { Role::Muted }, "start");
    let [low, high] = count.interval();
    if count.of > 0 {
        sheet.line((axis.at(low), y), (axis.at(high), y), role, "stroke-width=\"2\"");
        // Ours is filled, the others are hollow: told apart without their colours, too.
        let inside = if ours { role.fill() } else { Role::Panel.fill() };
        sheet.dot((axis.at(count.share()), y), 4.0, &format!("{inside} {} stroke-width=\"2\"", stroke_only(role)));
    }
    let share = percent(count.share());
    let said = match sheet.layout {
        _ if count.of == 0 => (if ours { "none" } else { "too few runs" }).into(),
        Layout::Wide => format!("{share} ({} of {})", count.hits, count.of),
        Layout::Narrow => share,
    };
    let place = (sheet.layout.width() - sheet.side, y);
    sheet.canvas.text(&said, place, SMALL, ours, if ours { role } else { Role::Muted }, "end");
    sheet.y += ROW;
}

/// The colour of a stroke as a style: an element has one class only, and the filling has it.
fn stroke_only(role: Role) -> String {
    let class = role.stroke();
    let name = class.split('"').nth(1).and_then(|class| class.strip_prefix("s-")).unwrap_or("ink").to_owned();
    let colour = class.rsplit('"').nth(1).unwrap_or_default().to_owned();
    format!("stroke=\"{colour}\" style=\"stroke:var(--{name})\"")
}

/// What became of the gradings: a bar for each load and each program of known slowness. `None` where nothing was graded.
pub fn outcomes(study: &Study, layout: Layout) -> Option<Chart> {
    let slow = study.failed(1.5, None);
    let right = study.failed(1.0, None);
    if study.gradings.is_empty() {
        return None;
    }
    let finding = if right.of + slow.of == 0 {
        "The machine was too busy to measure anything, and nobody lost a point".to_owned()
    } else {
        format!(
            "Of what could be measured, {} right programs keep their points and {} that work 1.5 times as much lose some",
            of(Count { hits: right.of - right.hits, ..right }),
            of(slow),
        )
    };
    let below = "numbers of gradings: pass / not measurable, which costs no points / fail";
    let mut sheet = Sheet::new(&finding, below, layout);
    key(&mut sheet);
    let mut description = String::new();
    for nominal in study.nominals() {
        if study.of(nominal, None).next().is_none() {
            continue;
        }
        sheet.y += GAP;
        let heading = heading(study, nominal, layout);
        let place = (sheet.side, sheet.y);
        sheet.canvas.text(&heading, place, SMALL, true, Role::Ink, "start");
        sheet.y += ROW;
        for load in Load::ALL {
            let counts = KINDS.map(|kind| study.of(nominal, Some(load)).filter(|grading| grading.verdict == kind.0).count());
            bar(&mut sheet, load, counts);
            let [pass, free, fail] = counts;
            write!(description, "{nominal} times, {load}: {pass} pass, {free} not measurable, {fail} fail. ").expect(TAKES);
        }
    }
    Some(sheet.finish(finding, description.trim_end().to_owned()))
}

/// `1.5 times the work (1.47 to 1.49 times the time)`.
fn heading(study: &Study, nominal: f64, layout: Layout) -> String {
    let work = work(nominal);
    match study.true_ratio(nominal) {
        Some((ratio, ..)) if layout == Layout::Wide => format!("{work}: {ratio:.3} times the time, measured without load"),
        Some((ratio, ..)) => format!("{work}: {ratio:.3} times the time"),
        None => work,
    }
}

/// Verdict, word, and how its part of a bar looks, from left to right.
const KINDS: [(Verdict, &str, Look); 3] = [
    (Verdict::Pass, "pass", Look::Filled),
    (Verdict::NotMeasurable, "not measurable", Look::Hollow),
    (Verdict::Fail, "fail", Look::Striped),
];

/// Told apart without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Filled,
    Hollow,
    Striped,
}

impl Look {
    /// A box from `left` to `right` around the height `y`.
    fn draw(self, sheet: &mut Sheet, (left, right): (f64, f64), y: f64) {
        let (top, bottom) = (y - 6.0, y + 6.0);
        let (l, r, t, b) = (short(left), short(right), short(top), short(bottom));
        let outline = format!("M{l} {t}H{r}V{b}H{l}Z");
        match self {
            Self::Filled => sheet.canvas.shape(&outline, &Role::REFERENCE.fill()),
            Self::Hollow => {
                sheet.canvas.shape(&outline, &format!("{} {} stroke-width=\"1\"", Role::Panel.fill(), stroke_only(Role::Guide)));
            }
            Self::Striped => {
                sheet.canvas.shape(&outline, &Role::YOURS.fill());
                let mut stripes = String::new();
                let mut x = left + 3.0;
                while x + 6.0 < right {
                    write!(stripes, "M{} {b}L{} {t}", short(x), short(x + 6.0)).expect(TAKES);
                    x += 6.0;
                }
                if !stripes.is_empty() {
                    sheet.canvas.shape(&stripes, &format!("fill=\"none\" {} stroke-width=\"1.5\"", Role::Panel.stroke()));
                }
            }
        }
    }
}

fn key(sheet: &mut Sheet) {
    let mut x = sheet.side;
    let y = sheet.y + 4.0;
    for (_, word, look) in KINDS {
        look.draw(sheet, (x, x + 22.0), y);
        sheet.small(word, (x + 28.0, y), Role::Muted, "start");
        x += 28.0 + text::width(word, SMALL, false) + 16.0;
    }
    sheet.y += 22.0;
}

fn bar(sheet: &mut Sheet, load: Load, counts: [usize; 3]) {
    let y = sheet.y;
    let label = if sheet.layout == Layout::Wide { load.to_string() } else { short_load(load).to_owned() };
    sheet.small(&label, (sheet.side + 6.0, y), Role::Muted, "start");
    let labels = if sheet.layout == Layout::Wide { "0.5 busy cores" } else { "0.5 cores" };
    let left = sheet.side + 6.0 + text::width(labels, SMALL, false) + 10.0;
    let value = text::width("888 / 888 / 888", SMALL, false) + 12.0;
    let right = sheet.layout.width() - sheet.side - value;
    let all: usize = counts.iter().sum();
    let mut from = left;
    for (count, (_, _, look)) in counts.into_iter().zip(KINDS) {
        let to = from + (right - left) * count as f64 / all.max(1) as f64;
        if count > 0 {
            look.draw(sheet, (from, to), y);
        }
        from = to;
    }
    let [pass, free, fail] = counts;
    let place = (sheet.layout.width() - sheet.side, y);
    sheet.small(&format!("{pass} / {free} / {fail}"), place, Role::Ink, "end");
    sheet.y += ROW;
}

fn short_load(load: Load) -> &'static str {
    match load {
        Load::None => "no load",
        Load::Half => "0.5 cores",
        Load::One => "1 core",
        Load::Two => "2 cores",
    }
}

/// Effective cores over the time on a core, a dot for each round, with the line on which they are the same. `None` without
/// a round.
pub fn cores(study: &Study, layout: Layout) -> Option<Chart> {
    let (middle, largest, correlation) = study.nearness()?;
    let rounds = study.rounds.len();
    let finding = format!(
        "Effective cores are within {middle:.3} of the truth in half of {}, and within {largest:.2} in all",
        number::counted(rounds, "round", "rounds")
    );
    let told = correlation.map_or(String::new(), |correlation| format!("; correlation {correlation:.3}"));
    let below = format!(
        "threads less their waits for a core (up) over the time that they were on one (right), in cores{told}; dashed: equal"
    );
    let mut sheet = Sheet::new(&finding, &below, layout);
    let most = study.rounds.iter().map(|round| round.effective.max(round.truth)).fold(1.0, f64::max).ceil();
    let (left, top) = (sheet.side + 24.0, sheet.y + 4.0);
    let right = sheet.layout.width() - sheet.side - 8.0;
    let bottom = top + ((right - left) * 0.6).max(200.0);
    let place = |x: f64, y: f64| (left + (right - left) * x / most, bottom - (bottom - top) * y / most);
    let step = nice_step(most / 6.0).max(1.0);
    let mut tick = 0.0;
    while tick <= most {
        let (x, y) = place(tick, tick);
        sheet.line((left, y), (right, y), Role::Grid, "stroke-width=\"1\"");
        sheet.small(&trimmed(tick), (left - 8.0, y), Role::Muted, "end");
        sheet.small(&trimmed(tick), (x, bottom + 13.0), Role::Muted, "middle");
        tick += step;
    }
    sheet.line(place(0.0, 0.0), place(most, most), Role::Guide, "stroke-width=\"1.5\" stroke-dasharray=\"5 4\"");
    for round in &study.rounds {
        let paint = format!("{} {} stroke-width=\"1\"", Role::REFERENCE.fill(), stroke_only(Role::Panel));
        sheet.dot(place(round.truth.max(0.0), round.effective.max(0.0)), 3.5, &paint);
    }
    sheet.y = bottom + 22.0;
    let description = format!("{finding}. From 1 to {} threads.", study.rounds.iter().map(|round| round.threads).max()?);
    Some(sheet.finish(finding, description))
}
