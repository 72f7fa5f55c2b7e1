//! The speedup chart: `S(p) = T_seq / T_p` of everybody against threads, with the finding as its title.

use std::{iter::once, ops::Range};

use lab::workload::Axis;
use plotters::{
    coord::ranged1d::{DefaultFormatting, KeyPointHint},
    prelude::*,
    style::RGBAColor,
};

use super::{
    Chart, Layout,
    colour::Role,
    measured::{Contender, Missing, Speedups},
    number,
    plot::{self, Align, Area, CANNOT_FAIL, Dash},
    text, words,
};
use crate::{
    fits::{Fit, Law},
    results::{Ceilings, Curves, Weak},
};

const LABEL: f64 = 12.0;
const SMALL: f64 = 11.0;
const LINE: f64 = 15.0;
const NOTE_LINE: f64 = 14.0;

/// What is drawn beside the measured curves. Both belong to work that needs cores; with requests in flight neither is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// What the memory of the machine allows.
    pub ceilings: Option<&'a Ceilings>,
    /// Speedups that work and span predict, by threads.
    pub predicted: &'a [(usize, f64)],
}

/// Draws the curves of the exercise at `path`, measured on so many cores.
///
/// # Errors
/// If a part is missing without which there is no speedup.
pub fn draw(path: &str, curves: &Curves, cores: usize, beside: Beside<'_>, layout: Layout) -> Result<Chart, Missing> {
    let speedups = Speedups::new(curves)?;
    let extras = extras(curves.axis, &speedups, cores, beside);
    let finding = finding(path, curves, &speedups, cores);
    let setting = setting(curves, &speedups, &extras);
    let description = description(curves, &speedups, &extras, cores);
    let view = View::new(curves.axis, &speedups, cores, extras, layout);
    let (drawn, height) = view.draw(&finding, &setting, "speedup over sequential");
    Ok(Chart { finding, description, layout, height, scale: plot::SCALE, body: plot::finish(&drawn) })
}

/// Draws the weak scaling of the exercise at `path`; `None` below three points, which are no curve.
pub fn draw_weak(path: &str, curves: &Curves, cores: usize, layout: Layout) -> Option<Chart> {
    let speedups = Speedups::weak(curves).ok()?;
    let weak = curves.weak.as_ref().filter(|_| speedups.places().len() >= 3)?;
    let subject = speedups.subject();
    let finding = format!(
        "{} does {} the work of sequential in the same time {} (weak scaling)",
        whose(path, &subject.name),
        number::times(subject.last().speedup),
        place(curves.axis, subject.last().threads),
    );
    let setting = weak_setting(curves, weak, &speedups);
    let description = format!("Weak scaling. {}", description(curves, &speedups, &[], cores));
    let view = View::new(curves.axis, &speedups, cores, Vec::new(), layout);
    let y_title = format!("scaled speedup: p times the size with p {}", unit(curves.axis));
    let (drawn, height) = view.draw(&finding, &setting, &y_title);
    Some(Chart { finding, description, layout, height, scale: plot::SCALE, body: plot::finish(&drawn) })
}

/// The finding: the subject, and whom it is to be compared with, where a reader would look first.
///
/// That place is the last within the cores for work that needs them, and the subject's best for requests in flight.
pub fn finding(path: &str, curves: &Curves, speedups: &Speedups, cores: usize) -> String {
    let subject = speedups.subject();
    let threads = place_of_finding(curves.axis, subject, cores);
    let at = |contender: &Contender| contender.at(threads).map(|point| point.speedup);
    let mut finding = format!(
        "{} is {} as fast as sequential {}",
        whose(path, &subject.name),
        number::times(at(subject).expect("the place is one of its own")),
        place(curves.axis, threads)
    );
    let reference = speedups.contender("reference").filter(|contender| contender.name != subject.name);
    let peers = speedups.contenders.iter().filter(|c| c.name != "reference" && c.name != subject.name);
    let best_peer = peers.filter(|c| at(c).is_some()).max_by(|a, b| at(a).unwrap_or(0.0).total_cmp(&at(b).unwrap_or(0.0)));
    let others: Vec<_> = reference
        .into_iter()
        .chain(best_peer)
        .filter_map(|contender| Some(format!("{}\u{a0}{}", contender.name, number::times(at(contender)?))))
        .collect();
    if !others.is_empty() {
        finding.push_str("; ");
        finding.push_str(&others.join(", "));
    }
    finding
}

