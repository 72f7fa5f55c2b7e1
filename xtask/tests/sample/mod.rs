//! A made-up report with everything a real one can hold: five exercises, two subjects, failures, gaps.

pub mod failures;
pub mod losses;

use std::collections::BTreeMap;

use lab::{
    finding::{Failure, WIDTH},
    par::{PROCESSORS, Scheduled},
    workload::Axis,
};
use serde_json::json;
use xtask::{
    chart::timeline::{Row, Slice, Timeline},
    results::{
        Bandwidth, Burden, CaseResult, Ceilings, CheckResult, Curves, Evidence, ExerciseResult, FORMAT_VERSION, Load, Machine,
        Memory, Pair, Place, Point, Record, Results, Span, Speed, Subject, SubjectResult, SweepResult, SweptPoint, TraceResult,
        Verdict, Weak,
    },
};

/// The report, on a machine with so many cores.
pub fn results(cores: usize) -> Results {
    Results {
        format_version: FORMAT_VERSION,
        command: "report".into(),
        started: "2025-11-22T12:35:42Z".into(),
        seconds: 1234.5,
        commit: Some("5d34843a+".into()),
        machine: Machine {
            platform: "linux x86_64".into(),
            processor: Some("AMD EPYC 7B13".into()),
            cores,
            memory: Some(16_777_216_000),
            governor: None,
            rustc: "rustc 1.95.0 (59807616e 2026-04-14)".into(),
            schedstat: true,
        },
        seed: 1,
        exercises: vec![spin_lock(cores), process_pool(cores), crawler(), merge_sort(cores), word_count()],
        ceilings: Some(ceilings(cores)),
        submission: None,
    }
}

/// A memory that one core nearly keeps busy.
fn ceilings(cores: usize) -> Ceilings {
    let places = places(cores).into_iter().filter(|p| *p <= cores);
    let rate = |p: usize| 9.8e9 * p as f64 / (1.0 + 0.38 * (p as f64 - 1.0));
    let bandwidth = places.map(|threads| Bandwidth { threads, samples: samples(rate(threads), 10, threads as u64) }).collect();
    Ceilings { array: 128 << 20, cache: Some(32 << 20), bandwidth, in_cache: 91.5e9 }
}

/// The parsed traces of the report.
pub fn traces() -> BTreeMap<String, Timeline> {
    BTreeMap::from([
        ("algorithms/merge_sort".into(), merge_sort_trace()),
        ("processes/process_pool".into(), pool_trace()),
        ("async/crawler".into(), crawler_trace(3000)),
    ])
}

/// Samples around a time: the same on every machine, with a tail to the right as real ones have.
pub fn samples(around: f64, count: usize, salt: u64) -> Vec<f64> {
    let mut state = salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..count).map(|_| around * (0.97 + 0.05 * next() + 0.16 * next().powi(6))).collect()
}

/// A contender that is twice as slow at the smallest of five values, and settles.
fn swept(seconds: f64) -> Vec<SweptPoint> {
    let point = |step: u32| SweptPoint {
        at: 8 << step,
        size: 2_000_000,
        samples: (0..7).map(|process| seconds * (1.0 + 0.5f64.powi(step as i32) + 0.01 * f64::from(process))).collect(),
    };
    (0..5).map(point).collect()
}

/// A contender's points out of places and times.
pub fn points(count: usize, times: &[(usize, f64)]) -> Vec<Point> {
    let point = |&(threads, time): &(usize, f64)| Point {
        threads,
        samples: samples(time, count, threads as u64 * 31 + count as u64),
        per_process: 0,
    };
    times.iter().map(point).collect()
}

/// Times of a program with a serial part, that shares what cores there are.
fn scaled(time: f64, serial: f64, cores: usize, places: &[usize]) -> Vec<(usize, f64)> {
    let at = |p: usize| time * (serial + (1.0 - serial) / p.min(cores) as f64) * if p > cores { 1.04 } else { 1.0 };
    places.iter().map(|&p| (p, at(p))).collect()
}

