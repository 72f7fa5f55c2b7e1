//! The report page and its charts, over made-up results of every shape.

mod sample;
mod svg;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use lab::{par::Scheduled, workload::Axis};
use svg::{assert_texts_have_room, assert_well_formed, attribute, texts};
use xtask::{
    chart::{
        Layout, interleaving, losses,
        measured::Missing,
        number, pairs, parallelism,
        speedup::{self, Beside},
        text,
        timeline::{self, Row, Slice, Timeline},
    },
    losses::{Cores, Losses, sentences},
    page,
    results::{
        Curves, Evidence, ExerciseResult, Note, PeerOutcome, PeerResult, Place, Point, Results, Span, Subject, TraceResult,
        Verdict,
    },
};

const LAYOUTS: [Layout; 2] = [Layout::Wide, Layout::Narrow];

fn trace(losses: Option<Losses>) -> TraceResult {
    TraceResult { file: "traces/a.json".into(), subject: Subject::Yours, threads: 2, losses, critical_path: None }
}

fn curves(axis: Axis, contenders: &[(&str, Vec<Point>)]) -> Curves {
    let contenders = contenders.iter().map(|(name, points)| ((*name).to_owned(), points.clone())).collect();
    Curves { size: 4_194_304, size_unit: "keys".into(), axis, contenders, weak: None }
}

fn find<'a>(results: &'a Results, path: &str) -> &'a ExerciseResult {
    results.exercises.iter().find(|exercise| exercise.path == path).expect("it is in the sample")
}

#[test]
fn the_same_results_are_the_same_bytes() {
    let (results, traces) = (sample::results(2), sample::traces());
    assert_eq!(page::render(&results, &traces), page::render(&results.clone(), &traces.clone()));
    assert_eq!(page::charts(&results, &traces), page::charts(&results, &traces));
    assert_eq!(page::charts(&results, &traces).len(), 12);
}

#[test]
fn page_and_files_are_well_formed_and_load_nothing() {
    for cores in [1, 2, 8] {
        let (results, traces) = (sample::results(cores), sample::traces());
        let page = page::render(&results, &traces);
        assert_well_formed(&page);
        for outside in ["http:", "https:", "//www", " src=", "url(", "@import", "<script", "<link", "<iframe", "<img", " onload"]
        {
            assert!(!page.contains(outside), "the page holds {outside}");
        }
        for (name, file) in page::charts(&results, &traces) {
            assert_well_formed(&file);
            assert!(file.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\""), "{name}");
            assert!(file.contains("role=\"img\"") && file.contains("<title") && file.contains("<desc"), "{name}");
        }
    }
}

#[test]
fn headings_do_not_skip_a_level() {
    let page = page::render(&sample::results(2), &sample::traces());
    let levels: Vec<u32> = page.split("<h").skip(1).filter_map(|rest| rest.chars().next()?.to_digit(10)).collect();
    assert_eq!((levels.first(), levels.iter().filter(|level| **level == 1).count()), (Some(&1), 1));
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
}

#[test]
fn texts_have_room_whatever_the_names_and_however_many() {
    let names = [
        "rayon",
        "chili",
        "a crate with a name that is longer than the chart is wide, and then some more of it",
        "WWWWWWWWWWWWWWWWWWWWWWWWW",
        "并行归并排序并行归并排序并行归并排序",
        "<b>&amp;\"quoted\"</b>",
        "tbb\u{202e}\n\u{7}",
        "libstdc++",
        "x",
        "std",
        "parlay",
        "ips4o",
    ];
    for cores in [1, 2, 8, 64] {
        let ceilings = sample::results(cores).ceilings;
        let predicted: Vec<_> = (1..=64).map(|p| (p, p as f64 * 0.97)).collect();
        let beside = Beside { ceilings: ceilings.as_ref(), predicted: &predicted };
        for axis in [Axis::Threads, Axis::Processes, Axis::InFlight] {
            for places in [&[1][..], &[2], &[4], &[1, 2], &[1, 2, 3, 4], &[1, 2, 4, 8, 16, 32, 64, 128], &[8, 1000], &[3, 4]] {
                for peers in [0, 1, 5, names.len()] {
                    let times: Vec<_> = places.iter().map(|p| (*p, 0.2 / *p as f64)).collect();
                    let mut list = vec![("baseline", sample::points(9, &[(1, 0.18)])), ("yours", sample::points(9, &times))];
                    list.extend(names[..peers].iter().map(|name| (*name, sample::points(9, &times))));
                    let path = "algorithms/an_exercise_with_quite_a_long_name_of_its_own";
                    for layout in LAYOUTS {
                        let chart = speedup::draw(path, &curves(axis, &list), cores, beside, layout).expect("a chart");
                        let what = format!("{axis:?}, {cores} cores, {places:?}, {peers} peers, {layout:?}");
                        assert_texts_have_room(&chart, &what);
                        assert_well_formed(&chart.file());
                    }
                }
            }
        }
    }
}

#[test]
fn pairs_have_room() {
    for exercise in sample::results(2).exercises {
        for check in exercise.subjects.into_iter().flat_map(|subject| subject.checks) {
            let Some(Evidence::Speed(mut speed)) = check.evidence else { continue };
            for against in ["rayon", "a peer with a name that is wider than any picture of the pairs can be, which is cut then"] {
                speed.against = against.into();
                speed.pairs[0].subject = f64::NAN;
                speed.pairs[1].opponent *= 3.0;
                for layout in LAYOUTS {
                    let chart = pairs::draw(&speed, Subject::Yours, layout).expect("a chart");
                    assert_texts_have_room(&chart, against);
                    assert_well_formed(&chart.file());
                    assert!(!chart.file().contains("NaN"));
                    // Each dot is a disc and a rim; the pair without a ratio has none.
                    assert_eq!(chart.file().matches("<circle").count(), 2 * (speed.pairs.len() - 1));
                }
            }
            speed.pairs.clear();
            assert_eq!(pairs::draw(&speed, Subject::Yours, Layout::Wide), None);
        }
    }
}

/// The work and span of the sample's reference and of its learner.
fn spans() -> Vec<Span> {
    let results = sample::results(2);
    let checks = find(&results, "algorithms/merge_sort").subjects.iter().flat_map(|subject| &subject.checks);
    let span = |evidence: &Evidence| if let Evidence::Span(span) = evidence { Some(span.clone()) } else { None };
    checks.filter_map(|check| check.evidence.as_ref().and_then(span)).collect()
}