/// `Your merge sort`, `The reference merge sort`, or a peer's name.
fn whose(path: &str, name: &str) -> String {
    match name {
        "yours" => format!("Your {}", words(path)),
        "reference" => format!("The reference {}", words(path)),
        peer => peer.to_owned(),
    }
}

/// Where on the axis the finding is read off.
pub fn place_of_finding(axis: Axis, subject: &Contender, cores: usize) -> usize {
    let within = subject.points.iter().rev().find(|point| point.threads <= cores);
    match axis {
        Axis::InFlight => subject.best().threads,
        Axis::Threads | Axis::Processes => within.unwrap_or(&subject.points[0]).threads,
    }
}

/// `on 2 threads`, `with 8 requests in flight`.
pub fn place(axis: Axis, threads: usize) -> String {
    match axis {
        Axis::Threads => format!("on {}", number::counted(threads, "thread", "threads")),
        Axis::Processes => format!("with {}", number::counted(threads, "process", "processes")),
        Axis::InFlight => format!("with {} in flight", number::counted(threads, "request", "requests")),
    }
}

/// What a place of the axis counts.
pub fn unit(axis: Axis) -> &'static str {
    match axis {
        Axis::Threads => "threads",
        Axis::Processes => "processes",
        Axis::InFlight => "requests in flight",
    }
}

/// The second line: what it was measured against, on what, how often.
fn setting(curves: &Curves, speedups: &Speedups, extras: &[Extra]) -> String {
    let mut setting = format!(
        "sequential: {} for {} {} \u{b7} {}",
        number::seconds(speedups.baseline.median),
        number::count(curves.size),
        curves.size_unit,
        how_often(speedups),
    );
    if let Some(law) = extras.iter().find_map(|extra| extra.law) {
        setting.push_str(&format!(" \u{b7} thin dashes: {}, fitted", law.name()));
    }
    setting
}

fn weak_setting(curves: &Curves, weak: &Weak, speedups: &Speedups) -> String {
    format!(
        "sequential: {} for {} {}; p {} have p times as many \u{b7} {}",
        number::seconds(speedups.baseline.median),
        number::count(weak.size),
        curves.size_unit,
        unit(curves.axis),
        how_often(speedups),
    )
}

/// Runs, processes, and what the bars are.
fn how_often(speedups: &Speedups) -> String {
    let points = || speedups.contenders.iter().flat_map(|contender| &contender.points);
    let times = || points().map(|point| &point.time).chain(once(&speedups.baseline));
    let mut often = format!("medians of {}", from_to(times().map(|time| time.samples.len()), "run", "runs"));
    // Said only where it is known of all.
    let processes: Option<Vec<usize>> = times().map(|time| time.processes).collect();
    if let Some(processes) = &processes {
        often.push_str(&format!(" in {}", from_to(processes.iter().copied(), "process", "processes")));
    }
    let few = if processes.is_some() { "too few processes for error bars" } else { "too few runs for error bars" };
    let bars = match points().filter(|point| point.interval.is_some()).count() {
        0 => few,
        some if some < points().count() => "bars: 95 % intervals, where there are runs enough",
        _ => "bars: 95 % intervals",
    };
    format!("{often} \u{b7} {bars}")
}

/// `1 run`, `12 runs`, `9 to 15 runs`.
fn from_to(counts: impl Iterator<Item = usize> + Clone, one: &str, many: &str) -> String {
    let (fewest, most) = (counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0));
    if fewest == most { number::counted(most, one, many) } else { format!("{fewest} to {most} {many}") }
}

/// The whole chart in words.
fn description(curves: &Curves, speedups: &Speedups, extras: &[Extra], cores: usize) -> String {
    let mut text = format!("Speedup over the sequential program by {}, on {}.", unit(curves.axis), cores_of(cores));
    for contender in &speedups.contenders {
        let points: Vec<_> =
            contender.points.iter().map(|p| format!("{} {}", number::times(p.speedup), place(curves.axis, p.threads))).collect();
        text.push_str(&format!(" {}: {}.", contender.name, points.join(", ")));
    }
    for extra in extras {
        // Beyond the cores the line is drawn on, and nothing was measured.
        let within = extra.points.iter().rev().find(|(threads, _)| *threads <= cores as f64);
        if let (Some(name), Some((threads, speedup))) = (extra.name, within) {
            text.push_str(&format!(" {name}: {} {}.", number::times(*speedup), place(curves.axis, *threads as usize)));
        }
    }
    text
}

