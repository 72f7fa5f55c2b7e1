//! Exact statements about shares: how many of so many came out so, and what that says about all that could have been tried.

/// How sure an interval is.
const CONFIDENCE: f64 = 0.95;

/// Halvings of the interval from 0 to 1: the answer is then exact to the last digit that a number of 64 bits has.
const HALVINGS: usize = 54;

/// The exact interval of a share that was seen `hits` times in `of`, at 95 % (C. Clopper and E. Pearson, *The use of
/// confidence or fiducial limits illustrated in the case of the binomial*, Biometrika 26, 1934). All from 0 to 1 where
/// nothing was tried.
pub fn clopper_pearson(hits: usize, of: usize) -> [f64; 2] {
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let low = if hits == 0 { 0.0 } else { crossing(|share| 1.0 - at_most(hits - 1, of, share) < tail) };
    let high = if hits >= of { 1.0 } else { crossing(|share| at_most(hits, of, share) > tail) };
    [low, high]
}

/// The most hits in `of` that a share of `share` explains: more come by chance with a probability of `alarm` at the most.
pub fn most_by_chance(of: usize, share: f64, alarm: f64) -> usize {
    (0..of).find(|&hits| 1.0 - at_most(hits, of, share) <= alarm).unwrap_or(of)
}

/// Where `below` turns from true to false between 0 and 1.
fn crossing(below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The probability of `hits` or fewer in `of` tries that each hit with probability `share`.
fn at_most(hits: usize, of: usize, share: f64) -> f64 {
    if share <= 0.0 || hits >= of {
        return 1.0;
    }
    if share >= 1.0 {
        return 0.0;
    }
    // By logarithms: of a thousand tries the first term alone is too small for a number.
    let mut log_term = of as f64 * (-share).ln_1p();
    let odds = share.ln() - (-share).ln_1p();
    let mut sum = log_term.exp();
    for k in 1..=hits {
        log_term += ((of - k + 1) as f64 / k as f64).ln() + odds;
        sum += log_term.exp();
    }
    sum.min(1.0)
}

/// The middle one of `values`, or the mean of the middle two; `None` of nothing.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// Pearson's coefficient of correlation; `None` where one side does not vary.
pub fn correlation(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let (mean_x, mean_y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let sum = |f: fn(f64, f64) -> f64| points.iter().map(|p| f(p.0 - mean_x, p.1 - mean_y)).sum::<f64>();
    let (xx, yy) = (sum(|x, _| x * x), sum(|_, y| y * y));
    (xx > 0.0 && yy > 0.0).then(|| sum(|x, y| x * y) / (xx * yy).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_interval(hits: usize, of: usize, expected: [f64; 2]) {
        let interval = clopper_pearson(hits, of);
        let near = interval.iter().zip(expected).all(|(is, should)| (is - should).abs() < 5e-5);
        assert!(near, "{hits} of {of}: {interval:?}, and not {expected:?}");
    }

    #[test]
    fn intervals_are_those_of_the_tables() {
        assert_interval(0, 10, [0.0, 0.3085]);
        assert_interval(1, 10, [0.0025, 0.4450]);
        assert_interval(5, 10, [0.1871, 0.8129]);
        assert_interval(10, 10, [0.6915, 1.0]);
        // The one-sided limits at 97.5 % have a closed form where nothing, or everything, hits.
        assert_interval(0, 1000, [0.0, 1.0 - 0.025_f64.powf(1e-3)]);
        assert_interval(300, 300, [0.025_f64.powf(1.0 / 300.0), 1.0]);
        assert_interval(13, 100, [0.0711, 0.2120]);
        assert_eq!(clopper_pearson(0, 0), [0.0, 1.0]);
    }

    #[test]
    fn chance_explains_so_many_and_no_more() {
        // P(more than k of 40 at 0.5 %): 0.18, 0.017, 0.0011, 0.00005.
        assert_eq!([0.2, 0.02, 0.01, 1e-4].map(|alarm| most_by_chance(40, 0.005, alarm)), [0, 1, 2, 3]);
        assert_eq!(most_by_chance(0, 0.005, 1e-4), 0);
        assert_eq!(most_by_chance(3, 1.0, 1e-4), 3);
    }

    #[test]
    fn correlation_knows_lines_from_clouds() {
        assert!((correlation(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]).unwrap() - 1.0).abs() < 1e-12);
        assert!(correlation(&[(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0)]).unwrap().abs() < 1e-12);
        assert_eq!(correlation(&[(0.0, 1.0), (1.0, 1.0)]), None);
        assert_eq!(correlation(&[]), None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!([vec![], vec![3.0, 1.0, 2.0], vec![4.0, 1.0]].map(median), [None, Some(2.0), Some(2.5)]);
    }
}
