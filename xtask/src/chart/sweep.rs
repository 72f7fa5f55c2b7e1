//! Run time over a parameter of the workload: how far two counters lie apart, how large a message is.
//!
//! The time is that of one unit of size, for the sizes differ from value to value; its axis is logarithmic, so that a factor is
//! the same distance everywhere. The values stand side by side at the same distance, whatever they are.

use std::fmt::Write;

use super::{
    Chart, Layout,
    canvas::{Canvas, short},
    colour::Role,
    measured::{CONFIDENCE, Time},
    number, plot, text, whose,
};
use crate::results::{Subject, SweepResult, SweptPoint};

const LABEL: f64 = 12.0;
const SMALL: f64 = 11.0;
const LINE: f64 = 15.0;

/// One contender at one value: seconds for each unit of size.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The value.
    pub at: u64,
    /// The median over processes.
    pub median: f64,
    /// Its interval at [`CONFIDENCE`]; absent where there were too few processes.
    pub interval: Option<[f64; 2]>,
}

/// One contender.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// `reference`, `yours`, or a peer's name.
    pub name: String,
    /// By rising values; not empty.
    pub places: Vec<Place>,
}

/// The contenders that have a place at every value: peers by name, then the reference, then the learner.
pub fn lines(sweep: &SweepResult) -> Vec<Line> {
    let place = |point: &SweptPoint| {
        let time = Time::of_processes(&point.samples)?;
        let size = point.size.max(1) as f64;
        let interval = time.interval(CONFIDENCE).map(|interval| interval.map(|end| end / size));
        Some(Place { at: point.at, median: time.median / size, interval })
    };
    let line = |(name, points): (&String, &Vec<SweptPoint>)| {
        let places: Vec<Place> = points.iter().map(place).collect::<Option<_>>()?;
        (!places.is_empty()).then(|| Line { name: name.clone(), places })
    };
    let mut lines: Vec<Line> = sweep.contenders.iter().filter_map(line).collect();
    let longest = lines.iter().map(|line| line.places.len()).max();
    lines.retain(|line| Some(line.places.len()) == longest);
    lines.sort_by_key(|line| (rank(&line.name), line.name.clone()));
    lines
}

fn rank(name: &str) -> u8 {
    match name {
        "yours" => 2,
        "reference" => 1,
        _ => 0,
    }
}

/// Draws it; `None` where fewer than two values were measured.
pub fn draw(path: &str, sweep: &SweepResult, layout: Layout) -> Option<Chart> {
    let lines = lines(sweep);
    lines.first().filter(|line| line.places.len() > 1)?;
    let finding = finding(path, sweep, &lines)?;
    let description = description(sweep, &lines);
    let (body, height) = Picture::new(&lines, layout).draw(&finding, sweep);
    Some(Chart { finding, description, layout, height, scale: 1.0, body })
}

/// What the parameter does to whom the chart is about; held against the others where it is a program of the exercise.
fn finding(path: &str, sweep: &SweepResult, lines: &[Line]) -> Option<String> {
    let last = lines.last()?;
    let who = match last.name.as_str() {
        "yours" => whose(Subject::Yours, path),
        "reference" => whose(Subject::Reference, path),
        peer => peer.to_owned(),
    };
    let parameter = &sweep.parameter;
    match lines.iter().find(|line| Some(&line.name) == sweep.against.as_ref()).filter(|_| rank(&last.name) > 0) {
        Some(other) => {
            let ratios = last.places.iter().zip(&other.places).map(|(own, other)| own.median / other.median);
            let (low, high) =
                ratios.fold((f64::INFINITY, 0.0), |(low, high), ratio| (f64::min(low, ratio), f64::max(high, ratio)));
            let [low, high] = [low, high].map(number::times);
            let name = &other.name;
            let times = if low == high { low } else { format!("{low} to {high}") };
            let ends = [last.places.first()?, last.places.last()?].map(|place| number::count(place.at));
            Some(format!("{who} takes {times} the time of {name}, from {} to {} {}", ends[0], ends[1], sweep.unit))
        }
        None => {
            let slowest = last.places.iter().max_by(|a, b| a.median.total_cmp(&b.median))?;
            let fastest = last.places.iter().min_by(|a, b| a.median.total_cmp(&b.median))?;
            let apart = match (slowest.interval, fastest.interval) {
                (Some([low, _]), Some([_, high])) => low > high,
                _ => false,
            };
            Some(if apart {
                let times = number::times(slowest.median / fastest.median);
                let [slow, fast] = [slowest.at, fastest.at].map(number::count);
                format!("{who} takes {times} the time with a {parameter} of {slow} {} that it takes with {fast}", sweep.unit)
            } else {
                format!("No effect of the {parameter} on {who} can be seen")
            })
        }
    }
}

