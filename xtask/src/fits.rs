//! Laws of scaling, fitted to measured speedups: Amdahl's, Gunther's, and the serial fraction of Karp and Flatt.
//!
//! A law with two parameters goes through any two points, so fits are refused where there are too few: what they would say
//! comes from the law, and not from the machine.

use serde::{Deserialize, Serialize};

/// Which law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Law {
    /// A share of the work is serial, and the rest is shared (Amdahl, Validity of the single processor approach, 1967).
    Amdahl,
    /// The universal scalability law: besides that, every pair of threads costs something (Gunther, Guerrilla Capacity
    /// Planning, 2007).
    Scalability,
}

impl Law {
    /// Different numbers of threads that a fit takes at the least.
    pub fn points(self) -> usize {
        match self {
            Self::Amdahl => 4,
            Self::Scalability => 6,
        }
    }

    /// As it is called in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amdahl => "Amdahl\u{2019}s law",
            Self::Scalability => "the universal scalability law",
        }
    }
}

/// A law with its parameters: `S(p) = one * p / (1 + contention * (p - 1) + coherence * p * (p - 1))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Which law.
    pub law: Law,
    /// The speedup of one thread: below 1 where the parallel program has more to do than the sequential one.
    pub one: f64,
    /// The share of the work that is serial, or for which threads queue; from 0 to 1.
    pub contention: f64,
    /// The cost of each pair of threads, in times of the whole work; 0 in Amdahl's law.
    pub coherence: f64,
    /// The root of the mean square of what is left between law and points, as a speedup.
    pub residual: f64,
}

/// Too few different numbers of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFew {
    /// So many there are.
    pub points: usize,
    /// So many it takes.
    pub wanted: usize,
}

impl Fit {
    /// Fits `law` to points of threads and speedup by least squares. Points beyond `cores` are left out: there threads share
    /// cores, of which no law here knows.
    ///
    /// # Errors
    /// Where too few points are left.
    pub fn of(law: Law, points: &[(usize, f64)], cores: usize) -> Result<Self, TooFew> {
        let mut points: Vec<(f64, f64)> =
            points.iter().filter(|(p, _)| (1..=cores).contains(p)).map(|&(p, speedup)| (p as f64, speedup)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by_key(|point| point.0);
        if points.len() < law.points() {
            return Err(TooFew { points: points.len(), wanted: law.points() });
        }
        let search = Search { law, points };
        let (contention, coherence) = search.best();
        let one = search.one(contention, coherence);
        let residual = (search.squares(contention, coherence) / search.points.len() as f64).sqrt();
        Ok(Self { law, one, contention, coherence, residual })
    }

    /// The speedup that the law gives for `threads`.
    pub fn at(&self, threads: f64) -> f64 {
        self.one * shape(threads, self.contention, self.coherence)
    }
}

/// The speedup over one thread.
fn shape(p: f64, contention: f64, coherence: f64) -> f64 {
    p / (1.0 + contention * (p - 1.0) + coherence * p * (p - 1.0))
}

/// The sum of squares over two parameters; the third is linear, and has the best value in closed form for any two of those.
struct Search {
    law: Law,
    points: Vec<(f64, f64)>,
}

impl Search {
    fn one(&self, contention: f64, coherence: f64) -> f64 {
        let shapes = || self.points.iter().map(|&(p, speedup)| (shape(p, contention, coherence), speedup));
        shapes().map(|(shape, speedup)| shape * speedup).sum::<f64>() / shapes().map(|(shape, _)| shape * shape).sum::<f64>()
    }

    fn squares(&self, contention: f64, coherence: f64) -> f64 {
        let one = self.one(contention, coherence);
        self.points.iter().map(|&(p, speedup)| (speedup - one * shape(p, contention, coherence)).powi(2)).sum()
    }

