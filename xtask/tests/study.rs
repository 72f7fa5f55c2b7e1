//! The noise study: its bookkeeping and judgement over forged gradings, its pictures, and its load.

mod svg;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use lab::par::Cost;
use svg::{assert_texts_have_room, assert_well_formed};
use xtask::{
    catalog::{Catalog, find_root},
    chart::{self, Layout},
    check::verdict_on_speed,
    planted::{Fate, read_all},
    results::{Machine, Verdict},
    stage::sources_in,
    study::{
        Extent, FORMAT_VERSION, Grading, Load, PROGRAMS, Planned, RawPair, Round, SortRun, Study, Which,
        busy::{Account, Busy},
        cores,
        judge::Count,
        page,
        rules::Rule,
        schedule,
    },
};

/// The runner itself.
const RUNNER: &str = env!("CARGO_BIN_EXE_xtask");

fn forged(extent: Extent, verdict: impl Fn(&Planned, usize) -> Verdict) -> Study {
    let planned = schedule(&extent, 1);
    let gradings = planned.iter().enumerate().map(|(index, planned)| grading(planned, verdict(planned, index), index)).collect();
    let sorts = Which::ALL.into_iter().flat_map(|which| (0..extent.runs).map(move |run| sort_run(which, run))).collect();
    let rounds = (0..extent.rounds).map(|index| round(index, 0.01)).collect();
    Study {
        format_version: FORMAT_VERSION,
        started: "2026-11-25T01:16:00Z".into(),
        seconds: 2400.0,
        commit: Some("5d34843a".into()),
        machine: Machine {
            platform: "linux x86_64".into(),
            processor: Some("AMD EPYC 7B13".into()),
            cores: 2,
            memory: Some(16_777_216_000),
            governor: None,
            rustc: "rustc 1.95.0".into(),
            schedstat: true,
        },
        seed: 1,
        extent,
        busy_before: Some(0.02),
        gradings,
        sorts,
        rounds,
    }
}

fn grading(planned: &Planned, verdict: Verdict, index: usize) -> Grading {
    let measured = matches!(verdict, Verdict::Pass | Verdict::Fail);
    let ratio = short(planned.nominal + (index % 7) as f64 * 0.01);
    Grading {
        exercise: planned.program.exercise.into(),
        size: planned.program.size,
        threads: planned.program.threads,
        nominal: planned.nominal,
        load: planned.load,
        seed: planned.seed,
        verdict,
        share: if verdict == Verdict::Fail { 0.75 } else { 1.0 },
        ratio: measured.then_some(ratio),
        interval: measured.then_some([short(ratio - 0.05), short(ratio + 0.05)]),
        present: Some([planned.load.cores(), 0.03]),
        seconds: 1.5,
        fault: (verdict == Verdict::Error).then(|| "it died <b>".into()),
        pairs: (0..16).map(|_| RawPair(short(20.0 * ratio), 20.0, Some([1.99, 1.98]), measured)).collect(),
    }
}

fn sort_run(which: Which, run: usize) -> SortRun {
    let cost = Cost { work: 92_000_000, span: 12_000_000, burdened_span: 13_000_000, forks: 700 };
    SortRun { sort: which.name().into(), threads: 1 + run % 7, cost }
}

fn round(index: usize, far: f64) -> Round {
    let truth = short(0.2 + index as f64 * 0.017);
    Round { threads: 1 + index % 4, load: Load::One, seconds: 0.4, effective: short(truth + far), truth }
}

