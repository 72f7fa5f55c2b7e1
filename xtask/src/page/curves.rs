//! The curves of one exercise in the page: chart, numbers, what they say about scaling, and what the machine allows.

use std::fmt::Write;

use lab::workload::Axis;

use super::{
    TAKES, anchor,
    exercise::missing,
    html::{Cell, table},
    name,
};
use crate::{
    chart::{
        Chart, Layout,
        measured::{Contender, Measured, Missing, Speedups, Time, grows_evenly, growth},
        number,
        speedup::{self, Beside},
        text::escape,
    },
    fits::{Fit, Law},
    results::{Bandwidth, Ceilings, Curves, Evidence, ExerciseResult, Results, SubjectResult, Weak},
};

const NONE: &str = "\u{2013}";

/// The speedup chart of one exercise; `None` where nobody was benched.
pub fn chart(exercise: &ExerciseResult, results: &Results, layout: Layout) -> Option<Result<Chart, Missing>> {
    let curves = exercise.curves.as_ref()?;
    let beside = Beside { ceilings: results.ceilings.as_ref(), predicted: &predicted(exercise, curves) };
    Some(speedup::draw(&exercise.path, curves, results.machine.cores, beside, layout))
}

/// What work and span promise whom the chart is about, by threads: the schedule says how many times as fast as on one thread
/// it would be, and how fast it is on one thread was measured.
fn predicted(exercise: &ExerciseResult, curves: &Curves) -> Vec<(usize, f64)> {
    let Ok(speedups) = Speedups::new(curves) else { return Vec::new() };
    let contender = speedups.subject();
    let of_it = |subject: &&SubjectResult| subject.subject.to_string() == contender.name;
    let checks = exercise.subjects.iter().find(of_it).into_iter().flat_map(|subject| &subject.checks);
    let span = checks.filter_map(|check| check.evidence.as_ref()).find_map(|evidence| match evidence {
        Evidence::Span(span) => Some(span),
        Evidence::Speed(_) => None,
    });
    let (Some(span), Some(one)) = (span, contender.at(1)) else { return Vec::new() };
    span.predicted().iter().map(|point| (point.processors, point.simulated * one.speedup)).collect()
}

/// The chart of its weak scaling, where there are points enough for one and its size says how much there is to do.
pub fn weak_chart(exercise: &ExerciseResult, results: &Results, layout: Layout) -> Option<Chart> {
    let curves = exercise.curves.as_ref().filter(|curves| grows_evenly(curves))?;
    speedup::draw_weak(&exercise.path, curves, results.machine.cores, layout)
}

/// Appends all that is to be said of them.
pub fn section(page: &mut String, exercise: &ExerciseResult, results: &Results) {
    let make = format!("cargo xtask bench {}", name(&exercise.path));
    let Some(curves) = &exercise.curves else {
        return missing(page, "No run times are in this report.", &make, "measures them");
    };
    let draw = |layout| chart(exercise, results, layout);
    match (draw(Layout::Wide), draw(Layout::Narrow), Speedups::new(curves)) {
        (Some(Ok(wide)), Some(Ok(narrow)), Ok(speedups)) => {
            figure(page, "", &format!("{}-speedup", anchor(&exercise.path)), &wide, &narrow);
            let said = sentences(curves, &speedups, results.machine.cores);
            if !said.is_empty() {
                let items: String = said.iter().map(|sentence| format!("<li>{}</li>\n", escape(sentence))).collect();
                write!(page, "<ul class=\"note said\">\n{items}</ul>\n").expect(TAKES);
            }
            let numbers = numbers(curves, &speedups, results.machine.cores);
            write!(page, "<details>\n<summary>The numbers of this chart</summary>\n{numbers}</details>\n").expect(TAKES);
            weak(page, exercise, curves, results);
        }
        (Some(Err(Missing::Baseline)), ..) => {
            missing(page, "The sequential program has no usable run time, so there is no speedup.", &make, "measures it");
        }
        _ => missing(page, "Only the sequential program was measured.", &make, "measures everybody"),
    }
}

fn figure(page: &mut String, attributes: &str, id: &str, wide: &Chart, narrow: &Chart) {
    write!(page, "<figure{attributes}>\n{}{}</figure>\n", wide.inline(id), narrow.inline(id)).expect(TAKES);
}

