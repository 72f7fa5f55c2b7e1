//! The predicted speedup over processors: simulated, between its bounds, with what limits it as the title.
//!
//! Both axes are logarithmic, so that the ideal is a straight line and a factor is the same distance everywhere.

use std::fmt::Write;

use super::{
    Chart, Layout,
    canvas::{Canvas, short},
    colour::Role,
    number, plot, text, words,
};
use crate::{
    results::{Evidence, Span, Subject, SubjectResult},
    scaling::{Limit, Predicted},
};

const LABEL: f64 = 12.0;
const SMALL: f64 = 11.0;
const LINE: f64 = 15.0;

/// The chart of a subject whose work and span were counted and scheduled.
pub fn of(path: &str, subject: &SubjectResult, layout: Layout) -> Option<Chart> {
    subject.checks.iter().find_map(|check| match &check.evidence {
        Some(Evidence::Span(span)) => draw(path, subject.subject, span, layout),
        _ => None,
    })
}

/// Draws what is predicted; `None` where nothing was scheduled on more than one processor.
pub fn draw(path: &str, subject: Subject, span: &Span, layout: Layout) -> Option<Chart> {
    let mut predicted = span.predicted();
    predicted.sort_by_key(|predicted| predicted.processors);
    predicted.dedup_by_key(|predicted| predicted.processors);
    predicted.last().filter(|last| last.processors > 1)?;
    let finding = finding(path, subject, span)?;
    let (body, height) = Picture::new(predicted.clone(), layout).draw(&finding, &setting(span));
    let description = description(span, &predicted);
    Some(Chart { finding, description, layout, height, scale: 1.0, body })
}

/// How far it goes, and why no further.
fn finding(path: &str, subject: Subject, span: &Span) -> Option<String> {
    let who = match subject {
        Subject::Reference => "The reference",
        Subject::Yours => "Your",
        Subject::Submission => "The submitted",
        Subject::Planted => "The planted",
    };
    let who = format!("{who} {}", words(path));
    let (limit, most) = span.limit()?;
    let (times, processors) = (number::times(most.simulated), most.processors);
    let on = format!("{who} can be {times} as fast on {processors} cores as on one");
    Some(match limit {
        Limit::Processors => format!("{on}: nothing in its span limits it"),
        Limit::Burden => format!("{on}: the price of its steals limits it"),
        Limit::Span => {
            let most = number::times(span.parallelism());
            let why = match &span.place {
                Some(place) => place.in_words("its longest chain"),
                None => format!("its longest chain is {} of all its work", number::percent(1.0 / span.parallelism())),
            };
            format!("{who} gets no more than {most} as fast on any number of cores: {why}")
        }
    })
}

fn setting(span: &Span) -> String {
    let burden = match &span.burden {
        Some(burden) => format!("a steal costs {}", burden.in_words(&span.unit)),
        None => "steals cost nothing".into(),
    };
    format!(
        "simulated, not timed, at size {} \u{b7} band: from Cilkscale's burdened bound to the work and span laws \u{b7} {burden}",
        number::count(span.size)
    )
}

fn description(span: &Span, predicted: &[Predicted]) -> String {
    let mut text = format!("Speedup over one processor, predicted from work {} and span {}.", span.work, span.span);
    for Predicted { processors, simulated, at_most, at_least } in predicted {
        let [simulated, at_least, at_most] = [simulated, at_least, at_most].map(|times| number::times(*times));
        write!(text, " On {processors}: {simulated}, by the bounds from {at_least} to {at_most}.").expect("a string");
    }
    text
}

struct Picture {
    predicted: Vec<Predicted>,
    layout: Layout,
    side: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    /// The logarithms at the lower and the upper edge.
    range: (f64, f64),
    canvas: Canvas,
}

impl Picture {
    fn new(predicted: Vec<Predicted>, layout: Layout) -> Self {
        let side = if layout == Layout::Wide { 20.0 } else { 12.0 };
        let last = predicted.last().map_or(1, |last| last.processors);
        let lowest = predicted.iter().flat_map(|p| [p.simulated, p.at_least]).fold(1.0, f64::min);
        // Whatever is that slow lies on the floor: the picture is of speedups.
        let range = (lowest.log2().max(-4.0), (last as f64).log2());
        let left = side + text::width("0.0625\u{d7}", SMALL, false) + 8.0;
        let names = predicted.last().map_or_else(Vec::new, |last| names(last, layout));
        let widest = names.iter().map(|name| text::width(&name.words, LABEL, name.bold)).fold(0.0, f64::max);
        let right = layout.width() - side - widest - 20.0;
        Self { predicted, layout, side, left, right, top: 0.0, bottom: 0.0, range, canvas: Canvas::default() }
    }

    fn draw(mut self, finding: &str, setting: &str) -> (String, f64) {
        let y = self.canvas.heading(finding, setting, self.layout) + 7.0;
        self.canvas.text("speedup over one processor", (self.side, y), SMALL, false, Role::Muted, "start");
        self.top = y + 18.0;
        self.bottom = self.top + if self.layout == Layout::Wide { 250.0 } else { 210.0 };
        self.band();
        self.axes();
        self.lines();
        self.names();
        let middle = (self.left + self.right) / 2.0;
        self.canvas.text("processors", (middle, self.bottom + 36.0), SMALL, false, Role::Muted, "middle");
        (self.canvas.finish(), self.bottom + 36.0 + 9.0 + self.side)
    }