/// The same points, from processes that gave so many samples each.
fn apart(mut points: Vec<Point>, per_process: usize) -> Vec<Point> {
    points.iter_mut().for_each(|point| point.per_process = per_process);
    points
}

fn places(cores: usize) -> Vec<usize> {
    [1, 2, 4, 8, 16].into_iter().filter(|p| *p <= 2 * cores).collect()
}

/// As in a full report: with points enough for a fit where there are cores enough.
fn dense(cores: usize) -> Vec<usize> {
    [1, 2, 3, 4, 6, 8, 16].into_iter().filter(|p| *p < cores || [cores, 2 * cores].contains(p)).collect()
}

fn check(check: &str, verdict: Verdict, (points, max_points): (f64, f64), summary: &str, cases: Vec<CaseResult>) -> CheckResult {
    let seconds = cases.iter().map(|case| case.seconds).sum::<f64>() + 0.013;
    CheckResult {
        check: check.into(),
        verdict,
        points,
        max_points,
        summary: summary.into(),
        seconds,
        cases,
        evidence: None,
        more: Vec::new(),
    }
}

fn passed(names: &[&str]) -> Vec<CaseResult> {
    names.iter().enumerate().map(|(i, name)| case(name, Verdict::Pass, 0.004 * (i + 1) as f64, None)).collect()
}

fn case(name: &str, verdict: Verdict, seconds: f64, message: Option<&str>) -> CaseResult {
    CaseResult { seconds, ..CaseResult::new(name, verdict, message.map(Into::into)) }
}

fn model(name: &str, verdict: Verdict, message: Option<&str>, executions: [u64; 2], bound: Option<u64>) -> CaseResult {
    let record = json!({
        "name": name, "verdict": verdict.to_string(), "preemption_bound": bound, "cut": bound.is_some(),
        "passes": [
            {"name": "interleavings", "executions": executions[0], "seconds": executions[0] as f64 * 6e-5},
            {"name": "weak memory", "executions": executions[1], "seconds": executions[1] as f64 * 6e-5},
        ],
        "reached": {"both got the lock": 12},
    });
    let records = vec![Record { kind: "model".into(), data: record }, Record { kind: "trace".into(), data: json!({"spans": 4}) }];
    CaseResult { records, ..case(name, verdict, 2.4, message) }
}

fn speed(verdict: Verdict, points: (f64, f64), summary: &str, against: &str, ratio: f64) -> CheckResult {
    let subject = samples(0.1 * ratio, 18, 5);
    let opponent = samples(0.1, 18, 9);
    let pairs: Vec<Pair> = subject
        .into_iter()
        .zip(opponent)
        .enumerate()
        .map(|(i, (subject, opponent))| {
            let clean = verdict != Verdict::NotMeasurable && i % 6 != 5;
            let cores = if clean { 1.99 - i as f64 * 0.003 } else { 1.42 };
            let (first, at) = (Some(i % 4 == 0 || i % 4 == 3), Some(i as f64 * 0.21));
            Pair { subject, opponent, effective_cores: Some([cores, 2.0]), clean, subject_first: first, at, seed: None }
        })
        .collect();
    let measured = verdict != Verdict::NotMeasurable;
    let speed = Speed {
        against: against.into(),
        size: 4_194_304,
        size_unit: "keys".into(),
        threads: 2,
        at: None,
        ratio: measured.then_some(ratio),
        interval: measured.then_some([ratio * 0.97, ratio * 1.04]),
        confidence: 0.965,
        pairs,
        load: Some(Load { busy: if measured { 0.01 } else { 0.4 }, waited: 0.25, idle: measured }),
        full_at: Some(1.2),
        caveats: if measured { vec![] } else { vec!["the machine was 40 % busy when it began".into()] },
    };
    CheckResult { evidence: Some(Evidence::Speed(speed)), seconds: 4.2, ..check("speed", verdict, points, summary, vec![]) }
}