/// The chart as a table. What is divided by threads means something only where the threads need cores.
fn numbers(curves: &Curves, speedups: &Speedups, cores: usize) -> String {
    let of_cores = curves.axis != Axis::InFlight;
    let mut head = vec!["", speedup::unit(curves.axis), "median time", "speedup", "95 % interval"];
    if of_cores {
        head.extend(["efficiency", "over its own 1", "serial fraction"]);
    }
    head.push("runs (processes)");
    let mut first = vec![
        Cell::text("sequential".into()),
        Cell::number(NONE.into()),
        Cell::number(number::seconds(speedups.baseline.median)),
        Cell::number("1\u{d7}".into()),
    ];
    first.resize_with(head.len() - 1, || Cell::number(NONE.into()));
    first.push(Cell::number(runs(&speedups.baseline)));
    let mut rows = vec![first];
    for contender in speedups.contenders.iter().rev() {
        rows.extend(contender.points.iter().map(|point| {
            let mut row = vec![
                Cell::text(escape(&contender.name)),
                Cell::number(number::count(point.threads as u64)),
                Cell::number(number::seconds(point.time.median)),
                Cell::number(number::times(point.speedup)),
                Cell::number(interval(point, number::times)),
            ];
            if of_cores {
                row.extend(shares(contender, point, cores).map(Cell::number));
            }
            row.push(Cell::number(runs(&point.time)));
            row
        }));
    }
    table("numbers", &head.into_iter().map(str::to_owned).collect::<Vec<_>>(), &rows)
}

/// Efficiency, speedup over the same program on one thread, serial fraction.
fn shares(contender: &Contender, point: &Measured, cores: usize) -> [String; 3] {
    let none = || NONE.to_owned();
    let own = contender.at(1).filter(|_| point.threads > 1).map(|one| number::times(one.time.median / point.time.median));
    // Where threads share a core, the fraction would count their waiting as serial code.
    let serial = point.serial_fraction().filter(|_| point.threads <= cores).map(|fraction| match point.serial_interval() {
        Some([low, high]) => format!("{} ({} to {})", fraction_of(fraction), bare(low), bare(high)),
        None => fraction_of(fraction),
    });
    [number::percent(point.efficiency()), own.unwrap_or_else(none), serial.unwrap_or_else(none)]
}

fn interval(point: &Measured, written: impl Fn(f64) -> String) -> String {
    match point.interval {
        Some([low, high]) => format!("{} to {}", written(low), written(high)),
        None if point.time.processes.is_some() => "too few processes".into(),
        None => "too few runs".into(),
    }
}

/// `2.1 %`, `−0.4 %`: small shares, either side of nothing.
fn fraction_of(share: f64) -> String {
    format!("{} %", bare(share))
}

fn bare(share: f64) -> String {
    let text = format!("{:.1}", 100.0 * share);
    text.strip_prefix('-').map_or(text.clone(), |rest| if rest == "0.0" { rest.into() } else { format!("\u{2212}{rest}") })
}

fn runs(time: &Time) -> String {
    let mut runs = number::count(time.samples.len() as u64);
    if let Some(processes) = time.processes {
        write!(runs, " ({})", number::count(processes as u64)).expect(TAKES);
    }
    match time.dropped {
        0 => runs,
        dropped => {
            format!("{runs} (and {} that {} no time)", number::count(dropped as u64), if dropped == 1 { "is" } else { "are" })
        }
    }
}

/// What the numbers say about scaling, sentence by sentence; nothing of requests in flight.
fn sentences(curves: &Curves, speedups: &Speedups, cores: usize) -> Vec<String> {
    if curves.axis == Axis::InFlight {
        return Vec::new();
    }
    let own: Vec<&Contender> = speedups.contenders.iter().filter(|contender| contender.is_own()).collect();
    let mut said: Vec<String> = one_thread(curves.axis, speedups).into_iter().collect();
    said.extend(own.iter().filter_map(|contender| serial_sentence(curves.axis, contender, cores)));
    // The points are the same for all: what is refused to one is refused to all, and said once.
    for sentence in own.iter().flat_map(|contender| fit_sentences(contender, cores)) {
        if !said.contains(&sentence) {
            said.push(sentence);
        }
    }
    said
}

