//! What work, span and burden say about many processors: bounds, a simulated speedup, and what limits it.

use lab::par::Scheduled;

use crate::{
    chart::number,
    results::{Burden, Place, Span},
};

/// The numbers of processors that a table shows.
pub const SHOWN: [usize; 6] = [2, 4, 8, 16, 32, 64];

/// The burdened bound counts every burden this often: Cilkscale's factor, which stands for steals that fail.
const STEALS_PER_BURDEN: f64 = 1.7;

/// A speedup of this share of the processors is all that anybody asks for.
const ENOUGH: f64 = 0.75;

/// What keeps a computation from being faster on more processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The longest chain.
    Span,
    /// Forks that cost too much for what they bring.
    Burden,
    /// Only how many there are, as far as it was simulated.
    Processors,
}

/// One number of processors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted {
    /// How many.
    pub processors: usize,
    /// By the schedule.
    pub simulated: f64,
    /// By the work law and the span law: `min(P, T_1 / T_inf)`.
    pub at_most: f64,
    /// By Cilkscale's burdened bound: `T_1 / (T_1 / P + (1 - 1 / P) 1.7 T_1 / PAR_b)`.
    pub at_least: f64,
}

impl Span {
    /// Work over span; 1 where nothing was counted.
    pub fn parallelism(&self) -> f64 {
        over(self.work, self.span)
    }

    /// Work over burdened span; 1 where nothing was counted.
    pub fn burdened_parallelism(&self) -> f64 {
        over(self.work, self.burdened_span)
    }

    /// For each number of processors that it was scheduled on.
    pub fn predicted(&self) -> Vec<Predicted> {
        let usable = self.schedule.iter().filter(|scheduled| scheduled.processors > 0 && scheduled.units > 0);
        usable.map(|&Scheduled { processors, units }| self.at(processors, units)).collect()
    }

    fn at(&self, processors: usize, units: u64) -> Predicted {
        let (work, p) = (self.work as f64, processors as f64);
        let burdened = STEALS_PER_BURDEN * self.burdened_span as f64;
        Predicted {
            processors,
            simulated: over(self.work, units),
            at_most: p.min(self.parallelism()),
            at_least: work / (work / p + (1.0 - 1.0 / p) * burdened),
        }
    }

    /// What limits it on the most processors that it was scheduled on; `None` where it was not.
    pub fn limit(&self) -> Option<(Limit, Predicted)> {
        let most = self.predicted().into_iter().max_by_key(|predicted| predicted.processors)?;
        let p = most.processors as f64;
        // Where steals cost nothing; of an older result, what a greedy scheduler reaches at the least then.
        let least = p / (1.0 + (p - 1.0) / self.parallelism());
        let free = self.unburdened.map_or(least, |units| over(self.work, units));
        let limit = if most.simulated >= ENOUGH * p {
            Limit::Processors
        } else if free >= ENOUGH * p || most.simulated < ENOUGH * free {
            Limit::Burden
        } else {
            Limit::Span
        };
        Some((limit, most))
    }

    /// [`limit`](Self::limit) in a sentence, without its full stop.
    pub fn limit_in_words(&self) -> Option<String> {
        let (limit, most) = self.limit()?;
        let (unit, processors) = (&self.unit, most.processors);
        Some(match limit {
            Limit::Span => format!(
                "its span limits it: {} of {} {unit} must follow one another, so no number of processors makes it more than {:.1} times as fast{}",
                number::count(self.span),
                number::count(self.work),
                self.parallelism(),
                self.place.as_ref().map_or_else(String::new, |place| format!("; {}", place.in_words("that chain"))),
            ),
            Limit::Burden => format!(
                "the price of its steals limits it, at this size: on {processors} processors it is {:.1} times as fast; it has {} forks, one in {} {unit}, and with that price the longest chain is {:.1} times as long",
                most.simulated,
                number::count(self.forks),
                number::count(self.work / self.forks.max(1)),
                over(self.burdened_span, self.span),
            ),
            Limit::Processors => format!(
                "only the number of processors limits it, up to {processors}: on so many it is {:.1} times as fast",
                most.simulated
            ),
        })
    }
}