#[test]
fn predictions_have_room_at_every_shape() {
    let schedules: [&[(usize, u64)]; 6] = [
        &[(1, 9_437_184), (2, 4_718_592), (64, 147_456)],
        &[(1, 9_437_184), (64, 90_000_000)],
        &[(2, 5_000_000)],
        &[(48, 300_000), (64, 290_000), (1000, 280_000)],
        &[(3, 9_437_184), (4, 1), (5, u64::MAX)],
        &[(1, 9_437_184), (2, 0), (3, 9_437_184), (0, 5)],
    ];
    for mut span in spans() {
        for (wide, name) in [(1, "merge"), (700, "W"), (40, "a name of several words "), (9, "并行归并排序")] {
            span.place = Some(Place { name: Some(name.repeat(wide)), share: 0.5, longest: 0.25 });
            for schedule in schedules.iter().map(Some).chain([None]) {
                if let Some(schedule) = schedule {
                    span.schedule = schedule.iter().map(|&(processors, units)| Scheduled { processors, units }).collect();
                }
                for layout in LAYOUTS {
                    let path = "algorithms/an_exercise_with_quite_a_long_name_of_its_own";
                    let chart = parallelism::draw(path, Subject::Yours, &span, layout).expect("a chart");
                    assert_texts_have_room(&chart, &format!("{schedule:?}, {name}, {layout:?}"));
                    assert_well_formed(&chart.file());
                    assert!(!chart.file().contains("NaN") && !chart.file().contains("inf"), "{schedule:?}");
                    assert_eq!(parallelism::draw(path, Subject::Yours, &span, layout), Some(chart));
                }
            }
        }
        for schedule in [vec![], vec![Scheduled { processors: 1, units: 7 }]] {
            span.schedule = schedule;
            assert_eq!(parallelism::draw("a/b", Subject::Yours, &span, Layout::Wide), None, "nothing is predicted");
        }
    }
}

#[test]
fn a_prediction_says_what_limits_it() {
    let [reference, yours] = &spans()[..] else { panic!("the sample has two") };
    let finding =
        |subject, span: &Span| parallelism::draw("algorithms/merge_sort", subject, span, Layout::Wide).expect("one").finding;
    assert_eq!(
        finding(Subject::Yours, yours),
        "Your merge sort gets no more than 7.66\u{d7} as fast on any number of cores: 87 % of its longest chain is merge, 43 % in one piece"
    );
    assert_eq!(
        finding(Subject::Reference, reference),
        "The reference merge sort can be 57.0\u{d7} as fast on 64 cores as on one: nothing in its span limits it"
    );
    let dear = Span { schedule: vec![Scheduled { processors: 64, units: 900_000 }], ..reference.clone() };
    assert!(
        finding(Subject::Reference, &dear)
            .ends_with("10.5\u{d7} as fast on 64 cores as on one: the price of its steals limits it")
    );

    let page = page::render(&sample::results(2), &sample::traces());
    for said in [
        "<dt>Burden of a fork</dt><dd>1,200 comparisons and copies: 9.40 \u{b5}s, the median of 300 steals by a thief that slept, at 7.80 ns a unit</dd>",
        "<dt>What limits it</dt><dd>only the number of processors limits it, up to 64: on so many it is 57.0 times as fast</dd>",
        "; 87 % of that chain is merge, 43 % in one piece</dd>",
    ] {
        assert!(page.contains(said), "not said: {said}");
    }
    let files = page::charts(&sample::results(2), &sample::traces());
    assert!(files["merge_sort-parallelism.svg"].contains("Your merge sort"), "the learner's is the one that is kept");
}

#[test]
fn a_parameter_has_a_chart_and_everybodys_memory_a_table() {
    let (results, traces) = (sample::results(2), sample::traces());
    let page = page::render(&results, &traces);
    for said in [
        "<h3>By distance between two &lt;locks&gt;</h3>",
        "The reference spin lock takes 1.23\u{d7} the time of parking_lot, from 8 to 128 bytes",
        "lock acquisitions",
        "<div>5.00 GiB</div>",
    ] {
        assert!(page.contains(said), "not said: {said}");
    }
    assert!(page::charts(&results, &traces).contains_key("spin_lock-sweep.svg"));
    let without = {
        let mut results = results;
        results.exercises.iter_mut().for_each(|exercise| (exercise.sweep, exercise.memory) = (None, Vec::new()));
        page::render(&results, &traces)
    };
    assert!(!without.contains("<h3>By ") && !without.contains("Peak memory"));
}

#[test]
fn a_span_without_a_burden_or_a_schedule_is_told_as_such() {
    let mut stored = serde_json::to_value(sample::results(2)).expect("a value");
    // As an older runner stored it.
    for subject in stored["exercises"][3]["subjects"].as_array_mut().expect("subjects") {
        let span = subject["checks"][1]["evidence"]["span"].as_object_mut().expect("work and span");
        for newer in ["burden", "schedule", "place"] {
            span.remove(newer).expect("it is stored");
        }
    }
    let results: Results = serde_json::from_value(stored).expect("older results are read");
    let page = page::render(&results, &sample::traces());
    assert!(page.contains("not known: no burden was charged") && !page.contains("What limits it"));
    assert_eq!(page::charts(&results, &sample::traces()).len(), 11);
}

#[test]
fn the_critical_path_is_told_where_there_is_one() {
    let mut results = sample::results(2);
    assert!(!page::render(&results, &sample::traces()).contains("ritical path"));
    let trace = results.exercises[3].trace.as_mut().expect("a trace");
    trace.critical_path = Some("critical path: 310 ms of 420 ms; longest stretch: <merge> (72.0 ms)".into());
    let page = page::render(&results, &sample::traces());
    assert!(page.contains("Critical path: 310 ms of 420 ms; longest stretch: &lt;merge&gt; (72.0 ms)."));
}