/// With no more digits than are written and read the same.
fn short(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// As it should be: right programs pass, slow ones fail, and two busy cores leave nothing to measure.
fn as_hoped(planned: &Planned, _: usize) -> Verdict {
    match planned.load {
        Load::Two => Verdict::NotMeasurable,
        _ if planned.nominal > 1.2 => Verdict::Fail,
        _ => Verdict::Pass,
    }
}

/// As hoped, but for the first `wrong` measurable gradings of that kind, which come out as `verdict`.
fn spoilt(extent: Extent, nominal: f64, wrong: usize, verdict: Verdict) -> Study {
    let mut study = forged(extent, as_hoped);
    let kind = study.gradings.iter_mut().filter(|grading| grading.nominal == nominal && grading.load != Load::Two);
    kind.take(wrong).for_each(|grading| grading.verdict = verdict);
    study
}

fn verdicts(study: &Study) -> [Verdict; 5] {
    study.properties().iter().map(|property| property.verdict).collect::<Vec<_>>().try_into().expect("five properties")
}

#[test]
fn a_study_as_hoped_shows_everything() {
    for extent in [Extent::full(), Extent::quick()] {
        assert_eq!(verdicts(&forged(extent, as_hoped)), [Verdict::Pass; 5]);
    }
}

#[test]
fn wrong_fails_above_half_a_percent_fail_the_full_study() {
    let right = |wrong| verdicts(&spoilt(Extent::full(), 1.0, wrong, Verdict::Fail))[1];
    assert_eq!([0, 5, 6].map(right), [Verdict::Pass, Verdict::Pass, Verdict::Fail], "of 1,000");
}

#[test]
fn the_quick_study_fails_where_chance_does_not_explain_it() {
    // 20 measurable: more than two at 0.5 % come by chance once in 7,000 studies, more than three once in 300,000.
    let right = |wrong| verdicts(&spoilt(Extent::quick(), 1.0, wrong, Verdict::Fail))[1];
    assert_eq!([0, 3, 4].map(right), [Verdict::Pass, Verdict::Pass, Verdict::Fail]);
    // 11 measurable of the slower version.
    let slow = |missed| verdicts(&spoilt(Extent::quick(), 1.5, missed, Verdict::Pass))[2];
    assert_eq!([0, 3, 4].map(slow), [Verdict::Pass, Verdict::Pass, Verdict::Fail]);
}

#[test]
fn slow_programs_that_keep_their_points_fail_the_full_study() {
    let slow = |missed| verdicts(&spoilt(Extent::full(), 1.5, missed, Verdict::Pass))[2];
    assert_eq!([0, 1, 2].map(slow), [Verdict::Pass, Verdict::Pass, Verdict::Fail], "of 144 measurable");
}

#[test]
fn what_cannot_be_measured_is_no_pass() {
    let study = forged(Extent::quick(), |_, _| Verdict::NotMeasurable);
    assert_eq!(verdicts(&study)[1..3], [Verdict::NotMeasurable; 2]);
    let few = |planned: &Planned, index| if index % 9 == 0 { as_hoped(planned, index) } else { Verdict::NotMeasurable };
    let study = forged(Extent::quick(), few);
    assert!((1..8).contains(&study.failed(1.0, None).of));
    assert_eq!(verdicts(&study)[1], Verdict::NotMeasurable, "a few right ones show nothing");
    let mut failing = study;
    failing
        .gradings
        .iter_mut()
        .filter(|g| g.nominal == 1.0 && g.verdict == Verdict::Pass)
        .for_each(|g| g.verdict = Verdict::Fail);
    assert_eq!(verdicts(&failing)[1], Verdict::Fail, "and a few wrong ones show enough");
}

#[test]
fn a_study_without_time_for_enough_pairs_says_so_and_shows_nothing() {
    let mut study = forged(Extent::quick(), |_, _| Verdict::NotMeasurable);
    assert!(page::headline(&study).contains("the machine was too busy"));
    study.gradings.iter_mut().for_each(|grading| grading.pairs.truncate(8));
    assert_eq!(verdicts(&study)[..3], [Verdict::NotMeasurable; 3]);
    assert!(page::headline(&study).contains("there was no time for it"), "{}", page::headline(&study));
}

#[test]
fn a_process_that_did_wrong_is_an_error_and_counts_nowhere_else() {
    let study = spoilt(Extent::full(), 1.0, 3, Verdict::Error);
    assert_eq!(verdicts(&study)[1], Verdict::Pass);
    assert_eq!(study.wrong_fails(Rule::Paired, None), Count { hits: 0, of: 997 });
    assert_eq!(study.not_measurable(1.0, None), Count { hits: 150, of: 997 });
    let mut study = forged(Extent::quick(), as_hoped);
    study.gradings[0].fault = Some("it died".into());
    assert_eq!(verdicts(&study)[0], Verdict::Error);
    study.gradings[0].fault = None;
    study.gradings.pop();
    assert_eq!(verdicts(&study)[0], Verdict::Error, "an interrupted study is none");
}

#[test]
fn one_unit_of_work_that_differs_fails_the_study() {
    let mut study = forged(Extent::quick(), as_hoped);
    study.sorts[25].cost.span += 1;
    assert_eq!(verdicts(&study)[3], Verdict::Fail);
    study.sorts.clear();
    assert_eq!(verdicts(&study)[3], Verdict::NotMeasurable);
}

#[test]
fn effective_cores_that_are_far_from_the_truth_fail_the_study() {
    let mut study = forged(Extent::full(), as_hoped);
    let mut with = |extent: Extent, far: f64| {
        study.extent = extent;
        study.rounds = (0..100).map(|index| round(index, if index < 51 { far } else { 0.0 })).collect();
        verdicts(&study)[4]
    };
    assert_eq!([0.04, 0.06].map(|far| with(Extent::full(), far)), [Verdict::Pass, Verdict::Fail]);
    assert_eq!([0.09, 0.11].map(|far| with(Extent::quick(), far)), [Verdict::Pass, Verdict::Fail]);
    study.extent = Extent::full();
    study.rounds.clear();
    assert_eq!(verdicts(&study)[4], Verdict::NotMeasurable);
    study.machine.schedstat = false;
    assert_eq!(verdicts(&study)[0], Verdict::Pass, "what the system does not tell is not waited for");
}

#[test]
fn shares_are_of_what_they_are_said_to_be_of() {
    let study = spoilt(Extent::full(), 1.5, 12, Verdict::Pass);
    assert_eq!(study.failed(1.5, None), Count { hits: 88, of: 100 });
    assert_eq!(study.failed(1.5, Some(Load::Two)), Count { hits: 0, of: 0 });
    assert_eq!(study.not_measurable(1.5, None), Count { hits: 20, of: 120 });
    assert_eq!(Count { hits: 3, of: 250 }.told(), "3 of 250, 1.2 % (0.25 % to 3.5 %)");
    assert_eq!(Count { hits: 0, of: 1000 }.told(), "0 of 1,000, 0 % (0 % to 0.37 %)");
    assert_eq!(Count::default().told(), "0 of 0");
}

#[test]
fn the_true_ratio_is_that_of_clean_pairs_without_load() {
    let mut study = forged(Extent::full(), as_hoped);
    for grading in &mut study.gradings {
        let idle = grading.load == Load::None;
        grading.pairs = vec![RawPair(30.0, 20.0, None, idle), RawPair(90.0, 20.0, None, !idle)];
    }
    assert_eq!(study.true_ratio(1.5), Some((1.5, [1.5, 1.5], 40)));
}

#[test]
fn the_better_end_of_the_interval_decides() {
    let judged = |interval: Option<[f64; 2]>| {
        let speed = serde_json::json!({
            "against": "reference", "size": 1, "size_unit": "keys", "threads": 2,
            "ratio": interval.map(|[low, high]| f64::midpoint(low, high)), "interval": interval, "confidence": 0.96, "pairs": [],
        });
        verdict_on_speed(&serde_json::from_value(speed).expect("a comparison"), 1.2, 3.0)
    };
    assert_eq!(judged(Some([0.9, 1.1])), (Verdict::Pass, 1.0));
    assert_eq!(judged(Some([1.19, 2.4])), (Verdict::Pass, 1.0), "in doubt");
    let (verdict, share) = judged(Some([2.1, 2.4]));
    assert!(verdict == Verdict::Fail && (share - 0.5).abs() < 1e-9, "{share}");
    assert_eq!(judged(Some([1.21, 1.22])).0, Verdict::Fail);
    assert_eq!(judged(Some([4.0, 5.0])), (Verdict::Fail, 0.0));
    assert_eq!(judged(None).0, Verdict::NotMeasurable);
}

#[test]
fn naive_rules_by_hand() {
    let planned = schedule(&Extent::quick(), 1)[0];
    let with = |own: [f64; 10], other: [f64; 10]| {
        let pairs = own.into_iter().zip(other).map(|(own, other)| RawPair(own, other, None, false)).collect();
        Grading { pairs, ..grading(&planned, Verdict::NotMeasurable, 0) }
    };
    let fails = |grading: &Grading| Rule::ALL.map(|rule| rule.fails(grading).expect("enough runs"));
    let even = [20.0; 10];
    assert_eq!(fails(&with(even, even)), [false; 4]);
    // The first run alone was disturbed.
    let mut first = even;
    first[0] = 24.1;
    assert_eq!(fails(&with(first, even)), [false, false, false, true]);
    first[0] = 24.0;
    assert!(!fails(&with(first, even))[3], "the limit itself is full points");
    // Five runs were disturbed: in turns both suffer, one after the other only the first.
    let mut slow = even;
    slow[..5].fill(30.0);
    assert_eq!(fails(&with(slow, slow)), [false, false, true, false]);
    assert_eq!(fails(&with(slow, even)), [false, true, true, true]);
    let mut short = with(even, even);
    short.pairs.truncate(9);
    assert_eq!(Rule::ALL.map(|rule| rule.fails(&short)), [Some(false), Some(false), None, Some(false)]);
    short.pairs.clear();
    assert_eq!(Rule::ALL.map(|rule| rule.fails(&short)), [Some(false), None, None, None]);
}

#[test]
fn every_load_meets_every_program_and_the_lot_is_the_seeds() {
    let extent = Extent::full();
    let all = schedule(&extent, 7);
    assert_eq!(all, schedule(&extent, 7));
    assert_ne!(all, schedule(&extent, 8));
    assert_eq!(all.len(), extent.gradings());
    let mut counts: BTreeMap<(Load, u64), usize> = BTreeMap::new();
    for planned in &all {
        *counts.entry((planned.load, (planned.nominal * 10.0) as u64)).or_default() += 1;
    }
    assert_eq!(extent.same.iter().sum::<usize>(), 1_000);
    let wanted = [[350, 6, 40, 6], [350, 6, 40, 6], [150, 3, 20, 3], [150, 3, 20, 3]];
    for (load, wanted) in Load::ALL.into_iter().zip(wanted) {
        assert_eq!([10, 12, 15, 20].map(|nominal| counts[&(load, nominal)]), wanted);
        for program in PROGRAMS {
            let same = all.iter().filter(|p| p.load == load && p.nominal == 1.0 && p.program == program).count();
            assert!((wanted[0] / 3..=wanted[0] / 3 + 1).contains(&same), "{same} of {program:?}");
        }
    }
    // Mixed: no load keeps to one end.
    for half in all.chunks(all.len() / 2) {
        assert!(Load::ALL.iter().all(|load| half.iter().filter(|planned| planned.load == *load).count() > half.len() / 12));
    }
}

#[test]
fn there_is_a_patch_that_fits_for_every_slower_version() {
    let catalog = Catalog::read(&find_root().expect("a root")).expect("a course");
    let exercise = catalog.find("word_count").expect("the exercise");
    let solution = sources_in(&catalog.solution_folder(exercise), exercise).expect("the solution");
    let planted = read_all(&catalog.root.join("xtask/study").join(exercise.path())).expect("patches");
    let nominals = planted.iter().map(|planted| {
        planted.sources(exercise, &solution).expect("it fits");
        let Fate::Fails { how, .. } = &planted.fate else { panic!("{} is no mutant", planted.name) };
        how.parse::<f64>().expect("a ratio")
    });
    let wanted: Vec<f64> = Extent::full().slower.iter().map(|(nominal, _)| *nominal).collect();
    assert_eq!(nominals.collect::<Vec<_>>(), wanted);
    assert_eq!(wanted, Extent::quick().slower.iter().map(|(nominal, _)| *nominal).collect::<Vec<_>>());
}

#[test]
fn what_is_written_is_read_and_a_newer_format_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("noise/results.json");
    let study = forged(Extent::quick(), as_hoped);
    study.write(&path).expect("written");
    assert!(Study::read(&path).expect("read") == study, "something was lost on the way");
    let text = fs::read_to_string(&path).expect("read");
    let gradings = text.lines().filter(|line| line.contains("\"nominal\"")).count();
    assert_eq!(gradings, study.gradings.len(), "a line for each grading");
    fs::write(&path, text.replace("\"format_version\": 1", "\"format_version\": 2")).expect("written");
    let refused = Study::read(&path).expect_err("a newer format").to_string();
    assert!(refused.contains("results.json has format 2") && refused.contains("cargo xtask study noise"), "{refused}");
    fs::write(&path, "{").expect("written");
    assert!(Study::read(&path).expect_err("damaged").to_string().contains("is damaged"));
}