fn span(verdict: Verdict, points: (f64, f64), summary: &str, span: u64) -> CheckResult {
    let evidence = Span {
        unit: "comparisons and copies".into(),
        size: 262_144,
        work: 9_437_184,
        span,
        burdened_span: span * 3,
        forks: 4_094,
        wanted: 100.0,
        burden: Some(Burden { units: 1_200, nanoseconds: 9_400, steals: 300, nanoseconds_per_unit: 7.8 }),
        schedule: PROCESSORS
            .map(|processors| Scheduled { processors, units: 9_437_184 / processors as u64 + span - span / processors as u64 })
            .into(),
        place: Some(Place { name: Some("merge".into()), share: 0.87, longest: 0.43 }),
        unburdened: None,
    };
    CheckResult { evidence: Some(Evidence::Span(evidence)), seconds: 0.21, ..check("span", verdict, points, summary, vec![]) }
}

fn subject(subject: Subject, checks: Vec<CheckResult>) -> SubjectResult {
    let counts = |check: &&CheckResult| matches!(check.verdict, Verdict::Pass | Verdict::Fail);
    let points = checks.iter().filter(counts).map(|check| check.points).sum();
    let max_points = checks.iter().filter(counts).map(|check| check.max_points).sum();
    SubjectResult { subject, points, max_points, checks }
}

/// A failing model, with the report that the checker writes.
pub fn failed_model(failure: Failure) -> CaseResult {
    let message = failure.text(WIDTH);
    let case = model(&failure.name, Verdict::Fail, Some(&message), [3, 0], None);
    let CaseResult { mut records, .. } = case.clone();
    records[0].data["failure"] = json!(failure);
    CaseResult { records, ..case }
}

fn spin_lock(cores: usize) -> ExerciseResult {
    let behaviour = ["a_guard_gives_access", "a_second_lock_waits", "try_lock_fails_while_held", "unlocks_when_a_holder_panics"];
    let places = places(cores);
    ExerciseResult {
        path: "threads/spin_lock".into(),
        title: "A spin lock and its guard".into(),
        kind: "implement".into(),
        summary: "acquire and release; a guard; why a Relaxed unlock breaks".into(),
        subjects: vec![
            subject(
                Subject::Reference,
                vec![
                    check("tests", Verdict::Pass, (3.0, 3.0), "all 4 tests pass", passed(&behaviour)),
                    check(
                        "model",
                        Verdict::Pass,
                        (5.0, 5.0),
                        "2 models hold in every execution",
                        vec![
                            model("mutual_exclusion", Verdict::Pass, None, [5_328, 30_202], None),
                            model("data_is_published", Verdict::Pass, None, [412, 1_906], Some(3)),
                        ],
                    ),
                    speed(Verdict::Pass, (2.0, 2.0), "1.04 of the time of parking_lot", "parking_lot", 1.04),
                ],
            ),
            subject(
                Subject::Yours,
                vec![
                    check("tests", Verdict::Pass, (3.0, 3.0), "all 4 tests pass", passed(&behaviour)),
                    check(
                        "model",
                        Verdict::Fail,
                        (0.0, 5.0),
                        "1 of 2 models fails: a data race in mutual_exclusion",
                        vec![
                            failed_model(failures::all().remove(0)),
                            model("data_is_published", Verdict::Pass, None, [412, 1_906], Some(3)),
                        ],
                    ),
                    speed(
                        Verdict::NotMeasurable,
                        (0.0, 2.0),
                        "the machine was busy: 0 of 18 pairs were clean",
                        "parking_lot",
                        1.1,
                    ),
                ],
            ),
        ],
        curves: Some(Curves {
            size: 2_000_000,
            size_unit: "lock acquisitions".into(),
            axis: Axis::Threads,
            contenders: BTreeMap::from([
                ("baseline".into(), points(20, &[(1, 0.0602)])),
                (
                    "reference".into(),
                    points(20, &places.iter().map(|&p| (p, 0.055 + 0.03 * (p as f64).log2())).collect::<Vec<_>>()),
                ),
                (
                    "parking_lot".into(),
                    points(20, &places.iter().map(|&p| (p, 0.058 + 0.022 * (p as f64).log2())).collect::<Vec<_>>()),
                ),
                ("std".into(), points(20, &places.iter().map(|&p| (p, 0.061 + 0.024 * (p as f64).log2())).collect::<Vec<_>>())),
            ]),
            weak: None,
        }),
        trace: None,
        notes: Vec::new(),
        sweep: Some(SweepResult {
            parameter: "distance between two <locks>".into(),
            unit: "bytes".into(),
            size_unit: "lock acquisitions".into(),
            threads: 2,
            against: Some("parking_lot".into()),
            contenders: BTreeMap::from([("reference".into(), swept(0.0513)), ("parking_lot".into(), swept(0.0417))]),
        }),
        memory: vec![
            Memory { contender: "reference".into(), size: 2_000_000, threads: 2, before: 3 << 20, peak: 3_500 << 10 },
            Memory { contender: "parking_lot".into(), size: 2_000_000, threads: 2, before: 3 << 20, peak: 5 << 30 },
        ],
        peers: Vec::new(),
    }
}