#[test]
fn timelines_have_room_and_stay_small() {
    let row = |i: usize| Row {
        process: format!(
            "process {} with a name that goes on and on and on, further than the picture is wide, I am afraid",
            i % 3
        ),
        thread: if i.is_multiple_of(2) { format!("tokio-runtime-worker number {i} of many") } else { format!("w{i}") },
        slices: (0..4000)
            .map(|k| {
                let start = f64::from(k) * 100.0 + (i * 7 % 13) as f64;
                Slice {
                    name: format!("kind {} of the work that is done", k % 9),
                    start_us: start,
                    end_us: start + 90.0,
                    depth: 0,
                }
            })
            .collect(),
    };
    for count in [1, 2, 8, 20, 40, 100] {
        let timeline = Timeline { rows: (0..count).map(row).collect() };
        for layout in LAYOUTS {
            let chart = timeline::draw("algorithms/merge_sort", &trace(None), &timeline, layout).expect("a chart");
            assert_texts_have_room(&chart, &format!("{count} rows, {layout:?}"));
            assert_well_formed(&chart.file());
            assert!(chart.file().len() < 60_000, "{count} rows: {} bytes", chart.file().len());
        }
    }
    // Thousands of short spans of unlike length and kind: no two pixels of a row look the same.
    let short = |thread: usize| {
        let lengths = sample::samples(60.0, 2000, thread as u64 + 1);
        let slices = lengths.iter().enumerate().map(|(k, length)| {
            let start = k as f64 * 100.0 + length;
            Slice { name: format!("kind {}", (k * 7 + thread) % 9), start_us: start, end_us: start + 90.0 - length, depth: 0 }
        });
        Row { process: "p".into(), thread: format!("thread {thread}"), slices: slices.collect() }
    };
    let restless = Timeline { rows: (0..64).map(short).collect() };
    let chart = timeline::draw("async/crawler", &trace(None), &restless, Layout::Wide).expect("a chart");
    assert!(chart.file().len() < 60_000, "{} bytes", chart.file().len());
    let busy = sample::crawler_trace(200_000);
    let chart = timeline::draw("async/crawler", &trace(None), &busy, Layout::Wide).expect("a chart");
    assert!(chart.file().len() < 60_000, "{} bytes", chart.file().len());
}

#[test]
fn losses_have_room_and_say_what_they_draw() {
    for (what, all) in sample::losses::all() {
        for layout in LAYOUTS {
            let draw = || losses::draw("algorithms/merge_sort", &trace(Some(all.clone())), layout);
            let Some(chart) = draw() else {
                assert!(["requests that the trace does not tell", "a run of no time"].contains(&what), "{what} is not drawn");
                continue;
            };
            assert_texts_have_room(&chart, &format!("{what}, {layout:?}"));
            assert_well_formed(&chart.file());
            assert!(!chart.file().contains("NaN") && !chart.file().contains("inf"), "{what}");
            assert_eq!(draw().as_ref(), Some(&chart), "{what}");
        }
    }
    assert_eq!(losses::draw("algorithms/merge_sort", &trace(None), Layout::Wide), None);
}

#[test]
fn every_loss_has_a_bar_of_its_length_and_they_lead_to_the_sum() {
    let cores = sample::losses::gains();
    let (terms, rest) = sentences::ranked(&cores);
    let chart = losses::draw("algorithms/merge_sort", &trace(Some(Losses::Cores(Box::new(cores.clone())))), Layout::Wide);
    let file = chart.expect("a chart").file();
    // Bars are rectangles: "M x y h width v16 h-width z".
    let bars: Vec<[f64; 2]> = file
        .lines()
        .filter(|line| line.starts_with("<path") && line.contains("v16h-"))
        .map(|line| {
            let (x, rest) = line.split_once(" d=\"M").expect("a path").1.split_once(' ').expect("a place");
            let width = rest.split_once('h').expect("a width").1.split_once('v').expect("a height").0;
            [x, width].map(|number| number.parse().expect("a number"))
        })
        .collect();
    assert_eq!(bars.len(), terms.len() + usize::from(rest.is_some()) + 2);
    let times = terms.iter().map(|term| term.seconds).chain(rest);
    let scale = bars[0][1] / cores.t_seq();
    let mut at = bars[0][0] + bars[0][1];
    for (time, [x, width]) in times.zip(&bars[1..]) {
        let (from, to) = (at.min(at + time * scale), at.max(at + time * scale));
        assert!((x - from).abs() < 0.3 && (x + width - to).abs() < 1.2, "{time} s from {at}: at {x}, {width} wide");
        at += time * scale;
    }
    let [x, width] = bars[bars.len() - 1];
    assert!((x + width - at).abs() < 1.0, "the bars end at {at}, and the sum at {}", x + width);
    assert_eq!(file.matches("fill=\"none\" class=\"s-green\"").count(), times_below_zero(&cores), "gains are hollow");
}

fn times_below_zero(cores: &Cores) -> usize {
    let (terms, rest) = sentences::ranked(cores);
    terms.iter().map(|term| term.seconds).chain(rest).filter(|time| *time < 0.0).count()
}

#[test]
fn losses_are_said_biggest_first_with_their_numbers_and_spans() {
    let told = |cores: Cores| sentences::tell(&Losses::Cores(Box::new(cores)));
    let merge_sort = told(sample::losses::merge_sort());
    assert_eq!(merge_sort.headline, "The speedup is 1.39\u{d7} of 2. Of 2 \u{d7} 131 ms of thread time, 80.0 ms went missing:");
    assert_eq!(
        merge_sort.lines,
        [
            "54.0 ms: threads had nothing to do: for 44 % of the time only one thread worked, longest in merge (48.0 ms alone); \
             load imbalance is 50.0 ms of it, serialisation 4.00 ms",
            "15.0 ms: threads were ready and had no core, most of all worker 1 (9.00 ms); 9.00 ms of it outside of spans, just woken \
             or looking for work",
            "12.0 ms: threads waited in lock",
            "7.00 ms: threads were on a core outside of any span (forking, looking for work, code without spans), most of \
             all worker 1 (11.0 ms)",
            "6.00 ms: threads stood still inside spans of work (a lock, a channel or a read that no span marks), most of \
             all worker 2 (6.00 ms)",
            "19.0 ms gained: the same work costs 0.90\u{d7} as much side by side as on one thread, most in sort \
             (\u{2212}11.4 ms)",
            "5.00 ms: everything else, in parts of less than 2 % each",
        ]
    );
    // What is said is what was counted: 54 + 15 + 12 + 7 + 6 - 19 + 5.
    let gains = told(sample::losses::gains());
    assert!(gains.headline.ends_with("2 \u{d7} 60.0 ms of thread time is 62.0 ms less than the sequential program takes:"));
    let less = "62.0 ms gained: the parallel program does less work than the sequential one: given one thread it takes 0.66\u{d7} its \
                time (120 ms against 182 ms)";
    assert_eq!(gains.lines[1], less);
    let untold = told(sample::losses::untold(sample::losses::merge_sort()));
    assert!(untold.lines[0].starts_with("78.0 ms: threads were idle, and this system does not tell why: for 44 %"), "{untold:?}");
    assert!(untold.notes.iter().any(|note| note.contains("does not tell when a thread had no core")), "{untold:?}");
}

