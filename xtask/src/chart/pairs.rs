//! The pairs behind a verdict on speed: a dot for each ratio, what counts told from what does not.

use plotters::prelude::*;

use super::{
    Chart, Layout,
    colour::Role,
    number,
    plot::{self, Align, CANNOT_FAIL, Dash},
    text,
};
use crate::results::{Pair, Speed, Subject};

const TITLE: f64 = 13.0;
const SMALL: f64 = 11.0;

/// From one line of text to the next.
const LINE: f64 = 17.0;

/// Draws every pair in the order run, from top to bottom; `None` where no pair has a ratio.
pub fn draw(speed: &Speed, subject: Subject, layout: Layout) -> Option<Chart> {
    let ratio = |pair: &Pair| Some(pair.subject / pair.opponent).filter(|r| r.is_finite() && *r > 0.0);
    let dots: Vec<(f64, bool)> = speed.pairs.iter().filter_map(|pair| Some((ratio(pair)?, pair.clean))).collect();
    let values = || dots.iter().map(|(ratio, _)| *ratio).chain([1.0]).chain(speed.full_at);
    let (lowest, highest) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    if dots.is_empty() {
        return None;
    }
    let finding = finding(speed, dots.iter().filter(|(_, clean)| *clean).count(), dots.len());
    let description = format!("Time over the time of {}: from {lowest:.2} to {highest:.2}.", speed.against);

    let whose = if subject == Subject::Reference { Role::REFERENCE } else { Role::YOURS };
    let side = if layout == Layout::Wide { 20.0 } else { 12.0 };
    let width = layout.width();
    let limit = speed.full_at.map_or_else(String::new, |full_at| format!("; dotted: up to {full_at}x is full"));
    let legend = format!(
        "dots: pairs, the first on top; hollow: does not count; bar: the interval; dashed: as fast as {}{limit}",
        speed.against
    );
    let title = text::wrap(&finding, TITLE, true, width - 2.0 * side);
    let legend = text::wrap(&legend, SMALL, false, width - 2.0 * side);
    let top = 20.0 + LINE * (title.len() + legend.len()) as f64;
    let (left, right) = (side + 14.0, width - side - 14.0);
    let bottom = top + 36.0;
    let pad = ((highest - lowest) * 0.05).max(0.02);
    let (from, to) = (lowest - pad, highest + pad);
    let at = |ratio: f64| left + (right - left) * (ratio - from) / (to - from);

    let height = bottom + 28.0;
    let mut drawn = String::new();
    {
        let size = (plot::units(width) as u32, plot::units(height) as u32);
        let area = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
        let line = |points: [(f64, f64); 2], style: ShapeStyle| {
            let points = points.map(|(x, y)| (plot::units(x), plot::units(y)));
            area.draw(&PathElement::new(points.to_vec(), style)).expect(CANNOT_FAIL);
        };
        let small = |align| plot::text_style(SMALL, false, Role::Muted, align);
        let legends = small(Align::Left);
        let bold = plot::text_style(TITLE, true, Role::Ink, Align::Left);
        let lines = title.iter().map(|line| (line, &bold)).chain(legend.iter().map(|line| (line, &legends)));
        for (i, (line, style)) in lines.enumerate() {
            plot::write(&area, line, (side, 18.0 + LINE * i as f64), style);
        }
        line([(left, bottom), (right, bottom)], plot::stroke(Role::Grid, 1.0, Dash::Solid));
        line([(at(1.0), top - 4.0), (at(1.0), bottom + 5.0)], plot::stroke(Role::Guide, 1.5, Dash::Dashed));
        if let Some(full_at) = speed.full_at {
            line([(at(full_at), top - 4.0), (at(full_at), bottom + 5.0)], plot::stroke(Role::Guide, 1.5, Dash::Dotted));
        }
        for tick in ticks(from, to, if layout == Layout::Wide { 8.0 } else { 4.0 }) {
            plot::write(&area, &super::trimmed(tick), (at(tick), bottom + 13.0), &small(Align::Middle));
        }
        if let Some([low, high]) = speed.interval.filter(|ends| ends.iter().all(|end| (from..=to).contains(end))) {
            line([(at(low), bottom), (at(high), bottom)], plot::stroke(Role::Ink, 4.0, Dash::Solid));
        }
        for (i, (ratio, clean)) in dots.iter().enumerate() {
            let share = (i as f64 + 0.5) / dots.len() as f64;
            let place = (plot::units(at(*ratio)), plot::units(top + share * (bottom - 6.0 - top)));
            let (inside, rim) = if *clean { (whose, whose) } else { (Role::Panel, Role::OTHER) };
            area.draw(&Circle::new(place, plot::units(3.25), plot::fill(inside))).expect(CANNOT_FAIL);
            area.draw(&Circle::new(place, plot::units(3.25), plot::stroke(rim, 1.25, Dash::Solid))).expect(CANNOT_FAIL);
        }
        area.present().expect(CANNOT_FAIL);
    }
    Some(Chart { finding, description, layout, height, scale: plot::SCALE, body: plot::finish(&drawn) })
}

/// What the pairs came to.
fn finding(speed: &Speed, clean: usize, all: usize) -> String {
    let pairs = number::counted(all, "pair", "pairs");
    match (speed.ratio, speed.interval) {
        (Some(ratio), Some([low, high])) => {
            format!("{ratio:.2}x the time of {}, {low:.2} to {high:.2}, by {clean} clean of {pairs}", speed.against)
        }
        _ => format!("No finding against {}: {clean} clean of {pairs}", speed.against),
    }
}

/// At most so many round ratios between two.
fn ticks(from: f64, to: f64, most: f64) -> Vec<f64> {
    let step = super::nice_step((to - from) / most);
    let first = (from / step).ceil() as i64;
    (first..=(to / step).floor() as i64).map(|i| i as f64 * step).collect()
}