fn process_pool(cores: usize) -> ExerciseResult {
    ExerciseResult {
        path: "processes/process_pool".into(),
        title: "A pool of processes that survives their deaths".into(),
        kind: "implement".into(),
        summary: "workers that crash: retry, poison task, remote error, exactly one commit".into(),
        subjects: vec![subject(
            Subject::Reference,
            vec![
                check("tests", Verdict::Pass, (6.0, 6.0), "all 3 tests pass", passed(&["maps", "retries", "gives_up_on_poison"])),
                check(
                    "trace",
                    Verdict::Error,
                    (0.0, 2.0),
                    "the trace of worker 2 could not be merged: file is empty",
                    vec![case(
                        "two_at_a_time",
                        Verdict::Error,
                        1.2,
                        Some("cannot read target/traces/worker-2.json: unexpected end of file"),
                    )],
                ),
            ],
        )],
        curves: Some(Curves {
            size: 64,
            size_unit: "tasks".into(),
            axis: Axis::Processes,
            contenders: BTreeMap::from([
                ("baseline".into(), apart(points(14, &[(1, 0.412)]), 2)),
                ("reference".into(), apart(points(14, &scaled(0.431, 0.05, cores, &places(cores))), 2)),
            ]),
            // Larger numbers take longer.
            weak: weak(64, cores, 0.412, 1.4, 0.05),
        }),
        trace: Some(TraceResult {
            file: "traces/process_pool.json".into(),
            subject: Subject::Reference,
            threads: 2,
            losses: Some(losses::named("untold gains")),
            critical_path: None,
        }),
        notes: Vec::new(),
        sweep: None,
        memory: Vec::new(),
        peers: Vec::new(),
    }
}