#[test]
fn what_is_not_known_of_a_run_is_said() {
    for (what, said) in [
        ("unseen threads, and more than asked for", "of 12.0 ms of thread time it is not known whether a core was there for it"),
        ("unseen threads, and more than asked for", "though it was given 1. Of"),
        ("every category", "only inside spans marked waits = true"),
        ("one thread", "The speedup is 0.95\u{d7} of 1. Of 191 ms of thread time"),
        ("a run of no time", "no time that a clock could tell"),
        ("requests that the trace does not tell", "it does not tell how many were in flight"),
    ] {
        let told = sentences::tell(&sample::losses::named(what));
        let text = [vec![told.headline], told.lines, told.notes].concat().join("\n");
        assert!(text.contains(said), "{what} does not say {said:?}: {text}");
    }
}

#[test]
fn work_that_no_span_tells_of_is_not_explained() {
    let Losses::Cores(mut cores) = sample::losses::named("every category") else { panic!("of threads") };
    cores.one.lanes.iter_mut().for_each(|lane| lane.useful = 0.0);
    let silent = Losses::Cores(cores);
    let told = sentences::tell(&silent);
    assert!(told.headline.starts_with("No span tells of the work") && told.lines.is_empty(), "{told:?}");
    assert_eq!(losses::draw("a/b", &trace(Some(silent)), Layout::Wide), None);
}

#[test]
fn what_work_and_span_promise_stands_beside_what_was_measured() {
    let charts = page::charts(&sample::results(8), &sample::traces());
    let says = |name: &str| texts(&charts[name]).into_iter().map(|text| text.says).collect::<Vec<_>>().join(" ");
    let promised = |name: &str| says(name).contains("predicted from work and span");
    assert!(promised("merge_sort-speedup.svg"));
    assert!(!promised("spin_lock-speedup.svg"), "nothing was counted");
}

#[test]
fn losses_stand_in_the_page_as_sentences() {
    let page = page::render(&sample::results(2), &sample::traces());
    for exercise in sample::results(2).exercises {
        let Some(all) = exercise.trace.and_then(|trace| trace.losses) else { continue };
        let told = sentences::tell(&all);
        for said in [vec![told.headline], told.lines, told.notes].concat() {
            assert!(page.contains(&text::escape(&said)), "not said: {said}");
        }
    }
    assert_eq!(page.matches("<h3>Why the speedup is not higher</h3>").count(), 2);
    assert_eq!(page.matches("<h3>Where the time went</h3>").count(), 1);
    let flying = sentences::in_flight(&sample::losses::crawler(8)).expect("requests");
    assert_eq!(page.matches(&format!("Your crawler had {flying}</title>")).count(), 2, "the timeline, wide and narrow");
    assert_eq!(page.matches("Your crawler had requests out and no thread at work for 66 % of the time</title>").count(), 2);
    assert!(!page.contains("Your crawler kept"), "threads at work say nothing of a crawler");
}

#[test]
fn results_of_before_the_losses_are_read_and_shown() {
    let mut value = serde_json::to_value(sample::results(2)).expect("JSON");
    for exercise in value["exercises"].as_array_mut().expect("a list") {
        exercise["trace"].as_object_mut().map(|trace| trace.remove("losses"));
    }
    let results: Results = serde_json::from_value(value).expect("an older report");
    let page = page::render(&results, &sample::traces());
    assert!(!page.contains("Why the speedup is not higher") && page.contains("Your crawler kept"));
}

#[test]
fn interleavings_have_room_and_are_the_same_bytes() {
    let mut all = sample::failures::all();
    let mut crowd = sample::failures::three_threads();
    crowd.name = "crowd".into();
    for (i, step) in crowd.steps.iter_mut().enumerate() {
        step.thread = i % 5;
        step.step += 99_990;
        step.object = "an_object_whose_name_is_rather_long_for_a_picture".into();
        step.arguments = vec!["W".repeat(200), "a value of many words ".repeat(40)];
        step.file = "src/a_file_with_a_name_that_goes_on_and_on_and_on_and_on.rs".into();
        step.note = "why this step matters, in more words than fit into one line of the picture".into();
        step.reads_from = (i > 2).then_some(step.step - 3);
        step.waits_for = Some((i + 1) % 5);
        step.finished = i < 7;
    }
    all.push(crowd);
    for failure in all {
        for layout in LAYOUTS {
            let chart = interleaving::draw(&failure, layout).expect("a chart");
            assert_texts_have_room(&chart, &format!("{}, {layout:?}", failure.name));
            assert_well_formed(&chart.file());
            assert!(chart.file().contains("<title") && chart.file().contains("<desc"));
            assert_eq!(interleaving::draw(&failure, layout).as_ref(), Some(&chart));
        }
    }
}

#[test]
fn a_failing_model_is_shown_as_a_picture_and_told_once() {
    let page = page::render(&sample::results(2), &sample::traces());
    let case = page.split("<code>mutual_exclusion</code> <small>").nth(1).expect("the failing model");
    let case = &case[..case.find("</details>\n</details>").expect("a table within the case")];
    assert_eq!(case.matches("<svg class=\"chart").count(), 2, "a wide and a narrow picture");
    assert!(case.contains("<summary>The same as a table</summary>"));
    for said in ["Repair: Release instead of Relaxed", "\nstep  T0", "locked: an AtomicBool made at lib.rs:32"] {
        assert_eq!(case.matches(said.trim()).count(), 1, "{said:?} in {case}");
    }
    // Without its steps, or with a record of another version, what was printed is shown as it is.
    let mut results = sample::results(2);
    let model = &mut results.exercises[0].subjects[1].checks[1].cases[0];
    model.records[0].data["failure"]["steps"] = serde_json::json!([]);
    let without_steps = page::render(&results, &sample::traces());
    results.exercises[0].subjects[1].checks[1].cases[0].records[0].data["failure"] = serde_json::json!("unknown");
    for page in [without_steps, page::render(&results, &sample::traces())] {
        assert!(!page.contains("The same as a table") && page.contains("Repair: Release instead of Relaxed"));
        assert_well_formed(&page);
    }
}