#[test]
fn only_the_same_study_is_gone_on_with() {
    let study = forged(Extent::quick(), as_hoped);
    let changed = |change: fn(&mut Study)| {
        let mut other = study.clone();
        change(&mut other);
        study.goes_on_as(&other)
    };
    assert!(changed(|other| other.gradings.clear()));
    assert!(!changed(|other| other.seed = 2));
    assert!(!changed(|other| other.extent.budget = 3.0));
    assert!(!changed(|other| other.commit = None));
    assert!(!changed(|other| other.machine.cores = 4));
    let dirty = Study { commit: Some("5d34843a+".into()), ..study.clone() };
    assert!(!dirty.goes_on_as(&dirty), "who knows what has changed since");
}

/// Studies of every shape.
fn studies() -> Vec<(&'static str, Study)> {
    let mut one = forged(Extent::quick(), as_hoped);
    one.gradings.retain(|grading| grading.nominal == 1.0);
    one.gradings.truncate(1);
    one.rounds.truncate(1);
    let mut none = forged(Extent::quick(), as_hoped);
    none.gradings.clear();
    none.sorts.clear();
    none.rounds.clear();
    let mut far = forged(Extent::full(), |_, index| [Verdict::Pass, Verdict::Fail, Verdict::NotMeasurable][index % 3]);
    far.rounds = (0..100).map(|index| Round { effective: 128.0 - index as f64, ..round(index, 0.0) }).collect();
    vec![
        ("as hoped", forged(Extent::full(), as_hoped)),
        ("nothing measurable", forged(Extent::full(), |_, _| Verdict::NotMeasurable)),
        ("all wrong", forged(Extent::full(), |_, _| Verdict::Fail)),
        ("errors", forged(Extent::quick(), |_, _| Verdict::Error)),
        ("one", one),
        ("none", none),
        ("far", far),
    ]
}