fn setting(sweep: &SweepResult) -> String {
    let threads = number::counted(sweep.threads, "thread", "threads");
    format!("{threads} \u{b7} bars: 95 % interval of the median over processes \u{b7} lower is better")
}

fn description(sweep: &SweepResult, lines: &[Line]) -> String {
    let mut text = format!("Run time for each of the {}, by {} in {}.", sweep.size_unit, sweep.parameter, sweep.unit);
    for line in lines {
        for Place { at, median, .. } in &line.places {
            write!(text, " {} at {at}: {}.", line.name, number::seconds(*median)).expect("a string takes everything");
        }
    }
    text
}

struct Picture<'a> {
    lines: &'a [Line],
    layout: Layout,
    side: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    /// The logarithms to base 10 at the lower and the upper edge.
    range: (f64, f64),
    canvas: Canvas,
}

impl<'a> Picture<'a> {
    fn new(lines: &'a [Line], layout: Layout) -> Self {
        let side = if layout == Layout::Wide { 20.0 } else { 12.0 };
        let ends = lines.iter().flat_map(|line| &line.places).flat_map(|place| {
            let [low, high] = place.interval.unwrap_or([place.median; 2]);
            [low, high]
        });
        let (low, high) = ends.fold((f64::INFINITY, 0.0), |(low, high), end| (f64::min(low, end), f64::max(high, end)));
        // A little room, and never a picture of noise: at least a factor of two from edge to edge.
        let (mut low, mut high) = (low.log10() - 0.05, high.log10() + 0.05);
        let lacking = (2f64.log10() - (high - low)).max(0.0) / 2.0;
        low -= lacking;
        high += lacking;
        let left = side + text::width("0.00 \u{b5}s", SMALL, false) + 8.0;
        let widest = lines.iter().map(|line| text::width(&line.name, LABEL, rank(&line.name) > 0)).fold(0.0, f64::max);
        let right = layout.width() - side - widest - 20.0;
        Self { lines, layout, side, left, right, top: 0.0, bottom: 0.0, range: (low, high), canvas: Canvas::default() }
    }

    fn draw(mut self, finding: &str, sweep: &SweepResult) -> (String, f64) {
        let y = self.canvas.heading(finding, &setting(sweep), self.layout) + 7.0;
        let vertical = format!("run time over the number of {}", sweep.size_unit);
        self.canvas.text(&vertical, (self.side, y), SMALL, false, Role::Muted, "start");
        self.top = y + 18.0;
        self.bottom = self.top + if self.layout == Layout::Wide { 220.0 } else { 190.0 };
        self.axes();
        for index in 0..self.lines.len() {
            self.line(index);
        }
        self.names();
        let middle = (self.left + self.right) / 2.0;
        let horizontal = format!("{}, {}", sweep.parameter, sweep.unit);
        self.canvas.text(&horizontal, (middle, self.bottom + 36.0), SMALL, false, Role::Muted, "middle");
        (self.canvas.finish(), self.bottom + 36.0 + 9.0 + self.side)
    }

    fn x(&self, place: usize) -> f64 {
        let count = self.lines.first().map_or(1, |line| line.places.len());
        let step = (self.right - self.left) / count as f64;
        self.left + step * (place as f64 + 0.5)
    }

    fn y(&self, time: f64) -> f64 {
        let (low, high) = self.range;
        self.bottom - (self.bottom - self.top) * (time.log10() - low) / (high - low)
    }

