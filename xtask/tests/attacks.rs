//! The corpus of attacks: that it covers what it must, that it fits the exercises as they are, that the screen finds what it can
//! find, and that whoever judges the grader by it can fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use xtask::{
    attacks::{Attack, Base, judge, left_behind, read_all, run},
    catalog::{Catalog, find_root},
    grade::screen::{Costs, screen},
    results::{
        CaseResult, CheckResult, ExerciseResult, FORMAT_VERSION, Layer, Machine, Remark, Results, State, Subject, SubjectResult,
        Submission, Verdict,
    },
};

fn catalog() -> Catalog {
    Catalog::read(&find_root().unwrap()).unwrap()
}

fn corpus(catalog: &Catalog) -> Vec<Attack> {
    read_all(&catalog.root).unwrap()
}

fn named(catalog: &Catalog, name: &str) -> Attack {
    corpus(catalog).into_iter().find(|attack| attack.name == name).unwrap()
}

/// The table of attacks that the grader must withstand, a few words of each row.
const ROWS: [&str; 16] = [
    "`std::process::exit(0)` in the graded function",
    "forged test output on stdout",
    "a constructor in `.init_array`",
    "`#[unsafe(no_mangle)] clock_gettime`",
    "`build.rs` or a proc macro",
    "`include_str!(\"../tests/..\")`",
    "`.cargo/config.toml`",
    "`impl<T> PartialEq<T>` that is always true",
    "reading the test's name",
    "writing to `$GITHUB_OUTPUT`",
    "`std` types inside a model",
    "a filter that matches no test",
    "a panic hook that exits",
    "hang, fork bomb, 1 GB of output",
    "network out; reading the home directory",
    "caching the answer between timed runs",
];

#[test]
fn it_covers_every_row_and_both_halves() {
    let all = corpus(&catalog());
    let attacks: Vec<&Attack> = all.iter().filter(|attack| !attack.honest).collect();
    assert!(attacks.len() >= 30, "{} attacks", attacks.len());
    assert!(all.len() - attacks.len() >= 15, "{} honest submissions", all.len() - attacks.len());
    for row in ROWS {
        assert!(attacks.iter().any(|attack| attack.about.source.starts_with(row)), "no attack is of the row {row:?}");
    }
    let exercises: BTreeSet<&str> = all.iter().map(|attack| attack.about.exercise.as_str()).collect();
    assert!(exercises.len() >= 6, "only {exercises:?} are attacked");
}

#[test]
fn each_fits_its_exercise_and_can_be_handed_in() {
    let catalog = catalog();
    for attack in corpus(&catalog) {
        let folder = tempfile::tempdir().unwrap();
        let submission = folder.path().join("submission");
        attack.lay_out(&catalog, &submission).unwrap();
        let exercise = attack.exercise(&catalog).unwrap();
        let most = exercise.max_points() + exercise.hidden.as_ref().map_or(0.0, |hidden| hidden.points);
        assert!(attack.about.gains < most, "{} may have everything", attack.shown());
        let checks: Vec<&str> = attack.about.reason.iter().map(|reason| reason.check.as_str()).collect();
        let known = |check: &&str| exercise.checks().contains(check) || ["any", "submission"].contains(check);
        assert!(checks.iter().all(known), "{}: {checks:?} are not all checks of {}", attack.shown(), exercise.path());
        assert!(submission.join("exercises").join(exercise.path()).symlink_metadata().is_ok(), "{}", attack.shown());
    }
}

/// What the screen alone makes of it: the words of its findings by what they cost.
fn screened(catalog: &Catalog, attack: &Attack) -> BTreeMap<Costs, String> {
    let mut all = BTreeMap::new();
    for finding in screen(attack.exercise(catalog).unwrap(), &attack.sources(catalog).unwrap()) {
        *all.entry(finding.costs).or_insert_with(String::new) += &format!("{}: {}\n", finding.what, finding.why);
    }
    all
}

#[test]
fn the_screen_finds_what_it_can_and_nothing_honest() {
    let catalog = catalog();
    for attack in corpus(&catalog).iter().filter(|attack| attack.honest) {
        assert_eq!(screened(&catalog, attack), BTreeMap::new(), "{}", attack.shown());
    }
    let all = |words: &'static str| (Costs::All, words);
    let only = |check, words| (Costs::Check(check), words);
    let unseen = "the model cannot see it";
    for (name, (costs, words)) in [
        ("constructor", all("link_section")),
        ("foreign_exit", all("`extern`")),
        ("own_clock", all("no_mangle")),
        ("own_clock_by_macro", all("export_name")),
        ("own_allocator", all("global_allocator")),
        ("assembly", all("asm")),
        ("proc_macro", all("proc_macro")),
        ("includes_the_tests", all("include_str")),
        ("includes_a_solution", all("include_bytes")),
        ("includes_by_another_name", all("include_str")),
        ("compile_error_prints_tests", all("include_str")),
        ("tests_as_a_module", all("#[path]")),
        ("reaches_for_itself", all("speaks to the runner")),
        ("forged_evidence", all("speaks to the runner")),
        ("proof_called", all("speaks to the runner")),
        ("std_in_a_model", only("model", unseen)),
        ("std_lock_in_a_model", only("model", unseen)),
        ("std_by_another_name", only("model", unseen)),
        ("std_by_a_macro", only("model", unseen)),
        ("static_mut_in_a_model", only("model", unseen)),
        ("volatile_in_a_model", only("model", unseen)),
        ("work_for_show", only("span", "what an instrument counts")),
        ("peer_as_solution", only("speed", "measured against")),
        ("unclosed", (Costs::Unread, "no Rust")),
    ] {
        let found = screened(&catalog, &named(&catalog, name));
        assert!(found.get(&costs).is_some_and(|found| found.contains(words)), "{name}: {found:?}");
    }
}