#[test]
fn charts_have_room_and_are_the_same_bytes() {
    let draws = [chart::study::wrong_fails, chart::study::outcomes, chart::study::cores];
    let mut drawn = 0;
    for (name, study) in studies() {
        for draw in draws {
            for layout in [Layout::Wide, Layout::Narrow] {
                let Some(chart) = draw(&study, layout) else { continue };
                assert_texts_have_room(&chart, &format!("{name}, {layout:?}, {}", chart.finding));
                assert_well_formed(&chart.file());
                assert!(!chart.file().contains("NaN") && !chart.file().contains("inf"), "{name}: {}", chart.finding);
                assert_eq!(draw(&study, layout), Some(chart));
                drawn += 1;
            }
        }
    }
    assert_eq!(drawn, 2 * (5 * 3 + 2), "no chart of nothing");
}

#[test]
fn the_title_says_what_was_counted() {
    let study = spoilt(Extent::full(), 1.0, 3, Verdict::Fail);
    let titles =
        [chart::study::wrong_fails, chart::study::outcomes].map(|draw| draw(&study, Layout::Wide).expect("a chart").finding);
    let titles = titles.map(|title| title.replace('\u{a0}', " "));
    assert!(
        titles[0].starts_with("Compared with itself, a program loses points in 3 of 1,000 gradings by clean pairs"),
        "{titles:?}"
    );
    let expected =
        "Of what could be measured, 847 of 850 right programs keep their points and 100 of 100 that work 1.5 times as much";
    assert!(titles[1].starts_with(expected), "{titles:?}");
}