#[test]
fn an_execution_that_explains_nothing_is_not_drawn() {
    let mut failure = sample::failures::relaxed_unlock();
    failure.message = "not yet implemented: step 1".into();
    assert_eq!(interleaving::draw(&failure, Layout::Wide), None);
    let mut failure = sample::failures::relaxed_unlock();
    failure.steps[0].thread = usize::MAX;
    assert_eq!(interleaving::draw(&failure, Layout::Wide), None, "nobody has so many threads");
    failure.steps[0].thread = 0;
    failure.threads = usize::MAX;
    assert_eq!(interleaving::draw(&failure, Layout::Wide), None, "nobody has so many threads");
    failure.steps.clear();
    assert_eq!(interleaving::draw(&failure, Layout::Wide), None);
}

#[test]
fn untrusted_text_stays_text() {
    let attack = "<script>alert(1)</script>\" onload=\"x' & \u{1b}[31m";
    let mut results = sample::results(2);
    let exercise = &mut results.exercises[2];
    exercise.title = attack.into();
    exercise.summary = attack.into();
    exercise.kind = attack.into();
    exercise.path = "async/crawler\"><script>".into();
    let curves = exercise.curves.as_mut().expect("curves");
    let points = curves.contenders["yours"].clone();
    curves.contenders.insert(attack.into(), points);
    curves.size_unit = attack.into();
    for check in exercise.subjects.iter_mut().flat_map(|subject| &mut subject.checks) {
        check.check = attack.into();
        check.summary = attack.into();
        for case in &mut check.cases {
            case.name = attack.into();
            case.verdict = Verdict::Fail;
            case.message = Some(attack.into());
        }
    }
    let outcomes =
        [PeerOutcome::Measured, PeerOutcome::Skipped(attack.into()), PeerOutcome::Error(format!("{attack}\n{attack}"))];
    exercise.peers = outcomes.map(|outcome| peer(attack, &[0.1], &[0.1], outcome)).into();
    let trace = exercise.trace.as_mut().expect("a trace");
    trace.file = "traces/\"><script>.json".into();
    let mut timeline = sample::crawler_trace(4);
    timeline.rows[0].thread = attack.into();
    timeline.rows[0].slices[0].name = attack.into();
    let mut cores = sample::losses::merge_sort();
    cores.parallel.threads[0].thread = attack.into();
    cores.parallel.threads[1].process = attack.into();
    cores.parallel.lanes[0].waits = BTreeMap::from([(attack.to_owned(), 0.012)]);
    cores.parallel.alone.as_mut().expect("alone").name = attack.into();
    trace.losses = Some(Losses::Cores(Box::new(cores)));
    let traces = BTreeMap::from([(exercise.path.clone(), timeline)]);
    results.command = attack.into();
    results.commit = Some(attack.into());
    results.started = attack.into();
    results.machine.rustc = attack.into();

    let page = page::render(&results, &traces);
    assert!(!page.contains("<script") && !page.contains("onload=\"") && !page.contains('\u{1b}'));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x&#39; &amp; \u{fffd}[31m"));
    assert_well_formed(&page);
    for file in page::charts(&results, &traces).values() {
        assert!(!file.contains("<script") && !file.contains('\u{1b}'));
        assert_well_formed(file);
    }
}

#[test]
fn a_title_says_the_numbers_that_the_samples_give() {
    let median = |points: &[Point], threads: usize| {
        let mut samples = points.iter().find(|point| point.threads == threads).expect("measured there").samples.clone();
        samples.sort_by(f64::total_cmp);
        (samples[(samples.len() - 1) / 2] + samples[samples.len() / 2]) / 2.0
    };
    for (cores, places) in [(1, 1), (2, 2), (8, 8)] {
        let results = sample::results(cores);
        let exercise = find(&results, "algorithms/merge_sort");
        let curves = exercise.curves.as_ref().expect("curves");
        let baseline = median(&curves.contenders["baseline"], 1);
        let times = |name: &str| format!("{:.2}\u{d7}", baseline / median(&curves.contenders[name], places));
        let expected = format!(
            "Your merge sort is {} as fast as sequential on {places} {}; reference\u{a0}{}, rayon\u{a0}{}",
            times("yours"),
            if places == 1 { "thread" } else { "threads" },
            times("reference"),
            times("rayon"),
        );
        let chart = speedup::draw(&exercise.path, curves, cores, Beside::default(), Layout::Wide).expect("a chart");
        assert_eq!(chart.finding, expected);
        // The same is drawn, and the label at the end of the learner's line is that of its last point.
        let drawn: Vec<_> = texts(&chart.file()).into_iter().map(|text| text.says).collect();
        assert!(drawn.join(" ").contains(&expected), "{drawn:?}");
        let last = curves.contenders["yours"].last().expect("points").threads;
        let label = format!("yours {:.2}\u{d7}", baseline / median(&curves.contenders["yours"], last));
        assert!(drawn.contains(&label), "{label} is not in {drawn:?}");
        let page = page::render(&results, &sample::traces());
        assert!(page.contains(&format!("sequential: {} for 4,194,304 keys", number::seconds(baseline))));
    }
}

#[test]
fn the_headline_counts_what_was_judged() {
    let page = page::render(&sample::results(2), &sample::traces());
    assert!(page.contains("<h1>5 exercises: reference passes 11 of 11 checks, yours 3 of 7</h1>"));
    assert!(page.contains("11 passed, 0 failed; 1 error of the runner (no points lost)"));
    assert!(page.contains("3 passed, 4 failed; 2 not measurable (no points lost)"));
    assert!(page.contains("<strong>10.75 <small>of 26 points</small></strong>"));
    assert!(page.contains("22 November 2025, 12:35 UTC"));
}