fn crawler() -> ExerciseResult {
    let flights = |base: f64, floor: f64| [1, 2, 4, 8, 16, 32, 64].map(|n| (n, floor + base / n as f64));
    ExerciseResult {
        path: "async/crawler".into(),
        title: "A polite crawler".into(),
        kind: "implement".into(),
        summary: "bounded concurrency, dedupe, retry, politeness, HTML".into(),
        subjects: vec![
            subject(
                Subject::Reference,
                vec![
                    check(
                        "tests",
                        Verdict::Pass,
                        (5.0, 5.0),
                        "all 2 tests pass",
                        passed(&["visits_each_page_once", "retries_503"]),
                    ),
                    check(
                        "trace",
                        Verdict::Pass,
                        (3.0, 3.0),
                        "never more than 8 fetches in flight",
                        passed(&["at_most_eight_in_flight"]),
                    ),
                    speed(Verdict::Pass, (2.0, 2.0), "0.91 of the time of baseline", "baseline", 0.91),
                ],
            ),
            subject(
                Subject::Yours,
                vec![
                    check(
                        "tests",
                        Verdict::Fail,
                        (2.5, 5.0),
                        "1 of 2 tests fails",
                        vec![
                            case(
                                "visits_each_page_once",
                                Verdict::Fail,
                                0.31,
                                Some(
                                    "page /<script>alert(1)</script> was fetched 3 times: remember what you have already asked for\n  left: 3\n right: 1",
                                ),
                            ),
                            case("retries_503", Verdict::Pass, 0.2, None),
                        ],
                    ),
                    check(
                        "trace",
                        Verdict::Fail,
                        (0.0, 3.0),
                        "stopped after 10 s",
                        vec![case("at_most_eight_in_flight", Verdict::Fail, 10.0, None)],
                    ),
                    speed(Verdict::NotMeasurable, (0.0, 2.0), "not run: tests fail", "baseline", 1.0),
                ],
            ),
        ],
        curves: Some(Curves {
            size: 240,
            size_unit: "pages".into(),
            axis: Axis::InFlight,
            contenders: BTreeMap::from([
                ("baseline".into(), points(10, &[(1, 2.61)])),
                ("reference".into(), points(10, &flights(2.6, 0.028))),
                ("yours".into(), points(10, &flights(2.7, 0.21))),
                ("reqwest + tokio".into(), points(10, &flights(2.62, 0.045))),
            ]),
            weak: None,
        }),
        trace: Some(TraceResult {
            file: "traces/crawler.json".into(),
            subject: Subject::Yours,
            threads: 8,
            losses: Some(losses::named("requests")),
            critical_path: None,
        }),
        notes: Vec::new(),
        sweep: None,
        memory: Vec::new(),
        peers: Vec::new(),
    }
}

/// Weak scaling of a program whose sequential time at `size` is `time`, and that grows so much faster than the size; none on
/// one core.
fn weak(size: u64, cores: usize, time: f64, growth: f64, serial: f64) -> Option<Weak> {
    let each = time / cores as f64 / growth;
    let times: Vec<_> =
        places(cores).into_iter().filter(|p| *p <= cores).map(|p| (p, each * (1.0 + serial * p as f64))).collect();
    let contenders = BTreeMap::from([
        ("baseline".into(), apart(points(14, &[(1, each)]), 2)),
        ("reference".into(), apart(points(14, &times), 2)),
    ]);
    (cores > 1).then(|| Weak { size: size / cores as u64, contenders })
}

fn merge_sort(cores: usize) -> ExerciseResult {
    let places = dense(cores);
    ExerciseResult {
        path: "algorithms/merge_sort".into(),
        title: "Merge sort, and why the merge must be parallel too".into(),
        kind: "optimise".into(),
        summary: "the parallel merge removes the span; then sample sort".into(),
        subjects: vec![
            subject(
                Subject::Reference,
                vec![
                    check(
                        "tests",
                        Verdict::Pass,
                        (3.0, 3.0),
                        "all 3 tests pass",
                        passed(&["sorts", "is_stable", "handles_empty"]),
                    ),
                    span(Verdict::Pass, (4.0, 4.0), "parallelism 511, full points from 100", 18_468),
                    speed(Verdict::Pass, (3.0, 3.0), "0.98 of the time of rayon", "rayon", 0.98),
                ],
            ),
            subject(
                Subject::Yours,
                vec![
                    check(
                        "tests",
                        Verdict::Pass,
                        (3.0, 3.0),
                        "all 3 tests pass",
                        passed(&["sorts", "is_stable", "handles_empty"]),
                    ),
                    span(
                        Verdict::Fail,
                        (0.0, 4.0),
                        "parallelism 7.66: the last merge alone is half of the longest chain",
                        1_232_000,
                    ),
                    speed(Verdict::Pass, (2.25, 3.0), "1.65 times the time of rayon", "rayon", 1.65),
                ],
            ),
        ],
        curves: Some(Curves {
            size: 4_194_304,
            size_unit: "keys".into(),
            axis: Axis::Threads,
            contenders: BTreeMap::from([
                ("baseline".into(), apart(points(30, &[(1, 0.182)]), 1)),
                ("reference".into(), apart(points(30, &scaled(0.186, 0.02, cores, &places)), 1)),
                ("rayon".into(), apart(points(24, &scaled(0.184, 0.03, cores, &places)), 1)),
                ("yours".into(), apart(points(15, &scaled(0.191, 0.22, cores, &places)), 1)),
            ]),
            weak: weak(4_194_304, cores, 0.182, 1.04, 0.06),
        }),
        trace: Some(TraceResult {
            file: "traces/merge_sort.json".into(),
            subject: Subject::Yours,
            threads: 2,
            losses: Some(losses::named("every category")),
            critical_path: None,
        }),
        notes: Vec::new(),
        sweep: None,
        memory: Vec::new(),
        peers: Vec::new(),
    }
}

