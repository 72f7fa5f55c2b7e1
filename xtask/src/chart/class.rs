//! How the points of a class are distributed: for one exercise, or over all.

use std::fmt::Write;

use super::{
    Chart, Layout,
    canvas::{Canvas, short},
    colour::Role,
    number,
};

const SMALL: f64 = 11.0;

/// Of the highest bar, in pixels.
const HEIGHT: f64 = 110.0;

/// What a string takes is never refused.
const TAKES: &str = "a string takes everything";

/// Shares of the points, from nothing to all. Nothing and all are bars of their own: they are what is asked for first.
const BARS: [&str; 7] = ["none", "under 20 %", "20\u{2013}40 %", "40\u{2013}60 %", "60\u{2013}80 %", "from 80 %", "all"];

/// The same on a telephone.
const SHORT: [&str; 7] = ["0", "<20", "20\u{2013}", "40\u{2013}", "60\u{2013}", "80\u{2013}", "all"];

/// How many have which share of the points.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    counts: [usize; 7],
    points: Vec<[f64; 2]>,
}

impl Distribution {
    /// Of points, and of how many each. Who has none of none is not counted.
    pub fn new(points: impl IntoIterator<Item = [f64; 2]>) -> Self {
        let points: Vec<[f64; 2]> = points.into_iter().filter(|[_, of]| *of > 0.0).collect();
        let mut counts = [0; 7];
        for [points, of] in &points {
            counts[bar(points / of)] += 1;
        }
        Self { counts, points }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The median of the shares; of an even number the lower one, which somebody has.
    pub fn median(&self) -> Option<f64> {
        let mut shares: Vec<f64> = self.points.iter().map(|[points, of]| points / of).collect();
        shares.sort_by(f64::total_cmp);
        shares.get(shares.len().saturating_sub(1) / 2).copied()
    }

    /// What it shows.
    pub fn finding(&self, of: &str) -> String {
        let Some(median) = self.median() else { return format!("{of}: nobody was graded") };
        format!(
            "{of}: {} of {} {} all points, {} none; the median is {}",
            self.counts[6],
            self.len(),
            if self.counts[6] == 1 { "has" } else { "have" },
            self.counts[0],
            number::percent(median)
        )
    }
}

fn bar(share: f64) -> usize {
    match share {
        s if s <= 1e-9 => 0,
        s if s >= 1.0 - 1e-9 => 6,
        s => 1 + ((s * 5.0).floor() as usize).min(4),
    }
}

/// The picture; `None` where nobody was graded.
pub fn draw(of: &str, distribution: &Distribution, layout: Layout) -> Option<Chart> {
    if distribution.is_empty() {
        return None;
    }
    let finding = distribution.finding(of);
    let side = if layout == Layout::Wide { 20.0 } else { 12.0 };
    let mut canvas = Canvas::default();
    let top = canvas.heading(&finding, "students by their share of the points", layout) + 20.0;
    let (bottom, step) = (top + HEIGHT, (layout.width() - 2.0 * side) / BARS.len() as f64);
    let highest = distribution.counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let labels = if layout == Layout::Wide { BARS } else { SHORT };
    let mut description = String::new();
    for (i, (count, label)) in distribution.counts.iter().zip(labels).enumerate() {
        let (left, high) = (side + step * i as f64 + step * 0.12, HEIGHT * *count as f64 / highest);
        let (middle, right, y) = (side + step * (i as f64 + 0.5), left + step * 0.76, bottom - high);
        let role = if i == 6 { Role::REFERENCE } else { Role::OTHER };
        if *count > 0 {
            let [left, right, y, bottom] = [left, right, y, bottom].map(short);
            canvas.shape(&format!("M{left} {bottom}V{y}H{right}V{bottom}Z"), &role.fill());
        }
        let (bold, paint) = (*count > 0, if *count > 0 { Role::Ink } else { Role::Muted });
        canvas.text(&number::count(*count as u64), (middle, y - 9.0), SMALL, bold, paint, "middle");
        canvas.text(label, (middle, bottom + 13.0), SMALL, false, Role::Muted, "middle");
        write!(description, "{}: {count}. ", BARS[i]).expect(TAKES);
    }
    let line = format!("M{} {}H{}", short(side), short(bottom), short(layout.width() - side));
    canvas.shape(&line, &format!("fill=\"none\" {} stroke-width=\"1\"", Role::Guide.stroke()));
    let description = description.trim_end().to_owned();
    Some(Chart { finding, description, layout, height: (bottom + 13.0 + side).ceil(), scale: 1.0, body: canvas.finish() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_all_are_bars_of_their_own() {
        let all = [[0.0, 10.0], [0.1, 10.0], [2.0, 10.0], [9.99, 10.0], [10.0, 10.0], [10.0, 10.0], [1.0, 0.0]];
        let distribution = Distribution::new(all);
        assert_eq!(distribution.counts, [1, 1, 1, 0, 0, 1, 2]);
        assert_eq!(distribution.median(), Some(0.2), "one of the shares that somebody has");
        assert_eq!(distribution.finding("Sum"), "Sum: 2 of 6 have all points, 1 none; the median is 20 %");
    }

    #[test]
    fn of_nobody_there_is_no_picture() {
        assert_eq!(draw("Sum", &Distribution::new([]), Layout::Wide), None);
    }
}