    /// The best of a coarse grid, then a compass search from there: a step to either side of each parameter, half as long
    /// where none is better (Kolda, Lewis and Torczon, Optimization by Direct Search, 2003). It needs no derivative, keeps to
    /// the bounds by itself, and the grid keeps it out of a second valley.
    fn best(&self) -> (f64, f64) {
        let coherences = || std::iter::once(0.0).chain((0..24).map(|i| 0.5_f64.powi(i)).filter(|_| self.law != Law::Amdahl));
        let grid = (0..=50).flat_map(|i| coherences().map(move |coherence| (f64::from(i) / 50.0, coherence)));
        let at = |place: (f64, f64)| self.squares(place.0, place.1);
        let mut best = grid.min_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap_or((0.0, 0.0));
        let mut steps = (0.02, best.1.max(1e-6) / 2.0);
        while steps.0 > 1e-12 {
            let (dx, dy) = steps;
            let around = [(dx, 0.0), (-dx, 0.0), (0.0, dy), (0.0, -dy), (dx, -dy), (-dx, dy)];
            let allowed = |(x, y): (f64, f64)| {
                ((best.0 + x).clamp(0.0, 1.0), if self.law == Law::Amdahl { 0.0 } else { (best.1 + y).max(0.0) })
            };
            let next = around.map(allowed).into_iter().min_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap_or(best);
            if at(next) < at(best) {
                best = next;
            } else {
                steps = (dx / 2.0, dy / 2.0);
            }
        }
        best
    }
}

/// The serial fraction `e = (1/S - 1/p) / (1 - 1/p)` that explains a speedup, of two threads or more (Karp and Flatt,
/// Measuring Parallel Processor Performance, 1990). Below 0 where the speedup is more than ideal.
pub fn serial_fraction(speedup: f64, threads: usize) -> Option<f64> {
    let each = 1.0 / threads as f64;
    (threads >= 2 && speedup > 0.0).then(|| (1.0 / speedup - each) / (1.0 - each))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [usize; 8] = [1, 2, 3, 4, 6, 8, 12, 16];

    fn points(places: &[usize], one: f64, contention: f64, coherence: f64) -> Vec<(usize, f64)> {
        places.iter().map(|&p| (p, one * shape(p as f64, contention, coherence))).collect()
    }

    fn assert_near(found: Fit, one: f64, contention: f64, coherence: f64, within: f64) {
        let off = [found.one - one, found.contention - contention, found.coherence - coherence];
        assert!(off.iter().all(|off| off.abs() < within), "{found:?} is off by {off:?}");
    }

    #[test]
    fn exact_points_give_the_parameters_back() {
        for (one, serial) in [(1.0, 0.05), (0.9, 0.0), (0.5, 0.4), (1.1, 1.0), (0.97, 0.002)] {
            let fit = Fit::of(Law::Amdahl, &points(&PLACES[..4], one, serial, 0.0), 16).unwrap();
            assert_near(fit, one, serial, 0.0, 1e-6);
            assert!(fit.residual < 1e-6, "{fit:?}");
        }
        for (one, contention, coherence) in [(1.0, 0.03, 0.001), (0.8, 0.0, 0.01), (0.95, 0.2, 0.0), (1.0, 0.1, 0.3)] {
            let fit = Fit::of(Law::Scalability, &points(&PLACES, one, contention, coherence), 16).unwrap();
            assert_near(fit, one, contention, coherence, 1e-5);
            assert!((fit.at(16.0) - one * shape(16.0, contention, coherence)).abs() < 1e-6, "{fit:?}");
        }
    }

    #[test]
    fn noise_of_a_percent_moves_the_parameters_by_little() {
        let noise = [1.01, 0.99, 1.0, 1.01, 0.99, 1.01, 0.995, 1.0];
        let noisy = |exact: Vec<(usize, f64)>| -> Vec<(usize, f64)> {
            exact.iter().zip(noise).map(|((p, speedup), factor)| (*p, speedup * factor)).collect()
        };
        let fit = Fit::of(Law::Amdahl, &noisy(points(&PLACES, 0.95, 0.1, 0.0)), 16).unwrap();
        assert_near(fit, 0.95, 0.1, 0.0, 0.02);
        assert!(fit.residual > 0.005 && fit.residual < 0.06, "{fit:?}");
        let fit = Fit::of(Law::Scalability, &noisy(points(&PLACES, 0.95, 0.05, 0.01)), 16).unwrap();
        assert_near(fit, 0.95, 0.05, 0.01, 0.03);
    }

    #[test]
    fn the_parameters_keep_to_their_bounds() {
        // More than ideal at every step: no share of the work is serial, and none is less than nothing.
        let fit = Fit::of(Law::Scalability, &[(1, 1.0), (2, 2.2), (3, 3.5), (4, 5.0), (6, 8.0), (8, 11.0)], 8).unwrap();
        assert_eq!((fit.contention, fit.coherence), (0.0, 0.0));
        let fit = Fit::of(Law::Amdahl, &[(1, 1.0), (2, 0.5), (3, 0.3), (4, 0.2)], 8).unwrap();
        assert_eq!((fit.contention, fit.coherence), (1.0, 0.0));
    }

    #[test]
    fn too_few_points_are_refused() {
        let few = points(&[1, 2, 3, 4, 4, 4, 6], 1.0, 0.1, 0.0);
        assert_eq!(Fit::of(Law::Scalability, &few, 8), Err(TooFew { points: 5, wanted: 6 }));
        assert_eq!(Fit::of(Law::Amdahl, &few, 3), Err(TooFew { points: 3, wanted: 4 }), "beyond the cores none counts");
        assert_eq!(Fit::of(Law::Amdahl, &points(&[1, 2, 4], 1.0, 0.0, 0.0), 2), Err(TooFew { points: 2, wanted: 4 }));
        assert!(Fit::of(Law::Amdahl, &few, 4).is_ok());
    }

    #[test]
    fn points_beyond_the_cores_change_nothing() {
        let mut all = points(&PLACES[..5], 0.9, 0.1, 0.0);
        let within = Fit::of(Law::Amdahl, &all, 6);
        all.push((12, 0.1));
        assert_eq!(Fit::of(Law::Amdahl, &all, 6), within);
    }

    #[test]
    fn the_serial_fraction_of_amdahls_law_is_its_own() {
        for p in [2, 3, 8, 64] {
            let found = serial_fraction(shape(p as f64, 0.07, 0.0), p).unwrap();
            assert!((found - 0.07).abs() < 1e-12, "{found}");
        }
        assert_eq!(serial_fraction(1.0, 1), None, "one thread tells nothing");
        assert!(serial_fraction(2.5, 2).unwrap() < 0.0);
    }
}