/// What it costs to be able to run in parallel: `T_1 / T_seq` of everybody.
fn one_thread(axis: Axis, speedups: &Speedups) -> Option<String> {
    let cost = |contender: &Contender| {
        let one = contender.at(1)?;
        Some(format!("{}\u{a0}{}", contender.name, number::times(one.time.median / speedups.baseline.median)))
    };
    let costs: Vec<String> = speedups.contenders.iter().rev().filter_map(cost).collect();
    let place = speedup::place(axis, 1);
    (!costs.is_empty())
        .then(|| format!("T_1 / T_seq, what a program takes {place}, in times of sequential: {}.", costs.join(", ")))
}

/// Whether the serial fraction rises with the threads: that tells overhead from serial code. Told by the intervals of the
/// first and the last, and from three points on.
fn serial_sentence(axis: Axis, contender: &Contender, cores: usize) -> Option<String> {
    let points: Vec<_> = contender.points.iter().filter(|point| (2..=cores).contains(&point.threads)).collect();
    let ([first, .., last], true) = (&points[..], points.len() >= 3) else { return None };
    let at =
        |point: &Measured| Some(format!("{} {}", fraction_of(point.serial_fraction()?), speedup::place(axis, point.threads)));
    let (first_bounds, last_bounds) = (first.serial_interval()?, last.serial_interval()?);
    let (from, to, unit) = (at(first)?, at(last)?, speedup::unit(axis));
    let whose = format!("The serial fraction of {}", contender.name);
    Some(if last_bounds[0] > first_bounds[1] {
        format!("{whose} rises with the {unit}, from {from} to {to}: overhead, not serial code.")
    } else if last_bounds[1] < first_bounds[0] {
        format!("{whose} falls with the {unit}, from {from} to {to}: what it costs to be parallel is paid once.")
    } else if first_bounds[0] > 0.0 && last_bounds[0] > 0.0 {
        format!("{whose} is {from} and {to}: no trend beyond the intervals, and that is how serial code looks.")
    } else {
        format!(
            "{whose} is {from} and {to}: within the intervals that may be nothing, so neither serial code nor overhead is shown."
        )
    })
}

/// The laws that were fitted, or why none was.
fn fit_sentences(contender: &Contender, cores: usize) -> Vec<String> {
    let points = contender.speedups();
    let fit = |law| Fit::of(law, &points, cores);
    let (amdahl, scalability) = (fit(Law::Amdahl), fit(Law::Scalability));
    let name = &contender.name;
    match (amdahl, scalability) {
        (Err(few), _) => vec![format!(
            "{} measured within {}: no fit (Amdahl\u{2019}s law takes {}, the universal scalability law {}).",
            number::counted(few.points, "point", "points"),
            number::counted(cores, "core", "cores"),
            few.wanted,
            Law::Scalability.points(),
        )],
        (Ok(amdahl), scalability) => {
            let serial = fraction_of(amdahl.contention);
            let mut said =
                vec![format!("Amdahl\u{2019}s law, fitted to {name}: {serial} of the work serial; {}.", left_over(&amdahl))];
            said.push(match scalability {
                Ok(fit) => format!(
                    "The universal scalability law, fitted to {name}: {} contention, {} for each pair of threads; {}.",
                    fraction_of(fit.contention),
                    pairs(&fit),
                    left_over(&fit),
                ),
                Err(few) => format!(
                    "{} are too few for the universal scalability law, which takes {}.",
                    number::counted(few.points, "point", "points"),
                    few.wanted
                ),
            });
            said
        }
    }
}

/// What a pair of threads costs: a hundredth of a share of the work matters, for there are many pairs.
fn pairs(fit: &Fit) -> String {
    let text = format!("{:.3} %", 100.0 * fit.coherence);
    if text == "0.000 %" { "nothing".into() } else { text }
}

/// How well a law describes what was measured.
fn left_over(fit: &Fit) -> String {
    // A tenth of one thread's speedup at the least: a curve that hardly rises is described by its noise.
    let badly = fit.residual > 0.1 * fit.one;
    let how = if badly { ", so it describes the curve badly" } else { "" };
    format!("points lie {} off it (root mean square){how}", number::times(fit.residual))
}