#[test]
fn guides_are_drawn_only_where_they_mean_something() {
    let dashed = "stroke-dasharray=\"40 32\"";
    let dotted = "stroke-dasharray=\"8 28\"";
    let draw = |axis, cores, places: &[usize]| {
        let times: Vec<_> = places.iter().map(|p| (*p, 0.2)).collect();
        let list = [("baseline", sample::points(9, &[(1, 0.18)])), ("yours", sample::points(9, &times))];
        speedup::draw("a/b", &curves(axis, &list), cores, Beside::default(), Layout::Wide).expect("a chart").file()
    };
    let guides = |axis, cores, places: &[usize]| {
        let file = draw(axis, cores, places);
        (file.contains(dashed), file.contains(dotted), file.contains(">oversubscribed"))
    };
    // The ideal, the cores, a region beyond them.
    assert_eq!(guides(Axis::Threads, 2, &[1, 2, 4]), (true, true, true));
    assert_eq!(guides(Axis::Threads, 2, &[1, 2]), (true, true, false));
    assert_eq!(guides(Axis::Threads, 8, &[1, 2, 4]), (true, false, false), "the cores lie beyond the axis");
    assert_eq!(guides(Axis::Threads, 1, &[1, 2]), (false, true, true), "the ideal of one core is the baseline");
    assert_eq!(guides(Axis::InFlight, 2, &[1, 2, 64]), (false, false, false), "a request in flight needs no core");
    assert_eq!(guides(Axis::Threads, 1, &[1]), (false, false, false));

    // The learner's own line is the one of 2.5 pixels, hollow markers are filled with the colour of the panel.
    let lines =
        |file: &str| file.lines().filter(|l| l.contains("class=\"s-yours\"") && l.contains("stroke-width=\"20\"")).count();
    assert_eq!(lines(&draw(Axis::Threads, 2, &[1, 2])), 1);
    assert_eq!(lines(&draw(Axis::Threads, 1, &[1])), 0, "one point is no line");
    let hollow = |file: &str| file.lines().filter(|l| l.starts_with("<circle") && l.contains("class=\"f-panel\"")).count();
    assert_eq!([hollow(&draw(Axis::Threads, 2, &[1, 2, 4])), hollow(&draw(Axis::InFlight, 2, &[1, 2, 4]))], [1, 0]);
}

/// The places of a polyline of that dash, in units of the drawing.
fn line_of(svg: &str, dash: &str) -> Vec<(f64, f64)> {
    let mut lines = svg.lines().filter(|line| line.starts_with("<polyline") && line.contains(dash));
    let line = lines.next().unwrap_or_default();
    assert_eq!(lines.next(), None, "more than one line of {dash}");
    let pair = |pair: &str| {
        let (x, y) = pair.split_once(',').expect("two coordinates");
        (x.parse().expect("a number"), y.parse().expect("a number"))
    };
    attribute(line, "points").map_or_else(Vec::new, |points| points.split(' ').map(pair).collect())
}

const FINE: &str = "stroke-dasharray=\"12 12\"";

#[test]
fn the_memory_is_a_ceiling_of_threads_only_and_named_as_that_of_some_programs() {
    let results = sample::results(2);
    let draw = |axis, cores, places: &[usize], ceilings| {
        let times: Vec<_> = places.iter().map(|p| (*p, 0.2)).collect();
        let list = [("baseline", sample::points(9, &[(1, 0.18)])), ("yours", sample::points(9, &times))];
        let beside = Beside { ceilings, predicted: &[] };
        speedup::draw("a/b", &curves(axis, &list), cores, beside, Layout::Wide).expect("a chart")
    };
    let ceilings = results.ceilings.as_ref();
    let chart = draw(Axis::Threads, 2, &[1, 2, 4], ceilings);
    let line = line_of(&chart.file(), FINE);
    assert_eq!(line.len(), 3, "one core, two, and level from there");
    assert!(line[0].1 > line[1].1 && line[1].1 == line[2].1, "{line:?}");
    let says: Vec<_> = texts(&chart.file()).into_iter().map(|text| text.says).collect();
    assert!(says.join(" ").contains("ceiling if memory-bound 1.45\u{d7}"), "{says:?}");
    assert!(chart.description.contains("ceiling if memory-bound: 1.45\u{d7} on 2 threads"), "{}", chart.description);
    for without in [
        draw(Axis::Threads, 2, &[1, 2, 4], None),
        draw(Axis::Processes, 2, &[1, 2, 4], ceilings),
        draw(Axis::InFlight, 2, &[1, 2, 4], ceilings),
        draw(Axis::Threads, 2, &[2], ceilings),
    ] {
        assert!(!without.file().contains(FINE) && !without.file().contains("memory"));
    }
}

#[test]
fn a_prediction_is_drawn_where_there_are_cores_and_measured_places() {
    let times = [(1, 0.2), (2, 0.11), (4, 0.06), (8, 0.05)];
    let list = [("baseline", sample::points(9, &[(1, 0.18)])), ("yours", sample::points(9, &times))];
    // Out of order, with what is no speedup, and beyond the cores and the places.
    let predicted = [(4, 3.4), (1, 0.99), (2, 1.9), (3, f64::NAN), (8, 5.0), (64, 11.0), (0, 0.0)];
    let draw = |predicted, layout| {
        let beside = Beside { ceilings: None, predicted };
        speedup::draw("a/b", &curves(Axis::Threads, &list), 4, beside, layout).expect("a chart")
    };
    let dotted = "class=\"s-muted\" stroke=\"#59636E\" stroke-dasharray=\"8 28\"";
    for layout in LAYOUTS {
        let chart = draw(&predicted, layout);
        let line = line_of(&chart.file(), dotted);
        assert_eq!(line.len(), 4, "at 1, 2 and 4 threads, and level from there: {line:?}");
        assert!(line[..3].windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 > pair[1].1), "{line:?}");
        assert!(line[2].0 < line[3].0 && line[2].1 == line[3].1, "{line:?}");
        let says: Vec<_> = texts(&chart.file()).into_iter().map(|text| text.says).collect();
        assert!(says.join(" ").contains("predicted from work and span 3.40\u{d7}"), "{says:?}");
        assert_texts_have_room(&chart, "with a prediction");
        assert!(line_of(&draw(&[], layout).file(), dotted).is_empty());
        assert!(line_of(&draw(&predicted[..1], layout).file(), dotted).is_empty(), "one point is no line");
    }
}

#[test]
fn laws_are_fitted_to_own_programs_where_there_are_points_enough_and_never_extrapolated() {
    let thin = |class: &str| {
        format!(
            "class=\"s-{class}\" stroke=\"{}\" stroke-dasharray=\"40 32\"",
            match class {
                "yours" => "#D55E00",
                _ => "#0072B2",
            }
        )
    };
    let draw = |cores: usize| {
        let results = sample::results(cores);
        let curves = find(&results, "algorithms/merge_sort").curves.clone().expect("curves");
        (speedup::draw("a/b", &curves, cores, Beside::default(), Layout::Wide).expect("a chart"), curves)
    };
    let (chart, _) = draw(2);
    assert!(line_of(&chart.file(), &thin("yours")).is_empty() && !chart.file().contains("fitted"));
    for (cores, law) in [(4, "Amdahl\u{2019}s law"), (8, "the universal scalability law")] {
        let (chart, _) = draw(cores);
        let says: Vec<_> = texts(&chart.file()).into_iter().map(|text| text.says).collect();
        assert!(says.join(" ").contains(&format!("thin dashes: {law}, fitted")), "{says:?}");
        // The ideal bends at the cores: there the laws end, though the axis goes on.
        let ideal = line_of(&chart.file(), "class=\"s-guide\" stroke=\"#8C959F\" stroke-dasharray=\"40 32\"");
        for who in ["yours", "reference"] {
            let line = line_of(&chart.file(), &thin(who));
            let ends = (line.first().expect("a line").0, line.last().expect("a line").0);
            assert_eq!((ideal.len(), ends), (3, (ideal[0].0, ideal[1].0)), "{who} on {cores} cores");
        }
        assert_texts_have_room(&chart, "with fits");
    }
}