/// A line that nobody has run: a ceiling, a prediction, a law.
#[derive(Debug, Clone)]
struct Extra {
    /// Written at its end; a law lies along its own program's line and needs none.
    name: Option<&'static str>,
    law: Option<Law>,
    role: Role,
    dash: Dash,
    width: f64,
    /// Threads and speedup, rising.
    points: Vec<(f64, f64)>,
}

/// The lines that are to be drawn beside the measured ones.
fn extras(axis: Axis, speedups: &Speedups, cores: usize, beside: Beside<'_>) -> Vec<Extra> {
    let places = speedups.places();
    if axis == Axis::InFlight || places.len() < 2 {
        return Vec::new();
    }
    let line = |name, role, dash, points: &[(usize, f64)]| {
        let points = within(points, &places, cores);
        Extra { name: Some(name), law: None, role, dash, width: 1.25, points }
    };
    let memory = beside.ceilings.filter(|_| axis == Axis::Threads).map(Ceilings::speedups).unwrap_or_default();
    let mut extras = vec![
        line("ceiling if memory-bound", Role::Guide, Dash::Fine, &memory),
        line("predicted from work and span", Role::Muted, Dash::Dotted, beside.predicted),
    ];
    for (i, contender) in speedups.contenders.iter().enumerate().filter(|(_, contender)| contender.is_own()) {
        let role = look(&contender.name, i).role;
        extras.extend(fitted(contender, cores).map(|fit| along(&fit, contender, role, cores)));
    }
    extras.retain(|extra| !extra.points.is_empty());
    extras
}

/// The part of a line that lies within the measured places; one that reaches the cores goes on level beyond them, for there
/// are no more. One point is no line.
fn within(points: &[(usize, f64)], places: &[usize], cores: usize) -> Vec<(f64, f64)> {
    let (first, last) = (places[0], places[places.len() - 1]);
    let fits = |(p, speedup): &(usize, f64)| (first..=last.min(cores)).contains(p) && speedup.is_finite() && *speedup > 0.0;
    let mut points: Vec<_> = points.iter().copied().filter(fits).map(|(p, speedup)| (p as f64, speedup)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    if points.len() < 2 {
        return Vec::new();
    }
    let at_cores = points.last().copied().filter(|(at, _)| *at == cores as f64 && last > cores);
    points.extend(at_cores.map(|(_, speedup)| (last as f64, speedup)));
    points
}

/// The law with the most parameters that the points are enough for.
fn fitted(contender: &Contender, cores: usize) -> Option<Fit> {
    let fit = |law| Fit::of(law, &contender.speedups(), cores).ok();
    fit(Law::Scalability).or_else(|| fit(Law::Amdahl))
}

/// A law from the first to the last point that it was fitted to, and no further.
fn along(fit: &Fit, contender: &Contender, role: Role, cores: usize) -> Extra {
    let used = || contender.points.iter().map(|point| point.threads).filter(|threads| *threads <= cores);
    let (first, last) = (used().min().unwrap_or(1) as f64, used().max().unwrap_or(1) as f64);
    let points = (0..=32).map(|i| first + (last - first) * f64::from(i) / 32.0).map(|p| (p, fit.at(p))).collect();
    Extra { name: None, law: Some(fit.law), role, dash: Dash::Dashed, width: 1.0, points }
}

fn cores_of(cores: usize) -> String {
    number::counted(cores, "core", "cores")
}

/// How a contender looks: told apart by colour, by marker and by dash.
#[derive(Debug, Clone, Copy)]
struct Look {
    role: Role,
    marker: Marker,
    dash: Dash,
    width: f64,
}

#[derive(Debug, Clone, Copy)]
enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Down,
    Hexagon,
}

fn look(name: &str, peer: usize) -> Look {
    match name {
        "yours" => Look { role: Role::YOURS, marker: Marker::Circle, dash: Dash::Solid, width: 2.5 },
        "reference" => Look { role: Role::REFERENCE, marker: Marker::Square, dash: Dash::Solid, width: 2.0 },
        _ => Look {
            role: Role::free(peer),
            // The next four peers have the colours of the first, with other markers.
            marker: [Marker::Triangle, Marker::Diamond, Marker::Down, Marker::Hexagon][(peer + peer / 4) % 4],
            dash: [Dash::Long, Dash::Mixed, Dash::Solid][peer / 4 % 3],
            width: 1.75,
        },
    }
}