fn weak(page: &mut String, exercise: &ExerciseResult, curves: &Curves, results: &Results) {
    let (Some(measured), Ok(speedups), Some(growth)) = (&curves.weak, Speedups::weak(curves), growth(curves)) else { return };
    if !grows_evenly(curves) {
        let said = format!(
            "No weak scaling: p times the {} are not p times the work. The sequential program takes {} as long for each of them \
             at the full size as at the share of one of the {}.",
            curves.size_unit,
            number::times(growth),
            speedup::unit(curves.axis),
        );
        writeln!(page, "<p class=\"note\">{}</p>", escape(&said)).expect(TAKES);
        return;
    }
    let draw = |layout| weak_chart(exercise, results, layout);
    if let (Some(wide), Some(narrow)) = (draw(Layout::Wide), draw(Layout::Narrow)) {
        figure(page, " class=\"small\"", &format!("{}-weak", anchor(&exercise.path)), &wide, &narrow);
    }
    write!(
        page,
        "<details>\n<summary>Weak scaling: {} {} for each of the {}</summary>\n{}</details>\n",
        number::count(measured.size),
        escape(&curves.size_unit),
        speedup::unit(curves.axis),
        weak_numbers(curves, measured, &speedups),
    )
    .expect(TAKES);
}

fn weak_numbers(curves: &Curves, weak: &Weak, speedups: &Speedups) -> String {
    let head =
        ["", speedup::unit(curves.axis), &curves.size_unit, "median time", "efficiency", "95 % interval", "runs (processes)"];
    let row = |who: &str, threads: usize, time: &Time, shares: [String; 2]| {
        let [efficiency, interval] = shares;
        vec![
            Cell::text(escape(who)),
            Cell::number(number::count(threads as u64)),
            Cell::number(number::count(weak.size * threads as u64)),
            Cell::number(number::seconds(time.median)),
            Cell::number(efficiency),
            Cell::number(interval),
            Cell::number(runs(time)),
        ]
    };
    let mut rows = vec![row("sequential", 1, &speedups.baseline, [NONE.into(), NONE.into()])];
    for contender in speedups.contenders.iter().rev() {
        rows.extend(contender.points.iter().map(|point| {
            let each = |speedup: f64| number::percent(speedup / point.threads as f64);
            row(&contender.name, point.threads, &point.time, [number::percent(point.efficiency()), interval(point, each)])
        }));
    }
    table("numbers", &head.map(str::to_owned), &rows)
}

/// What the memory allows, and how that was measured.
pub fn bandwidth(ceilings: Option<&Ceilings>) -> String {
    let told = ceilings.and_then(|ceilings| Some(format!("{}. {}", rates(ceilings)?, how_measured(ceilings))));
    told.unwrap_or_else(|| "The memory\u{2019}s bandwidth was not measured: no chart shows its ceiling.".into())
}

fn rates(ceilings: &Ceilings) -> Option<String> {
    let rate = |bandwidth: &Bandwidth| {
        let per_second = number::bandwidth(ceilings.median(bandwidth.threads)?);
        Some(format!("{per_second} on {}", number::counted(bandwidth.threads, "core", "cores")))
    };
    let rates = ceilings.bandwidth.iter().filter_map(rate).collect::<Vec<_>>().join(", ");
    let (cores, times) = *ceilings.speedups().last()?;
    let so = match number::times(times) {
        _ if cores == 1 => String::new(),
        _ if times <= 1.0 => format!(": a program that only moves memory is no faster on {cores} than on 1"),
        times => format!(": a program that only moves memory cannot be more than {times} as fast on {cores}"),
    };
    Some(format!("Memory bandwidth: {rates}{so}"))
}