/// Made-up results of `attack`: what each check came to, its points and what its one failing test says.
fn results(catalog: &Catalog, attack: &Attack, state: State, checks: &[(&str, Verdict, f64, &str)]) -> Results {
    let exercise = attack.exercise(catalog).unwrap();
    let check = |(name, verdict, points, says): &(&str, Verdict, f64, &str)| CheckResult {
        check: (*name).to_owned(),
        verdict: *verdict,
        points: *points,
        max_points: exercise.about.points.get(*name).copied().unwrap_or(0.0),
        summary: "made up".into(),
        seconds: 0.0,
        cases: vec![CaseResult::new("one", *verdict, Some((*says).to_owned()))],
        evidence: None,
        more: Vec::new(),
    };
    let checks: Vec<CheckResult> = checks.iter().map(check).collect();
    let points = checks.iter().map(|check| check.points).sum();
    let subject = SubjectResult { subject: Subject::Submission, points, max_points: exercise.max_points(), checks };
    Results {
        format_version: FORMAT_VERSION,
        command: "grade".into(),
        started: "2026-01-01T00:00:00Z".into(),
        seconds: 0.0,
        commit: None,
        machine: Machine {
            platform: "linux x86_64".into(),
            processor: None,
            cores: 2,
            memory: None,
            governor: None,
            rustc: String::new(),
            schedstat: true,
        },
        seed: 1,
        exercises: vec![ExerciseResult {
            path: exercise.path(),
            title: String::new(),
            kind: String::new(),
            summary: String::new(),
            subjects: vec![subject],
            ..ExerciseResult::default()
        }],
        ceilings: None,
        submission: Some(Submission {
            id: attack.name.clone(),
            state,
            taken: Vec::new(),
            ignored: Vec::new(),
            fingerprint: String::new(),
            sandbox: Vec::new(),
            limits: xtask::results::Limits::default(),
            remarks: vec![Remark { exercise: exercise.path(), place: "src/lib.rs:1".into(), what: "it names /proc".into() }],
        }),
    }
}

const EXIT: &str = "the process ended with code 0 before the test had ended: something called `exit`";

#[test]
fn a_grader_that_is_not_fooled_is_believed() {
    let catalog = catalog();
    let attack = named(&catalog, "exits_at_once");
    let checks = [("tests", Verdict::Fail, 0.0, EXIT), ("model", Verdict::Fail, 0.0, EXIT)];
    let judgement = judge(&attack, &catalog, &results(&catalog, &attack, State::Graded, &checks)).unwrap();
    assert_eq!((judgement.gained, judgement.reasons_right, judgement.faults.len()), (0.0, true, 0), "{judgement:?}");
}

#[test]
fn a_grader_that_is_fooled_is_told_so() {
    let catalog = catalog();
    let attack = named(&catalog, "exits_at_once");
    let of = |checks: &[(&str, Verdict, f64, &str)]| {
        judge(&attack, &catalog, &results(&catalog, &attack, State::Graded, checks)).unwrap()
    };
    let gained = of(&[("tests", Verdict::Pass, 3.0, ""), ("model", Verdict::Fail, 0.0, EXIT)]);
    assert_eq!((gained.gained, gained.reasons_right), (3.0, false), "{gained:?}");
    let by_chance = of(&[("tests", Verdict::Fail, 0.0, "deadlock"), ("model", Verdict::Fail, 0.0, EXIT)]);
    assert_eq!((by_chance.gained, by_chance.reasons_right), (0.0, false), "the right zero for another reason: {by_chance:?}");
    assert!(by_chance.faults[0].contains("deadlock"), "{by_chance:?}");
    let excused = of(&[("tests", Verdict::Error, 0.0, EXIT), ("model", Verdict::Fail, 0.0, EXIT)]);
    assert!(excused.faults.iter().any(|fault| fault.contains("its own fault")), "an excuse is a way out: {excused:?}");
    let ended = judge(&attack, &catalog, &results(&catalog, &attack, State::Error("it died".into()), &[])).unwrap();
    assert!(ended.faults.iter().any(|fault| fault.contains("it died")), "{ended:?}");
}