impl Marker {
    /// Its corners around the origin, in pixels; a circle has none.
    fn corners(self) -> &'static [(f64, f64)] {
        match self {
            Self::Circle => &[],
            Self::Square => &[(-4.0, -4.0), (4.0, -4.0), (4.0, 4.0), (-4.0, 4.0)],
            Self::Triangle => &[(0.0, -5.5), (5.0, 3.5), (-5.0, 3.5)],
            Self::Diamond => &[(0.0, -5.75), (5.75, 0.0), (0.0, 5.75), (-5.75, 0.0)],
            Self::Down => &[(0.0, 5.5), (5.0, -3.5), (-5.0, -3.5)],
            Self::Hexagon => &[(-5.0, 0.0), (-2.5, -4.5), (2.5, -4.5), (5.0, 0.0), (2.5, 4.5), (-2.5, 4.5)],
        }
    }
}

/// Both axes are drawn as plain lines over logarithms where they are logarithmic: plotters' own base-2 axes set ticks
/// wrongly, and one type of coordinates is enough.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    Linear,
    Log2,
}

impl Scale {
    fn at(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log2 => value.log2(),
        }
    }

    fn value(self, at: f64) -> f64 {
        match self {
            Self::Linear => at,
            Self::Log2 => at.exp2(),
        }
    }
}

/// A plain axis with ticks where it is told. (Plotters' own `with_key_points` cannot be drawn as a mesh over `f64`.)
struct Line {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for Line {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// The name of a line at its end.
struct Label {
    lines: Vec<String>,
    role: Role,
    /// Where the line ends, in axis coordinates, and how far to the right of that it is drawn.
    end: (f64, f64),
    dodge: f64,
    bold: bool,
    /// Of a contender.
    look: Option<Look>,
}

/// Words beside the line at the cores.
struct Note {
    lines: Vec<String>,
    /// How far from the line, in pixels.
    beside: f64,
    align: Align,
}

/// The places of everything, in pixels.
struct Frame {
    title: Vec<String>,
    title_size: f64,
    setting: Vec<String>,
    notes: Vec<Note>,
    /// The margin of the whole chart.
    side: f64,
    /// The edges of the plot.
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    /// The axis value at the upper edge.
    y_top: f64,
}

type Plot<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Line, Line>>;

struct View<'a> {
    speedups: &'a Speedups,
    extras: Vec<Extra>,
    axis: Axis,
    cores: usize,
    layout: Layout,
    places: Vec<usize>,
    x: Scale,
    y: Scale,
    x_range: Range<f64>,
    /// Without the headroom for notes.
    y_range: Range<f64>,
}

impl<'a> View<'a> {
    fn new(axis: Axis, speedups: &'a Speedups, cores: usize, extras: Vec<Extra>, layout: Layout) -> Self {
        let places = speedups.places();
        let points = || speedups.contenders.iter().flat_map(|c| &c.points);
        let highs = points().map(|p| p.interval.map_or(p.speedup, |[_, high]| high));
        let lows = points().map(|p| p.interval.map_or(p.speedup, |[low, _]| low));
        let (first, last) = (places[0], places[places.len() - 1]);
        let x = if axis == Axis::InFlight { Scale::Log2 } else { Scale::Linear };
        let drawn = extras.iter().flat_map(|extra| &extra.points).map(|(_, speedup)| *speedup);
        let mut highest = highs.chain(drawn).fold(1.0, f64::max);
        let lowest = lows.fold(1.0, f64::min);
        // Where tens of requests wait at once, everything below would lie on the floor of a linear axis.
        let y = if axis == Axis::InFlight && highest >= 8.0 { Scale::Log2 } else { Scale::Linear };
        if axis != Axis::InFlight {
            highest = highest.max(last.min(cores) as f64);
        }
        let (x0, x1) = (x.at(first as f64), x.at(last as f64));
        let pad = if x0 == x1 { 1.0 } else { (x1 - x0) * 0.05 };
        let y_range = match y {
            Scale::Linear => 0.0..highest,
            Scale::Log2 => (lowest / 1.4).log2()..highest.log2(),
        };
        Self { speedups, extras, axis, cores, layout, places, x, y, x_range: x0 - pad..x1 + pad, y_range }
    }

    /// Whether cores bound the speedup, and there is a line to draw.
    fn bounded(&self) -> bool {
        self.axis != Axis::InFlight && self.places.len() > 1
    }