fn how_measured(ceilings: &Ceilings) -> String {
    let passes = ceilings.bandwidth.iter().map(|bandwidth| bandwidth.samples.len()).min().unwrap_or(0);
    let cache = ceilings.cache.map_or_else(
        || "the system does not tell how large the last-level cache is".into(),
        |cache| format!("the last-level cache holds {}", number::mebibytes(cache)),
    );
    format!(
        "STREAM triad, medians of {} over three arrays of {}; {cache}. Counted are 24 bytes an element, without the lines that a \
         write first reads; in the cache the same loop reaches {}.",
        number::counted(passes, "pass", "passes"),
        number::mebibytes(ceilings.array),
        number::bandwidth(ceilings.in_cache),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::results::Point;

    /// Speedups with an interval of 1 % to either side, over a sequential program of 1 s.
    fn measured(points: &[(usize, f64)]) -> Speedups {
        let around = |time: f64| [0.99, 1.0, 1.0, 1.0, 1.0, 1.0, 1.01].map(|factor| factor * time).to_vec();
        let point = |threads, time| Point { threads, samples: around(time), per_process: 1 };
        let curve = points.iter().map(|&(threads, speedup)| point(threads, 1.0 / speedup)).collect();
        let contenders = BTreeMap::from([("baseline".into(), vec![point(1, 1.0)]), ("reference".into(), curve)]);
        Speedups::new(&Curves { size: 1, size_unit: "keys".into(), axis: Axis::Threads, contenders, weak: None }).expect("curves")
    }

    fn serial(points: &[(usize, f64)], cores: usize) -> Option<String> {
        serial_sentence(Axis::Threads, measured(points).subject(), cores)
    }

    #[test]
    fn a_rising_serial_fraction_is_overhead_and_a_level_one_serial_code() {
        let amdahl = |p: usize| 1.0 / (0.1 + 0.9 / p as f64);
        let level = [2, 4, 8].map(|p| (p, amdahl(p)));
        let said = serial(&level, 8).expect("three points");
        assert!(said.contains("10.0 % on 2 threads and 10.0 % on 8 threads: no trend"), "{said}");
        let rising = serial(&[(2, 1.9), (4, 3.2), (8, 4.0)], 8).expect("three points");
        assert!(rising.contains("rises with the threads, from 5.3 % on 2 threads to 14.3 % on 8 threads: overhead"), "{rising}");
        let falling = serial(&[(2, 1.5), (4, 2.9), (8, 6.5)], 8).expect("three points");
        assert!(falling.contains("falls with the threads"), "{falling}");
    }

    #[test]
    fn two_points_say_nothing_about_the_serial_fraction() {
        assert_eq!(serial(&[(1, 1.0), (2, 1.9), (4, 3.2)], 4), None, "one thread has none");
        assert_eq!(serial(&[(2, 1.9), (4, 3.2), (8, 4.0)], 4), None, "beyond the cores none counts");
    }

    #[test]
    fn small_shares_keep_a_digit_and_their_sign() {
        assert_eq!([0.021, -0.004, -0.0001, 0.5].map(fraction_of), ["2.1 %", "\u{2212}0.4 %", "0.0 %", "50.0 %"]);
    }

    #[test]
    fn what_is_not_fitted_is_said_with_the_points_that_there_are() {
        let said = |points: &[(usize, f64)], cores| fit_sentences(measured(points).subject(), cores);
        assert_eq!(
            said(&[(1, 1.0), (2, 1.9), (4, 1.8)], 2),
            ["2 points measured within 2 cores: no fit (Amdahl\u{2019}s law takes 4, the universal scalability law 6)."]
        );
        let four = said(&[(1, 1.0), (2, 1.9), (3, 2.7), (4, 3.4)], 4);
        assert!(four[0].starts_with("Amdahl\u{2019}s law, fitted to reference: ") && !four[0].contains("badly"), "{four:?}");
        assert_eq!(four[1], "4 points are too few for the universal scalability law, which takes 6.");
        let bad = said(&[(1, 1.0), (2, 2.0), (3, 0.5), (4, 2.0)], 4);
        assert!(bad[0].contains("describes the curve badly"), "{bad:?}");
    }

    #[test]
    fn bandwidth_is_told_with_what_it_means() {
        let bandwidth = |threads, rate: f64| Bandwidth { threads, samples: vec![rate; 10] };
        let of = |all| Ceilings { array: 128 << 20, cache: Some(32 << 20), bandwidth: all, in_cache: 95e9 };
        let told = |ceilings| super::bandwidth(Some(&ceilings));
        let line = told(of(vec![bandwidth(1, 9.8e9), bandwidth(2, 14.112e9)]));
        let wanted = "Memory bandwidth: 9.80 GB/s on 1 core, 14.1 GB/s on 2 cores: a program that only moves memory cannot be \
                      more than 1.44\u{d7} as fast on 2. STREAM triad, medians of 10 passes over three arrays of 128 MiB; the \
                      last-level cache holds 32 MiB. Counted are 24 bytes an element";
        assert!(line.starts_with(wanted), "{line}");
        let line = told(of(vec![bandwidth(1, 9.8e9), bandwidth(2, 9.7e9)]));
        assert!(line.contains("is no faster on 2"), "{line}");
        let line = told(of(vec![bandwidth(1, 9.8e9)]));
        assert!(line.starts_with("Memory bandwidth: 9.80 GB/s on 1 core. STREAM"), "{line}");
        let none = "The memory\u{2019}s bandwidth was not measured: no chart shows its ceiling.";
        assert_eq!([told(of(Vec::new())), super::bandwidth(None)], [none, none]);
    }
}