#[test]
fn weak_scaling_is_a_chart_from_three_points_on_and_a_sentence_where_size_is_no_measure() {
    let results = sample::results(8);
    let sort = find(&results, "algorithms/merge_sort");
    for layout in LAYOUTS {
        let chart = speedup::draw_weak(&sort.path, sort.curves.as_ref().expect("curves"), 8, layout).expect("a chart");
        assert_texts_have_room(&chart, "weak scaling");
        assert_well_formed(&chart.file());
        let finding =
            "The reference merge sort does 5.34\u{d7} the work of sequential in the same time on 8 threads (weak scaling)";
        assert_eq!(chart.finding, finding);
        let says: Vec<_> = texts(&chart.file()).into_iter().map(|text| text.says).collect();
        assert!(says.join(" ").contains("for 524,288 keys; p threads have p times as many"), "{says:?}");
    }
    let files = page::charts(&results, &sample::traces());
    assert!(files.contains_key("merge_sort-weak.svg") && !files.contains_key("process_pool-weak.svg"));
    assert!(!page::charts(&sample::results(2), &sample::traces()).contains_key("merge_sort-weak.svg"), "two points");

    let page = page::render(&results, &sample::traces());
    assert!(page.contains("<summary>Weak scaling: 524,288 keys for each of the threads</summary>"));
    assert!(
        page.contains("No weak scaling: p times the tasks are not p times the work. The sequential program takes 1.4"),
        "its work outgrows its size"
    );
    let two = page::render(&sample::results(2), &sample::traces());
    assert!(two.contains("<summary>Weak scaling: 2,097,152 keys for each of the threads</summary>"));
    assert!(!page::render(&sample::results(1), &sample::traces()).contains("<summary>Weak scaling"));
}

#[test]
fn what_the_numbers_say_is_said_and_no_more_than_they_say() {
    let page = page::render(&sample::results(2), &sample::traces());
    let refused = "2 points measured within 2 cores: no fit (Amdahl\u{2019}s law takes 4, the universal scalability law 6).";
    assert_eq!(page.matches(refused).count(), 3, "of the three exercises that need cores, once each");
    assert!(!page.contains("fitted to") && !page.contains("The serial fraction of"));
    assert!(page.contains("Memory bandwidth: 9.8") && page.contains("as fast on 2. STREAM triad"));
    let eight = page::render(&sample::results(8), &sample::traces());
    for said in [
        "The universal scalability law, fitted to yours: ",
        "Amdahl\u{2019}s law, fitted to reference: ",
        "The serial fraction of yours is ",
        "4 points are too few for the universal scalability law, which takes 6.",
        "T_1 / T_seq, what a program takes on 1 thread, in times of sequential: ",
        "14 (7)",
    ] {
        assert!(eight.contains(said), "not said: {said}");
    }
    let mut results = sample::results(2);
    results.ceilings = None;
    let page = page::render(&results, &sample::traces());
    assert!(!page.contains("bandwidth:") && page.contains("bandwidth was not measured: no chart shows its ceiling"));
}

#[test]
fn a_report_of_an_older_runner_is_drawn_without_what_it_lacks() {
    let mut old = serde_json::to_value(sample::results(2)).expect("JSON");
    let remove = |value: &mut serde_json::Value, key: &str| value.as_object_mut().expect("an object").remove(key);
    assert!(remove(&mut old, "ceilings").is_some());
    for exercise in old["exercises"].as_array_mut().expect("exercises") {
        let Some(curves) = exercise["curves"].as_object_mut() else { continue };
        assert!(curves.remove("weak").is_some());
        for points in curves["contenders"].as_object_mut().expect("contenders").values_mut() {
            points.as_array_mut().expect("points").iter_mut().for_each(|point| {
                remove(point, "per_process");
            });
        }
    }
    let results: Results = serde_json::from_value(old).expect("readable");
    let page = page::render(&results, &sample::traces());
    assert!(page.contains("medians of 15 to 30 runs \u{b7} bars") && !page.contains(" processes \u{b7} bars"));
    assert_well_formed(&page);
}

#[test]
fn numbers_that_are_no_times_are_neither_drawn_nor_hidden() {
    let wild = Point { threads: 2, samples: vec![f64::NAN, 0.0, f64::INFINITY, -3.0, 0.09, 0.09], per_process: 0 };
    let empty = Point { threads: 4, samples: vec![f64::NAN], per_process: 0 };
    let list = [("baseline", sample::points(9, &[(1, 0.18)])), ("yours", vec![wild, empty])];
    let curves = curves(Axis::Threads, &list);
    let file = speedup::draw("a/merge_sort", &curves, 2, Beside::default(), Layout::Wide).expect("a chart").file();
    assert!(!file.contains("NaN") && !file.contains("inf"), "{file}");
    let mut results = sample::results(2);
    results.exercises.truncate(1);
    results.exercises[0].curves = Some(curves);
    let page = page::render(&results, &BTreeMap::new());
    assert!(page.contains("2 (and 4 that are no time)") && page.contains("too few runs"));
    assert!(!page.contains("NaN"));
}