    fn oversubscribed(&self, threads: usize) -> bool {
        self.axis != Axis::InFlight && threads > self.cores
    }

    /// The ideal: as many times as fast as there are threads that have a core. With one core it is the baseline itself.
    fn ideal(&self) -> Option<Vec<(f64, f64)>> {
        if !self.bounded() || self.cores < 2 {
            return None;
        }
        let (first, last) = (self.places[0], *self.places.last()?);
        let mut corners = vec![first, last];
        if (first..last).contains(&self.cores) {
            corners.insert(1, self.cores);
        }
        corners.dedup();
        Some(corners.into_iter().map(|p| (self.x.at(p as f64), self.y.at(p.min(self.cores) as f64))).collect())
    }

    fn looks(&self) -> Vec<Look> {
        self.speedups.contenders.iter().enumerate().map(|(i, contender)| look(&contender.name, i)).collect()
    }

    /// How far a contender's points are drawn beside their place, so that their bars do not cover each other.
    fn dodge(&self, index: usize, plot_width: f64) -> f64 {
        let contenders = self.speedups.contenders.len() as f64;
        let places: Vec<f64> = self.places.iter().map(|place| self.x.at(*place as f64)).collect();
        let gaps = places.windows(2).map(|pair| pair[1] - pair[0]);
        let share = gaps.fold(f64::INFINITY, f64::min) / (self.x_range.end - self.x_range.start);
        // A third of the way to the next place at the most, so that nobody seems to stand elsewhere.
        let (step, room) = if self.single() { (34.0f64, 0.9) } else { (8.0, f64::min(0.08, share / 3.0)) };
        (index as f64 - (contenders - 1.0) / 2.0) * step.min(room * plot_width / contenders)
    }

    fn labels(&self, room: f64) -> Vec<Label> {
        let named = |name: &str, value: String, role, end, bold| {
            let value_width = text::width(&format!(" {value}"), LABEL, bold);
            let lines = vec![format!("{} {value}", text::cut(name, LABEL, bold, room - value_width))];
            Label { lines, role, end, dodge: 0.0, bold, look: None }
        };
        let end_of = |(threads, speedup): (f64, f64)| (self.x.at(threads), self.y.at(speedup));
        let mut labels: Vec<Label> = self
            .speedups
            .contenders
            .iter()
            .zip(self.looks())
            .map(|(contender, look)| {
                let last = contender.last();
                let end = end_of((last.threads as f64, last.speedup));
                let label = named(&contender.name, number::times(last.speedup), look.role, end, contender.name == "yours");
                Label { look: Some(look), ..label }
            })
            .collect();
        labels.push(named("sequential", "1\u{d7}".into(), Role::Ink, (self.x_range.end, self.y.at(1.0)), false));
        if let Some((end, ideal)) = self.ideal().and_then(|line| line.last().copied().map(|end| (end, self.y.value(end.1)))) {
            labels.push(named("ideal", format!("{ideal}\u{d7}"), Role::Guide, end, false));
        }
        for extra in &self.extras {
            if let (Some(name), Some(&end)) = (extra.name, extra.points.last()) {
                // A sentence rather than a name: in lines, so that it takes no room from the plot.
                let lines = text::wrap(&format!("{name} {}", number::times(end.1)), LABEL, false, room.min(142.0));
                labels.push(Label { lines, role: extra.role, end: end_of(end), dodge: 0.0, bold: false, look: None });
            }
        }
        labels
    }

    /// Where everything goes.
    fn frame(&self, finding: &str, setting: &str, labels: &[Label]) -> Frame {
        let wide = self.layout == Layout::Wide;
        let (side, title_size) = if wide { (20.0, 16.0) } else { (12.0, 14.0) };
        let room = self.layout.width() - 2.0 * side;
        let title = text::wrap(finding, title_size, true, room);
        let setting = text::wrap(setting, SMALL, false, room);
        let top = side + title.len() as f64 * (title_size + 5.0) + setting.len() as f64 * LINE + 34.0;

        let lines = || labels.iter().flat_map(|label| label.lines.iter().map(|line| (line, label.bold)));
        let label_width = lines().map(|(line, bold)| text::width(line, LABEL, bold)).fold(0.0, f64::max);
        let right = self.layout.width() - side - label_width - self.label_gap() - 1.0;
        let height = self.y_range.end - self.y_range.start;
        let ticks = self.y_ticks(self.y_range.end + 0.3 * height).into_iter();
        let tick_width = ticks.map(|at| text::width(&tick(self.y.value(at)), SMALL, false)).fold(0.0, f64::max);
        let left = side + tick_width + 10.0;

        let notes = self.notes(right - left);
        let headroom = 10.0 + notes.iter().map(|note| note.lines.len()).max().unwrap_or(0) as f64 * NOTE_LINE;
        let plot_height = (if wide { 270.0f64 } else { 230.0 }).max(lines().count() as f64 * LINE + 12.0);
        let y_top = self.y_range.end + height * headroom / (plot_height - headroom);
        Frame { title, title_size, setting, notes, side, left, right, top, bottom: top + plot_height, y_top }
    }