    fn x(&self, processors: usize) -> f64 {
        let last = self.predicted.last().map_or(1, |last| last.processors);
        let first = self.predicted.first().map_or(1, |first| first.processors).min(last - 1);
        let at = |processors: usize| (processors as f64).log2();
        self.left + (self.right - self.left) * (at(processors) - at(first)) / (at(last) - at(first))
    }

    fn y(&self, speedup: f64) -> f64 {
        let (low, high) = self.range;
        let share = (speedup.log2().clamp(low, high) - low) / (high - low);
        self.bottom - (self.bottom - self.top) * share
    }

    fn path(&self, value: impl Fn(&Predicted) -> f64) -> String {
        let mut d = String::new();
        for (i, predicted) in self.predicted.iter().enumerate() {
            let (x, y) = (short(self.x(predicted.processors)), short(self.y(value(predicted))));
            write!(d, "{}{x} {y}", if i == 0 { "M" } else { "L" }).expect("a string takes everything");
        }
        d
    }

    fn band(&mut self) {
        let mut d = self.path(|p| p.at_most);
        for predicted in self.predicted.iter().rev() {
            write!(d, "L{} {}", short(self.x(predicted.processors)), short(self.y(predicted.at_least.min(predicted.at_most))))
                .expect("a string takes everything");
        }
        d.push('z');
        self.canvas.shape(&d, &Role::Idle.fill());
    }

    /// Ticks at what was scheduled, as far as their numbers do not touch, and at powers of two.
    fn axes(&mut self) {
        let (low, high) = self.range;
        let powers: Vec<i32> = (low.ceil() as i32..=high.floor() as i32).collect();
        for power in powers {
            let (y, value) = (self.y(f64::from(power).exp2()), f64::from(power).exp2());
            let line = format!("M{} {}H{}", short(self.left), short(y), short(self.right));
            self.canvas.shape(&line, &Role::Grid.stroke());
            self.canvas.text(&format!("{value}\u{d7}"), (self.left - 8.0, y), SMALL, false, Role::Muted, "end");
        }
        let mut free_from = f64::INFINITY;
        let places: Vec<usize> = self.predicted.iter().map(|predicted| predicted.processors).rev().collect();
        for processors in places {
            let (x, label) = (self.x(processors), number::count(processors as u64));
            let half = text::width(&label, SMALL, false) / 2.0 + 3.0;
            let tick = format!("M{} {}v5", short(x), short(self.bottom));
            self.canvas.shape(&tick, &Role::Guide.stroke());
            if x + half <= free_from {
                free_from = x - half;
                self.canvas.text(&label, (x, self.bottom + 16.0), SMALL, false, Role::Muted, "middle");
            }
        }
    }

    fn lines(&mut self) {
        let guide = Role::Guide.stroke();
        let ideal = self.path(|p| p.processors as f64);
        self.canvas.shape(&ideal, &format!("fill=\"none\" {guide} stroke-width=\"1.5\" stroke-dasharray=\"5 4\""));
        let simulated = self.path(|p| p.simulated);
        self.canvas.shape(&simulated, &format!("fill=\"none\" {} stroke-width=\"2.5\"", Role::REFERENCE.stroke()));
        for (processors, simulated) in self.predicted.iter().map(|p| (p.processors, p.simulated)).collect::<Vec<_>>() {
            let dot = format!("M{} {}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", short(self.x(processors)), short(self.y(simulated)));
            self.canvas.shape(&dot, &Role::REFERENCE.fill());
        }
    }

    /// Each line's name at its end, moved apart where they would touch.
    fn names(&mut self) {
        let names = self.predicted.last().map_or_else(Vec::new, |last| names(last, self.layout));
        let wanted: Vec<f64> = names.iter().map(|name| self.y(name.end)).collect();
        let places = plot::spread(&wanted, LINE, self.top, self.bottom);
        for (Name { words, role, bold, .. }, (from, to)) in names.into_iter().zip(wanted.into_iter().zip(places)) {
            if (from - to).abs() > 1.0 {
                let leader = format!("M{} {}L{} {}", short(self.right + 6.0), short(from), short(self.right + 14.0), short(to));
                self.canvas.shape(&leader, &format!("fill=\"none\" {} stroke-width=\"0.75\"", role.stroke()));
            }
            self.canvas.text(&words, (self.right + 18.0, to), LABEL, bold, role, "start");
        }
    }
}

/// What stands at the end of a line.
struct Name {
    words: String,
    /// Where the line ends.
    end: f64,
    role: Role,
    bold: bool,
}

/// The lines by name, with their values at the last place.
fn names(last: &Predicted, layout: Layout) -> Vec<Name> {
    let name = |name: &str, end: f64, role, bold| Name { words: format!("{name} {}", number::times(end)), end, role, bold };
    let ideal = last.processors as f64;
    let words = format!("ideal {}\u{d7}", last.processors);
    let mut names = vec![
        Name { words, end: ideal, role: Role::Guide, bold: false },
        name("simulated", last.simulated, Role::REFERENCE, true),
    ];
    if last.at_most < 0.98 * ideal {
        names.push(name("at most", last.at_most, Role::Ink, false));
    }
    let bound = if layout == Layout::Wide { "burdened bound" } else { "burdened" };
    names.push(name(bound, last.at_least, Role::Ink, false));
    names
}