fn word_count() -> ExerciseResult {
    ExerciseResult {
        path: "algorithms/word_count".into(),
        title: "Counting words: map and reduce".into(),
        kind: "implement".into(),
        summary: "map-reduce: combiners, shards, skew".into(),
        subjects: vec![subject(
            Subject::Reference,
            vec![check("tests", Verdict::Pass, (4.0, 4.0), "the one test passes", passed(&["counts"]))],
        )],
        curves: None,
        trace: None,
        notes: Vec::new(),
        sweep: None,
        memory: Vec::new(),
        peers: Vec::new(),
    }
}

fn slice(name: &str, start_ms: f64, end_ms: f64, depth: usize) -> Slice {
    Slice { name: name.into(), start_us: start_ms * 1e3, end_us: end_ms * 1e3, depth }
}

fn row(process: &str, thread: &str, slices: Vec<Slice>) -> Row {
    Row { process: process.into(), thread: thread.into(), slices }
}

/// Two workers sort; the last merge runs alone.
pub fn merge_sort_trace() -> Timeline {
    let sorts = |from: f64| (0..8).map(move |i| slice("sort", from + 7.0 * f64::from(i), from + 7.0 * f64::from(i) + 6.6, 0));
    let first = sorts(2.0).chain([slice("merge", 58.2, 76.0, 0), slice("merge", 76.1, 131.0, 0)]).collect();
    let second = sorts(2.6).chain([slice("merge", 59.0, 75.2, 0)]).collect();
    Timeline {
        rows: vec![
            row("merge_sort", "main", vec![slice("prepare", 0.0, 1.9, 0)]),
            row("merge_sort", "worker 1", first),
            row("merge_sort", "worker 2", second),
        ],
    }
}

/// A parent and two workers, of which one dies.
fn pool_trace() -> Timeline {
    let tasks = |from: f64, count: u32, length: f64| {
        (0..count).map(move |i| slice("task", from + f64::from(i) * length, from + f64::from(i + 1) * length - 0.8, 0)).collect()
    };
    Timeline {
        rows: vec![
            row(
                "parent",
                "main",
                (0..40).map(|i| slice("commit", 5.0 + f64::from(i) * 5.0, 5.3 + f64::from(i) * 5.0, 0)).collect(),
            ),
            row("worker 1", "main", tasks(3.0, 10, 20.0)),
            row("worker 2", "main", tasks(4.0, 3, 20.0)),
            row("worker 3 (for 2)", "main", tasks(78.0, 6, 20.0)),
        ],
    }
}

/// So many fetches on two threads: each a moment of parsing inside a poll.
pub fn crawler_trace(fetches: u32) -> Timeline {
    let mut rows = [Vec::new(), Vec::new()];
    for i in 0..fetches {
        let start = f64::from(i) * 350.0 / f64::from(fetches);
        let poll = 100.0 / f64::from(fetches) * (1.0 + f64::from(i % 7) / 4.0);
        let row = &mut rows[(i % 2) as usize];
        row.push(slice("fetch", start, start + poll, 0));
        row.push(slice("parse", start + poll * 0.3, start + poll * 0.9, 1));
    }
    let [first, second] = rows;
    Timeline { rows: vec![row("crawler", "tokio-runtime-worker 1", first), row("crawler", "tokio-runtime-worker 2", second)] }
}