    /// From the right edge of the plot to the names of its lines.
    fn label_gap(&self) -> f64 {
        if self.single() { 20.0 } else { 13.0 }
    }

    /// Whether everybody was measured at one place only: then there are dots, and no line leads to a name.
    fn single(&self) -> bool {
        self.places.len() == 1
    }

    fn draw(&self, finding: &str, setting: &str, y_title: &str) -> (String, f64) {
        let mut labels = self.labels(if self.layout == Layout::Wide { 190.0 } else { 104.0 });
        let frame = self.frame(finding, setting, &labels);
        let (width, height) = (self.layout.width(), frame.bottom + 52.0);
        let mut drawn = String::new();
        {
            let size = (plot::units(width) as u32, plot::units(height) as u32);
            let area = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
            self.words(&area, &frame, y_title);
            let plot_width = frame.right - frame.left;
            let mut plot = ChartBuilder::on(&area)
                .margin_left(plot::units(frame.side))
                .margin_right(plot::units(width - frame.right))
                .margin_top(plot::units(frame.top))
                .margin_bottom(plot::units(height - frame.bottom - 24.0))
                .x_label_area_size(plot::units(24.0))
                .y_label_area_size(plot::units(frame.left - frame.side))
                .build_cartesian_2d(
                    Line { range: self.x_range.clone(), ticks: self.x_ticks(plot_width) },
                    Line { range: self.y_range.start..frame.y_top, ticks: self.y_ticks(frame.y_top) },
                )
                .expect(CANNOT_FAIL);
            self.guides(&area, &mut plot, &frame);
            for (i, (contender, look)) in self.speedups.contenders.iter().zip(self.looks()).enumerate() {
                labels[i].dodge = self.dodge(i, plot_width);
                self.series(&area, &mut plot, contender, look, labels[i].dodge, plot_width);
            }
            self.names(&area, &plot, &frame, &labels);
            area.present().expect(CANNOT_FAIL);
        }
        (drawn, height)
    }

    /// Title, setting, and what the axes are.
    fn words(&self, area: &Area, frame: &Frame, y_title: &str) {
        let mut y = frame.side + frame.title_size / 2.0;
        for line in &frame.title {
            plot::write(area, line, (frame.side, y), &plot::text_style(frame.title_size, true, Role::Ink, Align::Left));
            y += frame.title_size + 5.0;
        }
        y += 1.0;
        for line in &frame.setting {
            plot::write(area, line, (frame.side, y), &small(Align::Left));
            y += LINE;
        }
        let y_title = text::cut(y_title, SMALL, false, self.layout.width() - 2.0 * frame.side);
        plot::write(area, &y_title, (frame.side, frame.top - 14.0), &small(Align::Left));
        let middle = (frame.left + frame.right) / 2.0;
        plot::write(area, unit(self.axis), (middle, frame.bottom + 36.0), &small(Align::Middle));
    }