impl Burden {
    /// `1,234 comparisons: 9.40 µs, the median of 300 steals by a thief that slept, at 7.62 ns a unit`.
    pub fn in_words(&self, unit: &str) -> String {
        let Self { units, nanoseconds, steals, nanoseconds_per_unit } = self;
        let time = number::seconds(*nanoseconds as f64 * 1e-9);
        let source = match steals {
            0 => "assumed, for too few steals came undisturbed to measure one".to_owned(),
            steals => format!("the median of {steals} steals by a thief that slept"),
        };
        format!("{} {unit}: {time}, {source}, at {nanoseconds_per_unit:.2} ns a unit", number::count(*units))
    }
}

impl Place {
    /// `87 % of that chain is merge, 50 % in one piece`.
    pub fn in_words(&self, chain: &str) -> String {
        let name = self.name.as_deref().unwrap_or("outside any span");
        format!("{} of {chain} is {name}, {} in one piece", number::percent(self.share), number::percent(self.longest))
    }
}

fn over(work: u64, time: u64) -> f64 {
    if time == 0 { 1.0 } else { work as f64 / time as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(work: u64, span: u64, burdened_span: u64, units: u64) -> Span {
        Span {
            unit: "comparisons".into(),
            size: 1,
            work,
            span,
            burdened_span,
            forks: 10,
            wanted: 50.0,
            burden: None,
            schedule: vec![Scheduled { processors: 1, units: work }, Scheduled { processors: 64, units }],
            place: None,
            unburdened: None,
        }
    }

    #[test]
    fn bounds_are_those_of_the_formulas() {
        let predicted = span(6400, 100, 200, 180).predicted();
        assert_eq!((predicted[0].simulated, predicted[0].at_most, predicted[0].at_least), (1.0, 1.0, 1.0));
        assert_eq!((predicted[1].simulated, predicted[1].at_most), (6400.0 / 180.0, 64.0));
        assert!((predicted[1].at_least - 6400.0 / (100.0 + 63.0 / 64.0 * 340.0)).abs() < 1e-9);
        assert_eq!(span(6400, 800, 800, 800).predicted()[1].at_most, 8.0);
    }

    #[test]
    fn what_limits_is_told_apart() {
        let limit = |span: Span| span.limit().map(|(limit, _)| limit);
        assert_eq!(limit(span(64_000, 8_000, 8_100, 8_100)), Some(Limit::Span), "a serial merge");
        assert_eq!(limit(span(64_000, 10, 4_000, 3_000)), Some(Limit::Burden), "forks without a grain");
        let even = Span { unburdened: Some(1_000), ..span(64_000, 1_000, 1_960, 1_960) };
        assert_eq!(limit(even), Some(Limit::Burden), "64 equal leaves need no more than 64 processors");
        assert_eq!(limit(span(64_000, 2_000, 30_000, 20_000)), Some(Limit::Burden), "slower by its forks than by its span");
        let enough_without_steals = span(64_000, 250, 2_000, 1_600);
        assert_eq!(limit(enough_without_steals), Some(Limit::Burden), "its span alone would let it be 51 times as fast");
        assert_eq!(limit(span(64_000, 10, 20, 1_010)), Some(Limit::Processors));
        let unscheduled = Span { schedule: Vec::new(), ..span(1, 1, 1, 1) };
        assert_eq!((limit(unscheduled.clone()), unscheduled.limit_in_words()), (None, None));
    }

    #[test]
    fn nothing_counted_divides_by_nothing() {
        let nothing = span(0, 0, 0, 0);
        assert_eq!((nothing.parallelism(), nothing.predicted(), nothing.limit()), (1.0, Vec::new(), None));
    }
}