#[test]
fn what_is_missing_is_named_with_the_command_that_makes_it() {
    let mut results = sample::results(2);
    results.exercises.truncate(4);
    for exercise in &mut results.exercises {
        exercise.subjects.clear();
        exercise.trace = None;
        exercise.sweep = None;
    }
    results.exercises[0].curves = None;
    results.exercises[1].curves.as_mut().expect("curves").contenders.remove("baseline");
    results.exercises[2].curves.as_mut().expect("curves").contenders.retain(|name, _| name == "baseline");
    let page = page::render(&results, &BTreeMap::new());
    assert_well_formed(&page);
    for said in [
        "<h1>4 exercises</h1>",
        "No run times are in this report. <code>cargo xtask bench spin_lock</code> measures them.",
        "The sequential program has no usable run time, so there is no speedup. <code>cargo xtask bench process_pool</code>",
        "Only the sequential program was measured. <code>cargo xtask bench crawler</code>",
        "Nobody&#39;s work was checked in this report. <code>cargo xtask check spin_lock</code>",
        "No run was traced for this report. <code>cargo xtask trace merge_sort</code>",
    ] {
        assert!(page.contains(said), "not said: {said}");
    }
    assert_eq!(page.matches("<figure>").count(), 1, "one chart in two layouts is left");

    results.exercises.clear();
    let page = page::render(&results, &BTreeMap::new());
    assert!(page.contains("<h1>0 exercises</h1>") && page.contains("<code>cargo xtask report</code> makes one of all."));
    assert_well_formed(&page);
}

#[test]
fn a_trace_that_cannot_be_drawn_is_told_from_one_that_is_not_there() {
    let results = sample::results(2);
    let page = page::render(&results, &BTreeMap::new());
    assert_eq!(page.matches("The trace could not be read.").count(), 3);
    let empty = BTreeMap::from([("async/crawler".to_owned(), Timeline::default())]);
    let page = page::render(&results, &empty);
    assert_eq!(page.matches("The trace holds no span of any length.").count(), 1);
    assert!(page.contains("<a href=\"./traces/crawler.json\">traces/crawler.json</a>"), "the link stays");
}

#[test]
fn what_could_not_be_timed_is_told_and_takes_nothing_with_it() {
    let mut results = sample::results(2);
    let before = page::render(&results, &BTreeMap::new());
    let what = "yours was not timed: on 4 threads: it ended with signal: 6 <script>".to_owned();
    results.exercises[0].notes.push(Note { what, verdict: Verdict::Fail });
    let after = page::render(&results, &BTreeMap::new());
    assert!(after.contains("yours was not timed: on 4 threads: it ended with signal: 6 &lt;script&gt;"));
    let told: Vec<_> = after.lines().filter(|line| !line.contains("was not timed")).collect();
    assert_eq!(told.join("\n"), before.lines().collect::<Vec<_>>().join("\n"));
}

fn peer(name: &str, start_up: &[f64], prepare: &[f64], outcome: PeerOutcome) -> PeerResult {
    let (start_up, prepare) = (start_up.to_vec(), prepare.to_vec());
    PeerResult { name: name.into(), language: name.into(), version: Some(name.into()), start_up, prepare, outcome }
}

#[test]
fn a_peers_start_up_stands_beside_its_run_and_not_in_it() {
    let mut results = sample::results(2);
    let before = page::render(&results, &BTreeMap::new());
    assert!(!before.contains("<h3>Peers"), "nothing is said where nobody asked");
    let exercise = &mut results.exercises[0];
    let curves = exercise.curves.as_mut().expect("curves");
    curves.contenders.insert("PySpark".into(), vec![Point { threads: 2, samples: vec![0.25; 9], per_process: 1 }]);
    exercise.peers = vec![
        peer("PySpark", &[3.0, 3.5, 4.0], &[1.5], PeerOutcome::Measured),
        peer("Dask bag", &[], &[], PeerOutcome::Skipped("dask is not installed".into())),
        peer("chili", &[0.1], &[], PeerOutcome::Error("it ended with signal: 11 during go\nthe last words".into())),
    ];
    let page = page::render(&results, &BTreeMap::new());
    let row = page.lines().find(|line| line.contains(">PySpark</th>") && line.contains("start-up")).expect("a row");
    let cells: Vec<_> = row.split("<div>").skip(1).map(|cell| cell.split("</div>").next().unwrap_or_default()).collect();
    assert_eq!(cells[1..5], ["3.50 s", "1.50 s", "250 ms on 2 threads", "5.25 s"]);
    assert!(page.contains("skipped</span> Dask bag (Dask bag): dask is not installed"));
    assert!(page.contains("error</span> chili (chili): it ended with signal: 11 during go</p>\n<pre>the last words</pre>"));
    assert_well_formed(&page);
}

#[test]
fn peers_that_share_a_colour_have_different_markers() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let times = [(2, 0.1)];
    let mut list = vec![("baseline", sample::points(9, &[(1, 0.18)])), ("yours", sample::points(9, &times))];
    list.extend(names.map(|name| (name, sample::points(9, &times))));
    let svg = speedup::draw("a/b", &curves(Axis::Threads, &list), 2, Beside::default(), Layout::Wide).expect("a chart").file();
    // The colour, how many corners, and on which side of the first the second one is.
    let looks: BTreeSet<_> = svg
        .split("<polygon")
        .skip(1)
        .map(|mark| {
            let corners: Vec<_> =
                attribute(mark, "points").expect("corners").split([' ', ',']).map(|at| at.parse::<i32>()).collect();
            let [x, y] = [0, 1].map(|side| corners[side + 2].clone().expect("a place") - corners[side].clone().expect("a place"));
            (attribute(mark, "class"), corners.len(), x.signum(), y.signum())
        })
        .collect();
    assert_eq!(looks.len(), names.len(), "{looks:?}");
}

#[test]
fn a_missing_baseline_is_an_error_and_not_a_picture() {
    let list = [("yours", sample::points(9, &[(1, 0.2)]))];
    assert_eq!(speedup::draw("a/b", &curves(Axis::Threads, &list), 2, Beside::default(), Layout::Wide), Err(Missing::Baseline));
}

#[test]
fn models_are_told_pass_by_pass() {
    let page = page::render(&sample::results(2), &sample::traces());
    for said in ["interleavings", "weak memory", "30,202", "at most 3 preemptions a thread", "none: everything explored"] {
        assert!(page.contains(said), "not said: {said}");
    }
    let mut results = sample::results(2);
    let case = &mut results.exercises[0].subjects[0].checks[1].cases[0];
    case.records[0].data = serde_json::json!("nothing that is known");
    assert!(page::render(&results, &BTreeMap::new()).contains("not told"));
}

#[test]
fn results_written_and_read_render_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join("results.json");
    let results = sample::results(8);
    results.write(&path).expect("written");
    let read = Results::read(&path).expect("read");
    assert_eq!(page::render(&read, &sample::traces()), page::render(&results, &sample::traces()));
}