    /// The mesh, the baseline, the ideal, the cores and what lies beyond them, and the lines that nobody has run.
    fn guides(&self, area: &Area, plot: &mut Plot, frame: &Frame) {
        let limit = self.x.at(self.cores as f64);
        let beyond = self.bounded() && self.places.iter().any(|place| self.oversubscribed(*place));
        if beyond {
            let corners = [(limit.max(self.x_range.start), frame.y_top), (self.x_range.end, self.y_range.start)];
            plot.draw_series(once(Rectangle::new(corners, plot::fill(Role::Shade)))).expect(CANNOT_FAIL);
        }
        let invisible = RGBAColor(0, 0, 0, 0.0);
        plot.configure_mesh()
            .disable_x_mesh()
            .bold_line_style(plot::stroke(Role::Grid, 1.0, Dash::Solid))
            .light_line_style(invisible)
            .axis_style(invisible)
            .set_all_tick_mark_size(plot::units(5.0))
            .x_label_style(small(Align::Middle))
            .y_label_style(small(Align::Right))
            .x_label_formatter(&|at| number::count(self.x.value(*at).round() as u64))
            .y_label_formatter(&|at| tick(self.y.value(*at)))
            .draw()
            .expect(CANNOT_FAIL);

        let mut line = |points: Vec<(f64, f64)>, role, dash, width| {
            plot.draw_series(once(PathElement::new(points, plot::stroke(role, width, dash)))).expect(CANNOT_FAIL);
        };
        let one = self.y.at(1.0);
        line(vec![(self.x_range.start, one), (self.x_range.end, one)], Role::Ink, Dash::Solid, 1.5);
        if let Some(ideal) = self.ideal() {
            line(ideal, Role::Guide, Dash::Dashed, 1.5);
        }
        if self.bounded() && self.x_range.contains(&limit) {
            line(vec![(limit, self.y_range.start), (limit, frame.y_top)], Role::Guide, Dash::Dotted, 1.5);
        }
        for Extra { role, dash, width, points, .. } in &self.extras {
            let points = points.iter().map(|(p, speedup)| (self.x.at(*p), self.y.at(*speedup))).collect();
            line(points, *role, *dash, *width);
        }
        let (limit, _) = pixels(plot, (limit, one), 0.0);
        for Note { lines, beside, align } in &frame.notes {
            for (i, line) in lines.iter().enumerate() {
                let y = frame.top + 10.0 + NOTE_LINE * i as f64;
                plot::write(area, line, (limit.max(frame.left) + beside, y), &small(*align));
            }
        }
    }

    /// One contender: line, bars and markers.
    fn series(&self, area: &Area, plot: &mut Plot, contender: &Contender, look: Look, dodge: f64, plot_width: f64) {
        let beside = dodge * (self.x_range.end - self.x_range.start) / plot_width;
        let at = |threads: usize| self.x.at(threads as f64) + beside;
        let path: Vec<_> = contender.points.iter().map(|p| (at(p.threads), self.y.at(p.speedup))).collect();
        // A series of one point has no line: nothing is invented between places that were measured.
        if path.len() > 1 {
            plot.draw_series(LineSeries::new(path, plot::stroke(look.role, look.width, look.dash))).expect(CANNOT_FAIL);
        }
        let bars = contender.points.iter().filter_map(|p| {
            let [low, high] = p.interval?.map(|value| self.y.at(value));
            let style = plot::stroke(look.role, 1.5, Dash::Solid);
            Some(ErrorBar::new_vertical(at(p.threads), low, self.y.at(p.speedup), high, style, plot::units(6.0) as u32))
        });
        plot.draw_series(bars).expect(CANNOT_FAIL);
        for point in &contender.points {
            let place = plot.plotting_area().map_coordinate(&(at(point.threads), self.y.at(point.speedup)));
            mark(area, place, look, self.oversubscribed(point.threads));
        }
    }

    /// Each line's name at its end, moved apart where they would touch, with a thin line (or its marker) that leads to it.
    fn names(&self, area: &Area, plot: &Plot, frame: &Frame, labels: &[Label]) {
        let ends: Vec<_> = labels.iter().map(|label| pixels(plot, label.end, label.dodge)).collect();
        // The lines of one label want the same place and follow each other in the list, so no other comes between them.
        let wanted: Vec<f64> = labels.iter().zip(&ends).flat_map(|(label, (_, y))| label.lines.iter().map(|_| *y)).collect();
        let mut places = plot::spread(&wanted, LINE, frame.top + 4.0, frame.bottom - 4.0).into_iter();
        let right = frame.right;
        for (label, (end_x, end_y)) in labels.iter().zip(ends) {
            let places: Vec<f64> = places.by_ref().take(label.lines.len()).collect();
            let y = places.iter().sum::<f64>() / places.len() as f64;
            let from = end_x + 8.0;
            match label.look {
                Some(look) if self.single() => mark(area, (plot::units(right + 8.0), plot::units(y)), look, false),
                _ if from < right + 4.0 => {
                    let leader = [(from, end_y), (right + 2.0, y), (right + 9.0, y)];
                    let leader = leader.map(|(x, y)| (plot::units(x), plot::units(y))).to_vec();
                    let style = plot::stroke(label.role, 0.75, Dash::Solid);
                    area.draw(&PathElement::new(leader, style)).expect(CANNOT_FAIL);
                }
                _ => {}
            }
            let style = plot::text_style(LABEL, label.bold, label.role, Align::Left);
            for (line, y) in label.lines.iter().zip(places) {
                plot::write(area, line, (right + self.label_gap(), y), &style);
            }
        }
    }