#[test]
fn pages_are_well_formed_and_load_nothing() {
    for (name, study) in studies() {
        let page = page::render(&study);
        assert_well_formed(&page);
        assert_eq!(page, page::render(&study));
        for outside in ["http:", "https:", " src=", "url(", "@import", "<script", "<link", "<img", "<b>", "NaN"] {
            assert!(!page.contains(outside), "{name}: the page holds {outside}");
        }
        for file in page::charts(&study).values() {
            assert_well_formed(file);
        }
    }
    assert_eq!(page::charts(&studies()[0].1).len(), 3);
}

/// Hundredths of a second that a process was on a core, and whether it is there at all.
fn on_a_core(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?)
}

#[test]
fn a_load_burns_and_is_gone_afterwards() {
    for (load, processes) in [(Load::None, 0), (Load::Half, 1), (Load::One, 1), (Load::Two, 2)] {
        let before = Account::now().expect("an account");
        let busy = Busy::start(Path::new(RUNNER), load, 5).expect("a load");
        let ids = busy.ids();
        assert_eq!(ids.len(), processes);
        // It burns however long the machine takes to let it; whoever never burns is waited for until the test is killed.
        let deadline = Instant::now() + Duration::from_secs(60);
        while ids.iter().any(|id| on_a_core(*id).expect("it lives") < 5) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        assert!(ids.iter().all(|id| on_a_core(*id).expect("it lives") >= 5), "{load} computes nothing");
        drop(busy);
        assert!(ids.iter().all(|id| on_a_core(*id).is_none()), "{load} is still there");
        let children = Account::now().expect("an account").children_since(&before, &before);
        assert!(processes == 0 || children > 0.0, "{load} is in nobody's account");
    }
}

#[test]
fn a_round_knows_both_sides() {
    let rounds: Vec<_> = (0..2).filter_map(|index| cores::round(Path::new(RUNNER), 3, index).expect("a round")).collect();
    assert!(rounds.len() == 2 || !xtask::machine::here().schedstat);
    for round in rounds {
        let most = round.threads.min(xtask::check::cores()) as f64;
        assert!(round.seconds >= 0.4, "{round:?}");
        assert!(round.truth > 0.0 && round.truth <= most + 0.1, "{round:?}");
        assert!(round.effective > 0.0, "{round:?}");
    }
}
