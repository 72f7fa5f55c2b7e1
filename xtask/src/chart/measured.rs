//! Speedups out of raw samples: medians, and intervals that assume nothing about the distribution.

use crate::results::{Curves, Point};

/// How sure an interval is at the least.
pub const CONFIDENCE: f64 = 0.95;

/// The time of one contender at one place of the axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Time {
    /// The median, in seconds.
    pub median: f64,
    /// The finite samples above 0, in order of size.
    pub samples: Vec<f64>,
    /// Samples left out because no run can take 0, less, or no number of seconds.
    pub dropped: usize,
}

/// One contender at one place of the axis, against the sequential baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Threads, processes or requests in flight.
    pub threads: usize,
    /// Its time.
    pub time: Time,
    /// `S = T_seq / T_p`, by medians.
    pub speedup: f64,
    /// The interval of `S` at [`CONFIDENCE`]; absent where there are too few samples for one.
    pub interval: Option<[f64; 2]>,
}

/// One contender.
#[derive(Debug, Clone, PartialEq)]
pub struct Contender {
    /// `reference`, `yours`, or a peer's name.
    pub name: String,
    /// By rising threads; not empty.
    pub points: Vec<Measured>,
}

/// All curves of an exercise.
#[derive(Debug, Clone, PartialEq)]
pub struct Speedups {
    /// The sequential program: `T_seq`.
    pub baseline: Time,
    /// Peers by name, then the reference, then the learner: the order in which they are drawn, the most important on top.
    pub contenders: Vec<Contender>,
}

/// Why there is nothing to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The sequential program has no usable sample, so there is no speedup.
    Baseline,
    /// Nobody but the sequential program was run.
    Contenders,
}

impl Speedups {
    /// Speedups over the median of all samples of the baseline: it ignores the number of threads.
    ///
    /// # Errors
    /// If a part is missing without which there is no speedup.
    pub fn new(curves: &Curves) -> Result<Self, Missing> {
        let baseline = curves.contenders.get("baseline").into_iter().flatten().flat_map(|point| &point.samples);
        let baseline = Time::new(baseline.copied()).ok_or(Missing::Baseline)?;
        let mut contenders: Vec<_> = curves
            .contenders
            .iter()
            .filter(|(name, _)| *name != "baseline")
            .filter_map(|(name, points)| Contender::new(name, points, &baseline))
            .collect();
        contenders.sort_by_key(|contender| (rank(&contender.name), contender.name.clone()));
        if contenders.is_empty() { Err(Missing::Contenders) } else { Ok(Self { baseline, contenders }) }
    }

    /// The contender of that name.
    pub fn contender(&self, name: &str) -> Option<&Contender> {
        self.contenders.iter().find(|contender| contender.name == name)
    }

    /// Whom a finding is about: the learner where there is one, else the reference, else the first peer.
    pub fn subject(&self) -> &Contender {
        self.contenders.last().expect("`new` lets no empty list through")
    }

    /// Every place of the axis that anybody was measured at, rising.
    pub fn places(&self) -> Vec<usize> {
        let mut places: Vec<_> = self.contenders.iter().flat_map(|c| &c.points).map(|point| point.threads).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// Peers first, the learner last.
fn rank(name: &str) -> u8 {
    match name {
        "yours" => 2,
        "reference" => 1,
        _ => 0,
    }
}

impl Contender {
    fn new(name: &str, points: &[Point], baseline: &Time) -> Option<Self> {
        let mut points: Vec<_> = points.iter().filter_map(|point| Measured::new(point, baseline)).collect();
        points.sort_by_key(|point| point.threads);
        points.dedup_by_key(|point| point.threads);
        (!points.is_empty()).then(|| Self { name: name.to_owned(), points })
    }

    /// Its point at that place.
    pub fn at(&self, threads: usize) -> Option<&Measured> {
        self.points.iter().find(|point| point.threads == threads)
    }

    /// Its last point.
    pub fn last(&self) -> &Measured {
        self.points.last().expect("a contender has a point")
    }

    /// Its fastest point; of equals the one with fewer threads.
    pub fn best(&self) -> &Measured {
        self.points.iter().rev().max_by(|a, b| a.speedup.total_cmp(&b.speedup)).expect("a contender has a point")
    }
}

impl Measured {
    fn new(point: &Point, baseline: &Time) -> Option<Self> {
        let time = Time::new(point.samples.iter().copied())?;
        // Both times are uncertain. If each interval misses with at most half of the risk, both together miss with at most
        // all of it (Bonferroni), whatever the distributions are.
        let risk = (1.0 - CONFIDENCE) / 2.0;
        let interval = match (baseline.interval(1.0 - risk), time.interval(1.0 - risk)) {
            (Some([low, high]), Some([fast, slow])) => Some([low / slow, high / fast]),
            _ => None,
        };
        Some(Self { threads: point.threads, speedup: baseline.median / time.median, interval, time })
    }
}

impl Time {
    fn new(samples: impl Iterator<Item = f64>) -> Option<Self> {
        let all: Vec<f64> = samples.collect();
        let mut samples: Vec<f64> = all.iter().copied().filter(|s| s.is_finite() && *s > 0.0).collect();
        samples.sort_by(f64::total_cmp);
        let dropped = all.len() - samples.len();
        (!samples.is_empty()).then(|| Self { median: median(&samples), samples, dropped })
    }

    /// The narrowest pair of order statistics, equally far from both ends, that holds the true median with at least the
    /// given confidence: `[x_k, x_(n+1-k)]` misses with probability `2 P(B <= k-1)`, B being binomial(n, 1/2).
    ///
    /// At 95 % it takes 6 samples, at 97.5 % it takes 7.
    pub fn interval(&self, confidence: f64) -> Option<[f64; 2]> {
        let n = self.samples.len();
        // In logarithms, for 2^-n is 0 in floating point from n = 1075 on.
        let mut log_choose = -(n as f64) * std::f64::consts::LN_2;
        let mut tail = 0.0;
        let mut k = 0;
        while k < n / 2 {
            tail += log_choose.exp();
            if 2.0 * tail > 1.0 - confidence {
                break;
            }
            log_choose += ((n - k) as f64).ln() - ((k + 1) as f64).ln();
            k += 1;
        }
        (k > 0).then(|| [self.samples[k - 1], self.samples[n - k]])
    }
}

/// The middle value, or the mean of the two middle ones.
fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0
}

#[cfg(test)]
mod tests {
    use lab::workload::Axis;