    /// What is written at the top of the line at the cores.
    fn notes(&self, plot_width: f64) -> Vec<Note> {
        if !self.bounded() {
            return Vec::new();
        }
        let limit = self.x.at(self.cores as f64);
        let share = |from: f64, to: f64| (to - from).max(0.0) / (self.x_range.end - self.x_range.start) * plot_width - 8.0;
        let (before, after) = (share(self.x_range.start, limit), share(limit.max(self.x_range.start), self.x_range.end));
        let cores = cores_of(self.cores);
        let fits_before = limit < self.x_range.end && text::width(&cores, SMALL, false) <= before;
        let mut notes = Vec::new();
        if fits_before {
            notes.push(Note { lines: vec![cores.clone()], beside: -6.0, align: Align::Right });
        }
        if self.oversubscribed(*self.places.last().unwrap_or(&0)) {
            let words = if fits_before { "oversubscribed".to_owned() } else { format!("oversubscribed: {cores}") };
            let lines = text::wrap(&words, SMALL, false, after.max(10.0));
            notes.push(Note { lines, beside: 6.0, align: Align::Left });
        }
        notes
    }

    /// The measured places, without those whose numbers would touch the next.
    fn x_ticks(&self, plot_width: f64) -> Vec<f64> {
        let units = plot_width / (self.x_range.end - self.x_range.start);
        let mut kept: Vec<f64> = Vec::new();
        let mut free_from = f64::INFINITY;
        for &place in self.places.iter().rev() {
            let at = self.x.at(place as f64);
            let half = text::width(&number::count(place as u64), SMALL, false) / 2.0 + 3.0;
            if at * units + half <= free_from {
                free_from = at * units - half;
                kept.push(at);
            }
        }
        kept.reverse();
        kept
    }

    fn y_ticks(&self, top: f64) -> Vec<f64> {
        match self.y {
            Scale::Linear => {
                let steps = [0.5, 1.0, 2.0, 4.0, 5.0, 10.0, 20.0, 25.0, 50.0, 100.0, 200.0, 250.0, 500.0, 1000.0];
                let step = steps.into_iter().find(|step| top / step <= 6.5).unwrap_or(top / 5.0);
                (0..=(top / step) as usize).map(|i| i as f64 * step).collect()
            }
            Scale::Log2 => {
                let (first, last) = (self.y_range.start.ceil() as i32, top.floor() as i32);
                let step = if last - first > 7 { 2 } else { 1 };
                // Counted from 1x, which is always among them.
                (first..=last).filter(|power| power.rem_euclid(step) == 0).map(f64::from).collect()
            }
        }
    }
}

/// A place of the plot in pixels, moved to the right.
fn pixels(plot: &Plot, place: (f64, f64), right: f64) -> (f64, f64) {
    let (x, y) = plot.plotting_area().map_coordinate(&place);
    (f64::from(x) / plot::SCALE + right, f64::from(y) / plot::SCALE)
}

fn small(align: Align) -> TextStyle<'static> {
    plot::text_style(SMALL, false, Role::Muted, align)
}

/// `0`, `0.5×`, `2×`.
fn tick(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "0" { text.to_owned() } else { format!("{text}\u{d7}") }
}

/// A marker; hollow where there are more threads than cores.
fn mark(area: &Area, (x, y): (i32, i32), look: Look, hollow: bool) {
    let inside = plot::fill(if hollow { Role::Panel } else { look.role });
    let rim = plot::stroke(look.role, 1.75, Dash::Solid);
    let corners = look.marker.corners();
    if corners.is_empty() {
        let radius = plot::units(4.5);
        area.draw(&Circle::new((x, y), radius, inside)).expect(CANNOT_FAIL);
        area.draw(&Circle::new((x, y), radius, rim)).expect(CANNOT_FAIL);
        return;
    }
    let mut outline: Vec<_> = corners.iter().map(|(dx, dy)| (x + plot::units(*dx), y + plot::units(*dy))).collect();
    area.draw(&Polygon::new(outline.clone(), inside)).expect(CANNOT_FAIL);
    outline.extend_from_within(..2);
    area.draw(&PathElement::new(outline, rim)).expect(CANNOT_FAIL);
}