#[test]
fn what_is_said_of_the_whole_counts_where_it_may() {
    let catalog = catalog();
    let attack = named(&catalog, "forged_protocol_lines");
    let state = || State::Rejected("something called `exit`".into());
    let nowhere = judge(&attack, &catalog, &results(&catalog, &attack, state(), &[])).unwrap();
    assert!(!nowhere.reasons_right, "no test says it: {nowhere:?}");
    let checks = [("tests", Verdict::Fail, 0.0, EXIT)];
    let said = judge(&attack, &catalog, &results(&catalog, &attack, state(), &checks)).unwrap();
    assert!(said.reasons_right, "a test says the one, a remark the other: {said:?}");
}

#[test]
fn whoever_is_honest_must_lose_nothing() {
    let catalog = catalog();
    let honest = named(&catalog, "transmute");
    let of = |state: State, speed: Verdict, model: f64| {
        let model_verdict = if model < 5.0 { Verdict::Fail } else { Verdict::Pass };
        let points = if speed == Verdict::Pass { 2.0 } else { 0.0 };
        let checks =
            [("tests", Verdict::Pass, 3.0, ""), ("model", model_verdict, model, "flagged"), ("speed", speed, points, "")];
        judge(&honest, &catalog, &results(&catalog, &honest, state, &checks)).unwrap()
    };
    assert_eq!(of(State::Graded, Verdict::Pass, 5.0).faults, Vec::<String>::new());
    let busy = of(State::Graded, Verdict::NotMeasurable, 5.0);
    assert_eq!((busy.lost, busy.faults.len(), busy.undecided.as_slice()), (0.0, 0, &["speed".to_owned()][..]));
    let wronged = of(State::Graded, Verdict::Pass, 4.0);
    assert!((wronged.lost - 1.0).abs() < 1e-9 && wronged.faults.iter().any(|fault| fault.contains("flagged")), "{wronged:?}");
    let rejected = of(State::Rejected("no".into()), Verdict::Pass, 5.0);
    assert!(!rejected.faults.is_empty(), "{rejected:?}");
}

#[test]
fn hidden_tests_count_as_the_others_do() {
    let catalog = catalog();
    let honest = named(&catalog, "times_itself");
    let exercise = honest.exercise(&catalog).unwrap();
    let points = exercise.hidden.as_ref().expect("word_count has hidden tests").points;
    let mut checks: Vec<(&str, Verdict, f64, &str)> =
        exercise.checks().into_iter().map(|check| (check, Verdict::Pass, exercise.about.points[check], "")).collect();
    let without = judge(&honest, &catalog, &results(&catalog, &honest, State::Graded, &checks)).unwrap();
    assert!((without.lost - points).abs() < 1e-9, "{without:?}");
    checks.push(("hidden", Verdict::Pass, points, ""));
    let with = judge(&honest, &catalog, &results(&catalog, &honest, State::Graded, &checks)).unwrap();
    assert_eq!((with.lost, with.faults.len()), (0.0, 0), "{with:?}");
}

#[test]
fn the_whole_corpus_is_tallied_and_what_nothing_would_hold_is_not_tried() {
    let catalog = catalog();
    let all = ["exits_at_once", "memory_bomb", "transmute"].map(|name| named(&catalog, name)).to_vec();
    let grade_one = |attack: &Attack, submission: &Path| {
        assert!(submission.join("exercises").is_dir());
        // It believes everybody.
        let exercise = attack.exercise(&catalog)?;
        let checks: Vec<_> =
            exercise.checks().into_iter().map(|check| (check, Verdict::Pass, exercise.about.points[check], "")).collect();
        Ok(results(&catalog, attack, State::Graded, &checks))
    };
    let layers = |active| vec![Layer { name: "rlimits".into(), active, detail: String::new() }];
    let open = run(&catalog, all.clone(), &layers(false), grade_one).unwrap();
    assert_eq!((open.not_tried.as_slice(), open.judged.len()), (&["memory_bomb".to_owned()][..], 2));
    assert_eq!((open.gained(), open.lost(), open.reasons_right()), (10.0, 0.0, (0, 1)));
    assert!(open.faults().iter().any(|fault| fault.starts_with("attack exits_at_once: it has 10 points")), "{:?}", open.faults());
    let shut = run(&catalog, all, &layers(true), grade_one).unwrap();
    assert_eq!((shut.not_tried.len(), shut.judged.len()), (0, 3));
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_lives_on_is_found() {
    let mut shell = std::process::Command::new("sh");
    let mut child = shell.args(["-c", "read line; : racecourse-attack"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    // Until it has become the shell it is still this program.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let mine = |line: &String| line.starts_with(&format!("{}:", child.id()));
    while !left_behind().iter().any(mine) {
        assert!(std::time::Instant::now() < deadline, "it is there, and is not found");
        std::thread::yield_now();
    }
    drop(child.stdin.take());
    child.wait().unwrap();
    assert!(!left_behind().iter().any(|line| line.starts_with(&format!("{}:", child.id()))));
}

#[test]
fn an_attack_on_nothing_has_no_base() {
    let catalog = catalog();
    let attack = named(&catalog, "not_utf8");
    assert_eq!(attack.about.base, Base::Nothing);
    assert!(attack.sources(&catalog).unwrap().is_empty());
}
