//! Where the time of a run went: from the sequential program's time, loss by loss, to the thread time that the run took.

use std::fmt::Write;

use super::{
    Chart, Layout,
    canvas::{Canvas, short},
    colour::Role,
    number, text,
};
use crate::{
    losses::{Cores, InFlight, Losses, sentences},
    results::TraceResult,
};

const SMALL: f64 = 11.0;
/// More numbers of requests in flight than this are drawn in groups.
const MOST_LEVELS: usize = 10;
const TAKES: &str = "a string takes everything";

/// One line of the picture: a bar from one time to another.
#[derive(Debug, Clone, PartialEq)]
struct Bar {
    label: String,
    from: f64,
    to: f64,
    value: String,
    paint: Paint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paint {
    /// What the loss is counted from, and the sum.
    Whole,
    Loss,
    /// Hollow: it takes back what stands above it.
    Gain,
}

/// Draws the losses of a traced run; `None` where they are not known.
pub fn draw(path: &str, trace: &TraceResult, layout: Layout) -> Option<Chart> {
    let whose = super::whose(trace.subject, path);
    match trace.losses.as_ref()? {
        Losses::Cores(cores) => (cores.took_time() && cores.has_spans()).then(|| waterfall(&whose, cores, layout)),
        Losses::InFlight(flight) => levels(&whose, flight, layout),
    }
}

fn waterfall(whose: &str, cores: &Cores, layout: Layout) -> Chart {
    let mut bars = vec![Bar {
        label: "ideal: the sequential program's time".into(),
        from: 0.0,
        to: cores.t_seq(),
        value: number::seconds(cores.t_seq()),
        paint: Paint::Whole,
    }];
    let (terms, rest) = sentences::ranked(cores);
    let named = terms.iter().map(|term| (sentences::name_of(term), term.seconds));
    let mut at = cores.t_seq();
    for (label, time) in named.chain(rest.map(|rest| ("everything else".to_owned(), rest))) {
        let (paint, sign) = if time < 0.0 { (Paint::Gain, "\u{2212}") } else { (Paint::Loss, "+") };
        let value = format!("{sign}{}", number::seconds(time.abs()));
        bars.push(Bar { label, from: at, to: at + time, value, paint });
        at += time;
    }
    let (lanes, wall) = (cores.parallel.lanes.len(), number::seconds(cores.parallel.wall));
    let sum = cores.thread_time();
    let (label, value) = (format!("real: {lanes} \u{d7} {wall}"), number::seconds(sum));
    bars.push(Bar { label, from: 0.0, to: sum, value, paint: Paint::Whole });
    let cause = format!(
        "thread time of {lanes} \u{d7} {wall}, from the ideal to what it was \u{b7} speedup {} of {lanes}",
        number::times(cores.speedup())
    );
    picture(format!("{whose} {}", sentences::biggest(cores)), &cause, &bars, layout)
}

fn levels(whose: &str, flight: &InFlight, layout: Layout) -> Option<Chart> {
    // The timeline above says how many were in flight; this says what for.
    let flying = sentences::in_flight(flight)?;
    let waiting = number::percent(flight.waiting / flight.wall);
    let finding = format!("{whose} had requests out and no thread at work for {waiting} of the time");
    let cause = format!("{} \u{b7} how long how many were in flight at a time: {flying}", number::seconds(flight.wall));
    let step = flight.at_a_time.len().div_ceil(MOST_LEVELS);
    let bar = |(i, times): (usize, &[f64])| {
        let (first, last) = (i * step, i * step + times.len() - 1);
        let label = if first == last { format!("{first} in flight") } else { format!("{first} to {last} in flight") };
        let time: f64 = times.iter().sum();
        let value = format!("{}, {}", number::seconds(time), number::percent(time / flight.wall));
        Bar { label, from: 0.0, to: time, value, paint: Paint::Loss }
    };
    let bars: Vec<_> = flight.at_a_time.chunks(step).enumerate().map(bar).collect();
    Some(picture(finding, &cause, &bars, layout))
}

fn picture(finding: String, cause: &str, bars: &[Bar], layout: Layout) -> Chart {
    let mut canvas = Canvas::default();
    let side = if layout == Layout::Wide { 20.0 } else { 12.0 };
    let y = canvas.heading(&finding, cause, layout);
    let height = rows(&mut canvas, bars, y + 10.0, layout, side) + side;
    let mut description = format!("{cause}.");
    for bar in bars {
        write!(description, " {}: {}.", bar.label, bar.value).expect(TAKES);
    }
    Chart { finding, description, layout, height, scale: 1.0, body: canvas.finish() }
}

/// A row for each bar: beside its label where there is room, under it where there is not. Returns where they end.
fn rows(canvas: &mut Canvas, bars: &[Bar], top: f64, layout: Layout, side: f64) -> f64 {
    let widest = |of: fn(&Bar) -> &str| bars.iter().map(|bar| text::width(of(bar), SMALL, false)).fold(0.0, f64::max);
    let (label_room, value_room) = (widest(|bar| &bar.label).min(270.0), widest(|bar| &bar.value));
    let end = layout.width() - side;
    let wide = layout == Layout::Wide;
    let (left, right) = if wide { (side + label_room + 12.0, end - value_room - 12.0) } else { (side, end) };
    // A little above and below the bar, so that the lines between them show.
    let (thick, step, below) = if wide { (16.0, 24.0, 0.0) } else { (12.0, 34.0, 15.0) };
    let most = bars.iter().map(|bar| bar.from.max(bar.to)).fold(f64::MIN_POSITIVE, f64::max);
    let at = |time: f64| left + (right - left) * (time / most).clamp(0.0, 1.0);
    let label_end = if wide { left - 12.0 } else { end - value_room - 8.0 };
    let mut y = top;
    for (i, bar) in bars.iter().enumerate() {
        let middle = y + if wide { thick / 2.0 } else { 6.0 };
        let label = text::cut(&bar.label, SMALL, false, label_end - side);
        canvas.text(&label, (side, middle), SMALL, false, Role::Ink, "start");
        canvas.text(&bar.value, (end, middle), SMALL, bar.paint == Paint::Whole, Role::Ink, "end");
        let (from, to) = (at(bar.from.min(bar.to)), at(bar.from.max(bar.to)));
        // A bar of nothing is a hairline, so that one sees where it stands.
        let (top, width) = (y + below, (to - from).max(1.0));
        let shape = format!("M{} {}h{}v{thick}h-{}z", short(from), short(top), short(width), short(width));
        canvas.shape(&shape, &bar.paint.attributes());
        // Where labels stand between the bars there is no room for lines.
        let floats = |bar: &Bar| wide && bar.paint != Paint::Whole && bar.from > 0.0;
        if bars.get(i + 1).is_some_and(|next| floats(bar) || floats(next)) {
            let line = format!("M{} {}v{}", short(at(bar.to)), short(top + thick), short(step - thick));
            canvas.shape(&line, &Role::Guide.stroke());
        }
        y += step;
    }
    y - step + below + thick
}

impl Paint {
    fn attributes(self) -> String {
        match self {
            Self::Whole => Role::OTHER.fill(),
            Self::Loss => Role::Series(4).fill(),
            Self::Gain => format!("fill=\"none\" {} stroke-width=\"1.5\"", Role::Series(2).stroke()),
        }
    }
}