    use super::*;

    fn time(n: usize) -> Time {
        Time::new((1..=n).map(|i| i as f64)).expect("samples")
    }

    #[test]
    fn intervals_are_the_tabulated_order_statistics() {
        // As in any table of the sign test; n = 15: 4th to 12th, 96.5 %.
        assert_eq!(time(15).interval(0.95), Some([4.0, 12.0]));
        assert_eq!(time(6).interval(0.95), Some([1.0, 6.0]));
        assert_eq!(time(5).interval(0.95), None);
        assert_eq!(time(20).interval(0.95), Some([6.0, 15.0]));
        assert_eq!(time(100).interval(0.95), Some([40.0, 61.0]));
        assert_eq!(time(7).interval(0.975), Some([1.0, 7.0]));
        assert!(time(5000).interval(0.95).is_some_and(|[low, high]| low > 2400.0 && high < 2600.0));
    }

    type Given<'a> = (usize, &'a [f64]);

    fn curves(contenders: &[(&str, &[Given])]) -> Curves {
        let points =
            |points: &[Given]| points.iter().map(|(threads, s)| Point { threads: *threads, samples: s.to_vec() }).collect();
        Curves {
            size: 1,
            size_unit: "keys".into(),
            axis: Axis::Threads,
            contenders: contenders.iter().map(|(name, list)| ((*name).to_owned(), points(list))).collect(),
        }
    }

    #[test]
    fn a_speedup_is_the_ratio_of_medians_and_its_interval_holds_it() {
        let seven = [1.9, 2.0, 2.0, 2.0, 2.0, 2.0, 2.1];
        let fast = [0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 1.25];
        let speedups = Speedups::new(&curves(&[("baseline", &[(1, &seven)]), ("yours", &[(2, &fast)])])).expect("a curve");
        let point = speedups.subject().last();
        assert_eq!(point.speedup, 2.0);
        assert_eq!(point.interval, Some([1.9 / 1.25, 2.1 / 0.9]));
    }

    #[test]
    fn samples_that_are_no_time_are_left_out_and_counted() {
        let wild = [f64::NAN, 0.0, -1.0, f64::INFINITY, 0.5];
        let speedups =
            Speedups::new(&curves(&[("baseline", &[(1, &[1.0])]), ("yours", &[(1, &wild), (2, &[f64::NAN])])])).expect("a curve");
        let points = &speedups.subject().points;
        assert_eq!(points.len(), 1, "a place without a usable sample is not drawn");
        assert_eq!((points[0].speedup, points[0].time.dropped, points[0].interval), (2.0, 4, None));
    }

    #[test]
    fn without_a_baseline_there_is_no_speedup() {
        assert_eq!(Speedups::new(&curves(&[("yours", &[(1, &[1.0])])])), Err(Missing::Baseline));
        assert_eq!(Speedups::new(&curves(&[("baseline", &[(1, &[0.0])]), ("yours", &[(1, &[1.0])])])), Err(Missing::Baseline));
        assert_eq!(Speedups::new(&curves(&[("baseline", &[(1, &[1.0])])])), Err(Missing::Contenders));
    }
}
