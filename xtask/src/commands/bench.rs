//! `cargo xtask bench`: Criterion's groups of one exercise, as a table of speedups.

use std::process::ExitCode;

use anyhow::Result;
use lab::workload::{Axis, Spec};

use super::{
    OnOne, code,
    instruments::{built, candidate, failed},
};
use crate::{
    catalog::Catalog,
    chart::{
        measured::{Measured, Speedups, Time, grows_evenly},
        number,
    },
    check::{SEED, on_how_many, printable},
    curves::{self, Sampling, Scaling},
    results::Curves,
    screen::{self, bold, faint, say, table},
};

/// Criterion's groups of one exercise.
pub fn bench(catalog: &Catalog, on: &OnOne, json: bool) -> Result<ExitCode> {
    let own = candidate(catalog, on)?;
    let exercise = own.exercise;
    let program = match built(catalog, &own)? {
        Ok(program) => program,
        Err(code) => return Ok(code),
    };
    let mut programs = vec![(own.subject.to_string(), program)];
    if let Some(reference) = catalog.reference(exercise).filter(|_| !on.solution)
        && let Ok(program) = built(catalog, &reference)?
    {
        programs.insert(0, ("reference".into(), program));
    }
    let sampling = if on.quick { Sampling::REPORT } else { Sampling::BENCH };
    let (spec, mut series) = match curves::plan(exercise, &programs, SEED, on.quick, sampling) {
        Ok(planned) => planned,
        Err(error) => return Ok(failed(exercise, &error)),
    };
    if let Some(threads) = on.threads {
        series.retain(|series| series.scaling == Scaling::Strong);
        series.iter_mut().filter(|series| series.contender != "baseline").for_each(|series| series.threads = vec![threads]);
    }
    let benched = curves::run_criterion(catalog, series)?;
    let all_timed = benched.failures.is_empty();
    for failure in &benched.failures {
        screen::warn(printable(&failure.to_string()));
    }
    let Some(curves) = benched.curves(&spec)? else {
        return Ok(failed(exercise, &anyhow::anyhow!("Criterion stored no sample")));
    };
    if json {
        screen::json(&curves);
        return Ok(code(all_timed));
    }
    say(format!(
        "{}: {} {}, {} runs in {} processes each",
        bold(&exercise.name),
        curves.size,
        spec.size_unit,
        sampling.samples(),
        sampling.processes
    ));
    for line in table(&rows(&spec, &curves)) {
        say(line);
    }
    if let Some(folder) = benched.keep(catalog, exercise) {
        say(faint(format!("Criterion's own files: {}", folder.display())));
    }
    Ok(code(all_timed))
}

/// The table: everybody at the full size, then with sizes that grow with the threads.
fn rows(spec: &Spec, curves: &Curves) -> Vec<Vec<String>> {
    let row = |cells: [&str; 6]| cells.map(String::from).to_vec();
    let mut rows = vec![row(["  contender", "on", "median", "speedup", "95 % interval", "efficiency"])];
    match Speedups::new(curves) {
        Ok(speedups) => rows.extend(of(spec.axis, "", &speedups)),
        Err(_) => rows.push(row(["  nobody but the sequential program, or not that, was timed", "", "", "", "", ""])),
    }
    if let (Some(weak), Ok(speedups), true) = (&curves.weak, Speedups::weak(curves), grows_evenly(curves)) {
        rows.extend(of(spec.axis, &format!(", {} {} each", weak.size, spec.size_unit), &speedups));
    }
    rows
}

/// The sequential program, then everybody else at every place. Efficiency means something only where threads need cores.
fn of(axis: Axis, size: &str, speedups: &Speedups) -> Vec<Vec<String>> {
    let time = |time: &Time| format!("{:.1} ms", time.median * 1e3);
    let plain = |times: f64| number::times(times).replace('\u{d7}', "x");
    let efficiency = |point: &Measured| match axis {
        Axis::InFlight => String::new(),
        Axis::Threads | Axis::Processes => number::percent(point.efficiency()),
    };
    let interval = |point: &Measured| {
        point.interval.map_or_else(|| "too few processes".into(), |[low, high]| format!("{} to {}", plain(low), plain(high)))
    };
    let mut rows = vec![vec![format!("  baseline{size}"), "1 thread".into(), time(&speedups.baseline), "1x".into()]];
    rows.iter_mut().for_each(|row| row.resize(6, String::new()));
    for contender in &speedups.contenders {
        rows.extend(contender.points.iter().map(|point| {
            vec![
                format!("  {}{size}", printable(&contender.name)),
                on_how_many(axis, point.threads),
                time(&point.time),
                plain(point.speedup),
                interval(point),
                efficiency(point),
            ]
        }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::results::{Point, Weak};

    fn point(threads: usize, time: f64, processes: usize) -> Point {
        Point { threads, samples: vec![time; processes], per_process: 1 }
    }

    #[test]
    fn the_table_says_speedups_intervals_and_efficiencies() {
        let contenders = |time: f64| {
            BTreeMap::from([
                ("baseline".into(), vec![point(1, 0.2, 10)]),
                ("reference".into(), vec![point(1, 0.25, 10), point(2, time, 3)]),
            ])
        };
        let weak = |baseline| {
            let sequential = ("baseline".into(), vec![point(1, baseline, 10)]);
            Some(Weak { size: 50, contenders: contenders(0.25).into_iter().chain([sequential]).collect() })
        };
        let curves =
            Curves { size: 100, size_unit: "keys".into(), axis: Axis::Threads, contenders: contenders(0.125), weak: weak(0.1) };
        let spec = Spec { name: "a".into(), size_unit: "keys".into(), cost_unit: None, axis: Axis::Threads, quick: 1, full: 100 };
        let lines = table(&rows(&spec, &curves));
        let words: Vec<String> = lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            words,
            [
                "contender on median speedup 95 % interval efficiency",
                "baseline 1 thread 200.0 ms 1x",
                "reference 1 thread 250.0 ms 0.80x 0.80x to 0.80x 80 %",
                "reference 2 threads 125.0 ms 1.60x too few processes 80 %",
                "baseline, 50 keys each 1 thread 100.0 ms 1x",
                "reference, 50 keys each 1 thread 250.0 ms 0.40x 0.40x to 0.40x 40 %",
                "reference, 50 keys each 2 threads 250.0 ms 0.80x too few processes 40 %",
            ]
        );
        // Half of the size takes as long as all of it: what a thread has to do does not go with it.
        assert_eq!(rows(&spec, &Curves { weak: weak(0.2), ..curves.clone() }).len(), 4);
        let waiting = Curves { axis: Axis::InFlight, ..curves };
        let spec = Spec { axis: Axis::InFlight, ..spec };
        assert!(rows(&spec, &waiting).iter().skip(1).all(|row| row[5].is_empty()), "a request in flight needs no core");
    }
}