    fn axes(&mut self) {
        let (low, high) = self.range;
        let of = |digits: &[f64]| -> Vec<f64> {
            let powers = low.floor() as i32..=high.ceil() as i32;
            let ticks = powers.flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)));
            ticks.filter(|tick| (low..=high).contains(&tick.log10())).collect()
        };
        let mut inside = of(&[1.0, 2.0, 5.0]);
        if inside.len() < 3 {
            inside = of(&[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0]);
        }
        // Where there are many decades, only they.
        let few = |tick: &f64| inside.len() <= 8 || (tick.log10() - tick.log10().round()).abs() < 1e-9;
        for tick in inside.iter().copied().filter(few) {
            let y = self.y(tick);
            self.canvas.shape(&format!("M{} {}H{}", short(self.left), short(y), short(self.right)), &Role::Grid.stroke());
            self.canvas.text(&number::seconds(tick), (self.left - 8.0, y), SMALL, false, Role::Muted, "end");
        }
        let values: Vec<u64> =
            self.lines.first().map_or_else(Vec::new, |line| line.places.iter().map(|place| place.at).collect());
        let mut free_from = f64::NEG_INFINITY;
        for (place, at) in values.into_iter().enumerate() {
            let (x, label) = (self.x(place), number::count(at));
            let half = text::width(&label, SMALL, false) / 2.0 + 3.0;
            self.canvas.shape(&format!("M{} {}v5", short(x), short(self.bottom)), &Role::Guide.stroke());
            if x - half >= free_from {
                free_from = x + half;
                self.canvas.text(&label, (x, self.bottom + 16.0), SMALL, false, Role::Muted, "middle");
            }
        }
    }

    fn role(&self, index: usize) -> Role {
        match self.lines[index].name.as_str() {
            "yours" => Role::YOURS,
            "reference" => Role::REFERENCE,
            _ => Role::free(index),
        }
    }

    fn line(&mut self, index: usize) {
        let role = self.role(index);
        // Beside each other by a few pixels, so that no bar covers another.
        let beside = (index as f64 - (self.lines.len() as f64 - 1.0) / 2.0) * 6.0;
        let mut line = String::new();
        let mut bars = String::new();
        let mut dots = String::new();
        for (place, Place { median, interval, .. }) in self.lines[index].places.iter().enumerate() {
            let (x, y) = (self.x(place) + beside, self.y(*median));
            write!(line, "{}{} {}", if place == 0 { "M" } else { "L" }, short(x), short(y)).expect("a string takes everything");
            write!(dots, "M{} {}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", short(x), short(y)).expect("a string takes everything");
            if let Some([low, high]) = interval {
                let (low, high) = (short(self.y(*low)), short(self.y(*high)));
                write!(bars, "M{0} {low}V{high}m-3 0h6M{1} {low}h6", short(x), short(x - 3.0))
                    .expect("a string takes everything");
            }
        }
        let width = if rank(&self.lines[index].name) > 0 { 2.5 } else { 1.75 };
        self.canvas.shape(&line, &format!("fill=\"none\" {} stroke-width=\"{width}\"", role.stroke()));
        self.canvas.shape(&bars, &format!("fill=\"none\" {} stroke-width=\"1.5\"", role.stroke()));
        self.canvas.shape(&dots, &role.fill());
    }

    /// Each line's name at its end, moved apart where they would touch.
    fn names(&mut self) {
        let ends: Vec<f64> =
            self.lines.iter().map(|line| line.places.last().map_or(self.bottom, |place| self.y(place.median))).collect();
        let places = plot::spread(&ends, LINE, self.top, self.bottom);
        for (index, y) in places.into_iter().enumerate() {
            let (name, own) = (self.lines[index].name.clone(), rank(&self.lines[index].name) > 0);
            self.canvas.text(&name, (self.right + 8.0, y), LABEL, own, self.role(index), "start");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn sweep(contenders: &[(&str, &[f64])]) -> SweepResult {
        let point = |(place, time): (usize, &f64)| SweptPoint {
            at: 8 << place,
            size: 1000,
            samples: (0..7).map(|process| time * 1000.0 * (1.0 + 0.01 * f64::from(process))).collect(),
        };
        let contenders: BTreeMap<_, _> =
            contenders.iter().map(|(name, times)| ((*name).to_owned(), times.iter().enumerate().map(point).collect())).collect();
        SweepResult {
            parameter: "distance between two shards".into(),
            unit: "bytes".into(),
            size_unit: "increments".into(),
            threads: 2,
            against: Some("rtrb".into()),
            contenders,
        }
    }

    fn title(contenders: &[(&str, &[f64])]) -> String {
        draw("threads/sharded_counter", &sweep(contenders), Layout::Wide).expect("a chart").finding
    }

    #[test]
    fn the_title_says_what_the_parameter_does() {
        assert_eq!(
            title(&[("shards", &[4e-8, 2e-8, 1e-8])]),
            "shards takes 4.00\u{d7} the time with a distance between two shards of 8 bytes that it takes with 32"
        );
        assert_eq!(
            title(&[("shards", &[1.02e-8, 1e-8, 1.01e-8])]),
            "No effect of the distance between two shards on shards can be seen"
        );
        assert_eq!(
            title(&[("crossbeam", &[1e-7, 1e-7]), ("rtrb", &[1e-8, 1e-8]), ("reference", &[0.9e-8, 1.1e-8])]),
            "The reference sharded counter takes 0.90\u{d7} to 1.10\u{d7} the time of rtrb, from 8 to 16 bytes"
        );
    }

    #[test]
    fn who_lacks_a_value_is_not_drawn_and_one_value_is_no_chart() {
        let mut given = sweep(&[("a", &[1e-8, 1e-8]), ("b", &[1e-8, 1e-8])]);
        given.contenders.get_mut("b").expect("b")[1].samples.clear();
        assert_eq!(lines(&given).iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["a"]);
        assert!(draw("a/b", &sweep(&[("a", &[1e-8])]), Layout::Narrow).is_none());
        assert!(draw("a/b", &sweep(&[]), Layout::Narrow).is_none());
    }
}
