//! What graders read: golden files of every format, and proofs that nothing in them is more than text.
//!
//! After a wanted change: `BLESS=1 cargo test -p xtask --test formats`, and read what `git diff` shows.

#[path = "sample/class.rs"]
mod class;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use base64::prelude::{BASE64_STANDARD, Engine};
use class::{HOSTILE, SECRET};
use pulldown_cmark::{Event, Options, Parser, Tag};
use quick_junit::{Report, TestCaseStatus};
use serde_json::Value;
use xtask::{
    formats::{
        self, ALL, Context, Format, Made, classroom50,
        sheet::{Sheet, Standing},
        text,
    },
    results::{CheckResult, Results, State, Verdict},
};

/// As on every platform at once.
fn context() -> Context {
    let variable = |name: &str| {
        Some(match name {
            "CLASSROOM" => "parallel".into(),
            "ASSIGNMENT" => "locks".into(),
            "ASSIGNMENT_TYPE" => "individual".into(),
            "OWNER" => "ada".into(),
            "SUBMISSION_TAG" => "submit/2026-11-22T12-35-00Z-5d34843".into(),
            "COMMIT_URL" => "https://example.org/commit/5d34843".into(),
            "RELEASE_URL" => "https://example.org/releases/1".into(),
            "GITHUB_OUTPUT" => "github_output".into(),
            "GITHUB_STEP_SUMMARY" => "step_summary".into(),
            _ => return None,
        })
    };
    let of_variables = Context::of_variables(variable);
    Context { token: "0123456789abcdef0123456789abcdef".into(), asked: asked(), ..of_variables }
}

fn asked() -> Vec<(String, f64)> {
    vec![("threads/spin_lock".into(), 10.0)]
}

fn made(results: &Results, format: Format) -> Made {
    formats::make(results, format, &context()).expect("it can be made")
}

fn file(made: &Made, name: &str) -> String {
    let found = made.files.iter().find(|file| file.path == Path::new(name));
    let content = found.unwrap_or_else(|| panic!("no {name} among {:?}", names(made))).content.clone();
    String::from_utf8(content).expect("it is text")
}

fn names(made: &Made) -> Vec<&Path> {
    made.files.iter().map(|file| file.path.as_path()).collect()
}

fn json(results: &Results, format: Format, name: &str) -> Value {
    serde_json::from_str(&file(&made(results, format), name)).expect("it is JSON")
}

/// Everything that a format puts before anybody's eyes, what it encodes decoded.
fn everything(made: &Made) -> String {
    let mut all = made.printed.clone();
    for file in &made.files {
        let content = String::from_utf8(file.content.clone()).expect("it is text");
        if let Some(encoded) = content.strip_prefix("result=") {
            let decoded = BASE64_STANDARD.decode(encoded.trim()).expect("it is base64");
            all.push_str(&String::from_utf8(decoded).expect("it is text"));
        }
        all.push_str(&content);
    }
    all
}

#[test]
fn files_are_as_before() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut now: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for (name, results) in class::everybody() {
        for about in &ALL {
            let made = made(&results, about.format);
            let folder = Path::new(name).join(about.name);
            for file in made.files {
                now.insert(folder.join(file.path), file.content);
            }
            if !made.printed.is_empty() {
                now.insert(folder.join("stdout"), made.printed.into_bytes());
            }
        }
    }
    if std::env::var_os("BLESS").is_some() {
        let _none = fs::remove_dir_all(&golden);
        for (path, content) in &now {
            let path = golden.join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
            fs::write(path, content).expect("written");
        }
    }
    let before = files_in(&golden, Path::new(""));
    assert_eq!(before, now.keys().cloned().collect::<Vec<_>>(), "the files of tests/golden");
    for (path, content) in &now {
        let expected = fs::read_to_string(golden.join(path)).expect("a golden file");
        assert_eq!(expected, String::from_utf8_lossy(content), "{}", path.display());
    }
}

fn files_in(root: &Path, folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(root.join(folder)).expect("tests/golden; make it with BLESS=1") {
        let entry = entry.expect("an entry");
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() { all.extend(files_in(root, &path)) } else { all.push(path) }
    }
    all.sort();
    all
}

#[test]
fn no_format_shows_what_is_hidden() {
    for (name, results) in class::everybody() {
        assert!(name != "partial" || serde_json::to_string(&results).expect("JSON").matches(SECRET).count() > 5);
        for about in &ALL {
            let shown = everything(&made(&results, about.format));
            assert!(!shown.contains(SECRET), "{name} as {} shows what is hidden", about.name);
        }
    }
    let shown = everything(&made(&class::partial(), Format::Gradescope));
    for wanted in ["hidden: test 2", "shown_in_part", "it gave 3", "all of it is shown"] {
        assert!(shown.contains(wanted), "{wanted}");
    }
}

#[test]
fn all_public_tests_passed_is_said_where_hidden_ones_exist() {
    let headline = |results: &Results| Sheet::of(results, &[]).headline();
    let mut results = class::complete();
    assert_eq!(headline(&results), "All public tests passed. 3 of 3 hidden tests passed.");
    results.exercises[0].subjects[0].checks.retain(|check| check.check != "hidden");
    assert_eq!(headline(&results), "All tests passed.");
    for (name, results) in class::everybody() {
        let hidden = results.exercises.iter().flat_map(|e| &e.subjects).flat_map(|s| &s.checks).any(|c| c.check == "hidden");
        assert!(!hidden || !headline(&results).contains("All tests"), "{name}");
    }
}

#[test]
fn what_was_not_measured_costs_nothing_and_is_said_everywhere() {
    let results = class::partial();
    let sheet = Sheet::of(&results, &[]);
    // 5 and 4 and 5 and 2 count; 2 of speed and 2 of trace do not.
    assert_eq!(sheet.points()[1], 16.0);
    assert!((sheet.points()[0] - (10.0 / 3.0 + 1.0 + 0.0 + 1.25)).abs() < 1e-9);
    for about in ALL.iter().filter(|about| !matches!(about.format, Format::Csv | Format::Sarif | Format::Legacy)) {
        let shown = everything(&made(&results, about.format)).replace('\\', "");
        assert!(shown.contains("not measurable: costs no points"), "{}", about.name);
        assert!(shown.contains("too busy"), "{}", about.name);
    }
    let junit = Report::deserialize_from_str(&file(&made(&results, Format::Junit), "junit.xml")).expect("XML");
    // The three that fail in `tests` and `hidden`, sorts, and the speed of merge_sort.
    assert_eq!((junit.failures, junit.errors, junit.skipped), (6, 1, 1));
}

#[test]
fn classroom_50_adds_up_in_whole_hundredths() {
    for (name, results) in class::everybody() {
        let made = made(&results, Format::Classroom50);
        if !made.judged {
            continue;
        }
        let value: Value = serde_json::from_str(&file(&made, "result.json")).expect("it is JSON");
        let tests = value["tests"].as_array().expect("tests");
        let sum = |field: &str| tests.iter().map(|test| test[field].as_u64().expect("a whole number")).sum::<u64>();
        assert_eq!(value["score"], sum("score"), "{name}");
        assert_eq!(value["max-score"], sum("max-score"), "{name}");
        let [points, worth] = Sheet::of(&results, &asked()).points();
        assert_eq!(value["score"], (points * 100.0).round() as u64, "{name}");
        assert_eq!(value["max-score"], (worth * 100.0).round() as u64, "{name}");
        for test in tests {
            assert!(test["score"].as_u64() <= test["max-score"].as_u64(), "{test}");
            assert!(!test["passed"].as_bool().expect("a bool") || test["score"] == test["max-score"], "{test}");
            assert!(!test["test-name"].as_str().expect("a name").is_empty());
        }
        // The schema takes these fields and no others.
        let known = [
            "assignment",
            "assignment_type",
            "classroom",
            "commit",
            "datetime",
            "graded_at",
            "max-score",
            "owner",
            "release",
            "review",
            "schema",
            "score",
            "submission",
            "tests",
        ];
        assert_eq!(value.as_object().expect("an object").keys().collect::<Vec<_>>(), known, "{name}");
        assert_eq!((&value["datetime"], &value["graded_at"]), (&"2026-11-22T12:35:42Z".into(), &"2026-11-22T12:37:15Z".into()));
        assert_eq!(value["review"], value["commit"], "without a comparison it is the commit");
    }
}

#[test]
fn classroom_50_shares_any_points_out_exactly() {
    let mut sheet = Sheet::of(&class::complete(), &[]);
    let row = sheet.rows[0].clone();
    for count in 1..40 {
        for passed in 0..=count {
            let worth = 7.0 / f64::from(count);
            sheet.rows = (0..count)
                .map(|index| {
                    let mut row = row.clone();
                    row.points = [if (index * 7) % count < passed { worth } else { 0.0 }, worth];
                    row
                })
                .collect();
            let shared = classroom50::hundredths(&sheet.rows);
            let reached = sheet.rows.iter().map(|row| row.points[0]).sum::<f64>();
            assert_eq!(
                shared.iter().map(|[score, _]| score).sum::<u64>(),
                (reached * 100.0).round() as u64,
                "{passed} of {count}"
            );
            assert_eq!(shared.iter().map(|[_, max]| max).sum::<u64>(), 700, "{passed} of {count}");
            for (row, [score, max]) in sheet.rows.iter().zip(shared) {
                assert_eq!(score == max, row.points[0] > 0.0, "{score} of {max} for {:?}", row.points);
            }
        }
    }
}

#[test]
fn classroom_50_wants_its_environment() {
    let error = formats::make(&class::complete(), Format::Classroom50, &Context::default()).expect_err("there is none");
    assert!(format!("{error:#}").contains("CLASSROOM, ASSIGNMENT"), "{error:#}");
}

#[test]
fn gradescope_is_scaled_to_the_assignment() {
    let results = class::partial();
    let [points, worth] = Sheet::of(&results, &[]).points();
    for (total, context) in [(20.0, context()), (50.0, Context { total_points: Some(50.0), ..context() })] {
        let made = formats::make(&results, Format::Gradescope, &context).expect("it can be made");
        let value: Value = serde_json::from_str(&file(&made, "gradescope/results.json")).expect("it is JSON");
        let score = value["score"].as_f64().expect("a score");
        assert!((score - points / worth * total).abs() < 1e-3, "{score} of {total}");
        let tests = value["tests"].as_array().expect("tests");
        let sum = |field: &str| tests.iter().filter_map(|test| test[field].as_f64()).sum::<f64>();
        assert!((sum("score") - score).abs() < 1e-2 && (sum("max_score") - total).abs() < 1e-2);
        assert!(tests.iter().all(|test| test["visibility"] == "visible"), "else nobody sees a total");
    }
    let races = json(&results, Format::Gradescope, "gradescope/results.json")["leaderboard"].clone();
    assert_eq!(races, serde_json::json!([]), "code that fails a test is in no race");
    let races = json(&class::complete(), Format::Gradescope, "gradescope/results.json")["leaderboard"].clone();
    assert_eq!((&races[0]["value"], &races[0]["order"]), (&1.04.into(), &"asc".into()));
}

#[test]
fn prairielearn_uses_up_no_attempt_for_what_was_not_graded() {
    let value = |results: &Results| json(results, Format::Prairielearn, "prairielearn/results.json");
    for (name, results) in class::everybody() {
        let value = value(&results);
        let graded = ["complete", "partial", "hostile"].contains(&name);
        assert_eq!(value["gradable"], graded, "{name}");
        let share = value["score"].as_f64();
        assert_eq!(share.is_some_and(|share| (0.0..=1.0).contains(&share)), graded, "{name}");
        assert!(graded || !value["format_errors"].as_array().expect("a list").is_empty(), "{name}");
    }
    let complete = value(&class::complete());
    assert_eq!(complete["score"], 1.0);
    let tests = complete["tests"].as_array().expect("tests");
    assert!(tests.iter().all(|test| test["points"].is_number() && test["max_points"].is_number()), "or no points are shown");
    let images: Vec<&Value> = tests.iter().filter_map(|test| test.get("images")).collect();
    let url = images[0][0]["url"].as_str().expect("a URL");
    let svg = BASE64_STANDARD.decode(url.strip_prefix("data:image/svg+xml;base64,").expect("a data URI")).expect("base64");
    assert!(String::from_utf8(svg).expect("text").starts_with("<svg xmlns"));
}

#[test]
fn prairielearn_takes_no_more_than_a_megabyte() {
    for (count, length) in [(40, 5000), (300, 5000), (1500, 400), (20_000, 9)] {
        let mut results = class::complete();
        let checks = &mut results.exercises[0].subjects[0].checks;
        let mut case = checks[0].cases[0].clone();
        (case.verdict, case.message, case.points) = (Verdict::Fail, Some("x".repeat(length)), Some([0.0, 1.0]));
        checks[0] = CheckResult {
            cases: vec![case; count],
            points: 0.0,
            max_points: count as f64,
            verdict: Verdict::Fail,
            ..checks[0].clone()
        };
        let made = made(&results, Format::Prairielearn);
        let size = made.files[0].content.len();
        assert!(size <= 1_000_000, "{count} tests take {size} bytes");
        let value: Value = serde_json::from_slice(&made.files[0].content).expect("it is JSON");
        assert!(value["score"].as_f64().is_some_and(|share| share < 0.2), "the score is there whatever else is left out");
        assert_eq!(value["tests"].is_array(), count < 20_000, "{count}");
    }
}

#[test]
fn a_fault_of_the_grader_is_never_a_zero() {
    for (name, results) in class::everybody().into_iter().filter(|(name, _)| ["faulty", "nothing_counted"].contains(name)) {
        for about in &ALL {
            let made = made(&results, about.format);
            assert!(!made.judged, "{name} as {}", about.name);
        }
        let classroom = made(&results, Format::Classroom50);
        assert!(!names(&classroom).contains(&Path::new("result.json")), "{name}");
        assert_eq!(classroom.stale, [Path::new("result.json")]);
        assert!(file(&classroom, "github_output").starts_with("status=error\n"));
        let github = made(&results, Format::Github).printed;
        assert!(github.contains("::warning title=grading::Grading failed") && !github.contains("::error"), "{github}");
        let gradescope = json(&results, Format::Gradescope, "gradescope/results.json");
        assert!(gradescope.get("score").is_none() && gradescope.get("tests").is_none(), "{name}");
        let autolab = made(&results, Format::Autolab).printed;
        let last: Value = serde_json::from_str(autolab.lines().last().expect("a line")).expect("it is JSON");
        assert_eq!(last["scores"], serde_json::json!({}), "{name}");
        let legacy = json(&results, Format::Legacy, "legacy.json");
        assert_eq!((&legacy["status"], &legacy["max_score"]), (&"error".into(), &0.into()));
        let junit = Report::deserialize_from_str(&file(&made(&results, Format::Junit), "junit.xml")).expect("XML");
        assert_eq!((junit.tests, junit.failures, junit.errors), (1, 0, 1), "{name}");
        let grades = file(&made(&results, Format::Csv), "grades.csv");
        let mut reader = csv::Reader::from_reader(grades.as_bytes());
        let row = reader.records().next().expect("a row").expect("CSV");
        assert_eq!((&row[5], &row[6], &row[13]), ("", "", "not graded"), "{name}");
    }
}

#[test]
fn what_is_rejected_has_nothing_of_all_points_and_says_why() {
    let rejected = class::everybody().into_iter().find(|(name, _)| *name == "rejected").expect("it is there").1;
    let sheet = Sheet::of(&rejected, &asked());
    assert_eq!((sheet.points(), matches!(sheet.standing, Standing::Rejected(_))), ([0.0, 10.0], true));
    let value = json(&rejected, Format::Classroom50, "result.json");
    assert_eq!((&value["score"], &value["max-score"]), (&0.into(), &1000.into()));
    for about in ALL.iter().filter(|about| about.format != Format::Sarif) {
        assert!(everything(&made(&rejected, about.format)).contains("is not UTF-8 text"), "{}", about.name);
    }
    let autolab = made(&rejected, Format::Autolab).printed;
    assert!(autolab.ends_with("\"scores\":{\"spin_lock\":0.0}}\n"), "problems that the site knows: {autolab}");
    assert_eq!(Sheet::of(&rejected, &[]).points(), [0.0, 1.0]);
    // Where checks were made, they say what all is.
    let mut checked = class::partial();
    checked.submission.as_mut().expect("it has one").state = State::Rejected("for another course".into());
    assert_eq!(Sheet::of(&checked, &asked()).points(), [0.0, 20.0]);
}

#[test]
fn points_of_cases_that_do_not_add_up_are_not_shown() {
    let mut results = class::complete();
    results.exercises[0].subjects[0].checks[0].points = 1.0;
    let sheet = Sheet::of(&results, &[]);
    let tests: Vec<_> = sheet.rows.iter().filter(|row| row.check == "tests").collect();
    assert_eq!((tests.len(), tests[0].points), (1, [1.0, 5.0]));
}

#[test]
fn hostile_text_is_text_in_json() {
    let results = class::hostile();
    for (format, name) in [
        (Format::Classroom50, "result.json"),
        (Format::Prairielearn, "prairielearn/results.json"),
        (Format::Legacy, "legacy.json"),
        (Format::Sarif, "findings.sarif"),
        (Format::Gradescope, "gradescope/results.json"),
    ] {
        let value = json(&results, format, name);
        let mut strings = Vec::new();
        strings_of(&value, &mut strings);
        for hostile in HOSTILE {
            let plain = text::plain(hostile);
            assert!(strings.iter().any(|text| text.contains(plain.trim_end())), "{format:?} lacks {plain:?}");
        }
        let odd = |c: char| c.is_control() && c != '\n' && c != '\t' || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!strings.iter().any(|text| text.contains(odd)), "{format:?}");
    }
}

fn strings_of<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => all.push(text),
        Value::Array(values) => values.iter().for_each(|value| strings_of(value, all)),
        Value::Object(fields) => fields.values().for_each(|value| strings_of(value, all)),
        _ => {}
    }
}

#[test]
fn gradescopes_html_holds_nothing_but_its_own_elements() {
    let value = json(&class::hostile(), Format::Gradescope, "gradescope/results.json");
    let tests = value["tests"].as_array().expect("tests");
    let html = |test: &&Value| test["output_format"] == "html";
    assert!(tests.iter().all(|test| ["html", "text"].contains(&test["output_format"].as_str().expect("a format"))));
    let pages: Vec<&str> = tests.iter().filter(html).filter_map(|test| test["output"].as_str()).collect();
    assert_eq!(pages.len(), 1);
    for page in pages {
        let tags: Vec<&str> = page.split('<').skip(1).collect();
        let own = ["p>", "/p>", "img src=\"data:image/svg+xml;base64,"];
        assert!(tags.iter().all(|tag| own.iter().any(|start| tag.starts_with(start))), "{tags:?}");
        assert!(page.contains("&lt;script&gt;"));
    }
}

#[test]
fn hostile_text_is_text_in_xml() {
    let xml = file(&made(&class::hostile(), Format::Junit), "junit.xml");
    let report = Report::deserialize_from_str(&xml).expect("it is XML");
    let suite = report.test_suites.iter().find(|suite| suite.name.as_str() == "threads/spin_lock::tests").expect("it is there");
    assert_eq!(suite.test_cases.len(), HOSTILE.len(), "no case is forged");
    for (case, hostile) in suite.test_cases.iter().zip(HOSTILE) {
        assert_eq!(case.name.as_str(), text::line(hostile, 200));
        let TestCaseStatus::NonSuccess { description: Some(said), .. } = &case.status else { panic!("{:?} failed", case.name) };
        assert!(said.as_str().contains(text::plain(hostile).replace('\t', "    ").trim_end()), "{said:?}");
    }
    let forbidden = |c: char| (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{fffe}' | '\u{ffff}');
    assert!(!xml.contains(forbidden));
}

#[test]
fn no_cell_is_a_formula() {
    let grades = file(&made(&class::hostile(), Format::Csv), "grades.csv");
    let mut all: Vec<String> = Vec::new();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(grades.as_bytes());
    for record in reader.records() {
        all.extend(record.expect("every row has as many cells").iter().map(str::to_owned));
    }
    assert!(all.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{all:?}");
    let mut anonymous = context();
    anonymous.variables.remove("OWNER");
    let made = formats::make(&class::hostile(), Format::Csv, &anonymous).expect("it can be made");
    assert!(file(&made, "grades.csv").contains("'=HYPERLINK("), "the submission's name is text");
}

#[test]
fn no_workflow_command_is_anybody_elses() {
    let results = class::hostile();
    let printed = made(&results, Format::Github).printed;
    let token = context().token;
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], format!("::stop-commands::{token}"));
    let end = lines.iter().position(|line| *line == format!("::{token}::")).expect("the log ends");
    assert_eq!(printed.matches(token.as_str()).count(), 2, "nobody can print the word that ends it");
    let commands = &lines[end + 1..];
    let annotation = |line: &&&str| ["::error ", "::warning ", "::notice "].iter().any(|start| line.starts_with(start));
    let (annotations, words): (Vec<&&str>, Vec<&&str>) = commands.iter().partition(annotation);
    assert!(words.iter().all(|line| line.ends_with("are not annotated: GitHub shows 10 of a kind")), "{words:?}");
    assert_eq!(annotations.iter().filter(|line| line.starts_with("::error ")).count(), 10);
    assert!(words.iter().any(|line| line.starts_with("5 more errors")), "{words:?}");
    for line in annotations {
        let (head, _) = line[2..].split_once("::").expect("a message");
        let properties: Vec<&str> = head.split_once(' ').expect("properties").1.split(',').collect();
        let known = |property: &&str| ["file=", "line=", "col=", "title="].iter().any(|name| property.starts_with(name));
        assert!(properties.iter().all(known), "{line}");
        let file = properties.iter().find_map(|property| property.strip_prefix("file="));
        assert!(file.is_none_or(|file| file == "exercises/threads/spin_lock/src/lib.rs"), "{line}");
    }
}

#[test]
fn annotations_stand_at_the_learners_lines_the_dearest_first() {
    let printed = made(&class::partial(), Format::Github).printed;
    let errors: Vec<&str> = printed.lines().filter(|line| line.starts_with("::error ")).collect();
    assert!(errors[0].contains("exercises/algorithms/merge_sort/src/lib.rs,line=41,col=9,title=merge_sort%3A tests%3A sorts"));
    assert!(
        printed
            .contains("::warning file=exercises/threads/spin_lock/src/lib.rs,line=30,col=5,title=clippy%3A%3Aneedless_return::")
    );
    assert!(printed.contains("::notice file=exercises/threads/spin_lock/src/lib.rs,line=1,title=spin_lock%3A speed::"));
}

#[test]
fn hostile_text_is_text_in_markdown() {
    for (format, name) in [(Format::Github, "summary.md"), (Format::Classroom50, "release-body.md")] {
        let markdown = file(&made(&class::hostile(), format), name);
        // GitHub makes links of bare addresses too; in fences it does not.
        let bare = markdown.lines().filter(|line| line.starts_with("| ")).any(|line| line.replace("\\:", "").contains("://"));
        assert!(!bare, "{name}");
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_GFM | Options::ENABLE_MATH;
        let (mut fenced, mut rows) = (0, 0);
        for event in Parser::new_ext(&markdown, options) {
            match event {
                Event::Html(html) => {
                    let html = html.trim();
                    let summary = html.strip_prefix("<details><summary>").and_then(|rest| rest.strip_suffix("</summary>"));
                    assert!(html == "</details>" || summary.is_some_and(|text| !text.contains('<')), "{name}: {html}");
                }
                Event::InlineHtml(_) | Event::InlineMath(_) | Event::DisplayMath(_) | Event::Code(_) => {
                    panic!("{name}: {event:?}")
                }
                Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::List(_) | Tag::Emphasis | Tag::Strong) => {
                    panic!("{name}: {event:?}")
                }
                Event::Start(Tag::CodeBlock(_)) => fenced += 1,
                Event::Start(Tag::TableRow) => rows += 1,
                _ => {}
            }
        }
        assert!(name != "summary.md" || fenced > HOSTILE.len(), "{fenced}");
        assert_eq!(rows, Sheet::of(&class::hostile(), &[]).rows.len(), "{name}: each row is one row");
    }
}

#[test]
fn a_steps_outputs_are_its_own() {
    for state in [State::Graded, State::Rejected(HOSTILE.join("\n")), State::Error(HOSTILE.join("\n"))] {
        for (format, own) in [(Format::Classroom50, vec!["status", "summary"]), (Format::Legacy, vec!["result"])] {
            let mut results = class::hostile();
            results.submission.as_mut().expect("it has one").state = state.clone();
            let output = file(&made(&results, format), "github_output");
            let names: Vec<&str> = output.lines().map(|line| line.split_once('=').expect("a name").0).collect();
            assert_eq!(names, own, "{state:?}");
            assert!(output.ends_with('\n'));
        }
    }
}

#[test]
fn a_hostile_reason_is_text_too() {
    for state in [State::Rejected(HOSTILE.join("\n")), State::Error(HOSTILE.join("\n"))] {
        let mut results = class::hostile();
        results.submission.as_mut().expect("it has one").state = state.clone();
        let printed = made(&results, Format::Github).printed;
        let (_, commands) = printed.split_once("::0123456789abcdef0123456789abcdef::\n").expect("the log ends");
        // What happened to the whole, and what clippy said of it.
        let starts: Vec<&str> = commands.lines().map(|line| line.split(' ').next().expect("a word")).collect();
        assert!([vec!["::error", "::warning"], vec!["::warning", "::warning"]].contains(&starts), "{commands}");
        let summary = file(&made(&results, Format::Github), "summary.md");
        let html = |event: &Event| matches!(event, Event::Html(_) | Event::InlineHtml(_));
        let own = ["<details>", "</details>"];
        let forged = Parser::new_ext(&summary, Options::ENABLE_TABLES | Options::ENABLE_GFM).filter(html).find(|event| {
            let (Event::Html(html) | Event::InlineHtml(html)) = event else { return false };
            !own.iter().any(|start| html.starts_with(start))
        });
        assert_eq!(forged, None, "{state:?}");
        let grades = file(&made(&results, Format::Csv), "grades.csv");
        let rows: Vec<_> = csv::Reader::from_reader(grades.as_bytes()).into_records().collect();
        assert!(rows.len() == 1 && rows[0].is_ok(), "{rows:?}");
        let report = Report::deserialize_from_str(&file(&made(&results, Format::Junit), "junit.xml")).expect("it is XML");
        assert_eq!(report.test_suites.iter().map(|suite| suite.test_cases.len()).sum::<usize>(), 1, "no case is forged");
        let printed = made(&results, Format::Autolab).printed;
        assert_eq!(printed.lines().count(), 2);
    }
}

#[test]
fn autolabs_last_two_lines_are_its_own() {
    for (name, results) in class::everybody() {
        let printed = made(&results, Format::Autolab).printed;
        let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
        assert_eq!(lines.len(), 2, "{name}");
        assert_eq!(lines[0]["_presentation"], "semantic", "{name}");
        for stage in lines[0]["stages"].as_array().expect("stages") {
            assert!(lines[0][stage.as_str().expect("a name")].is_object(), "{name}: {stage}");
        }
        assert!(lines[1]["scores"].as_object().expect("scores").values().all(Value::is_number), "{name}");
    }
    let printed = made(&class::partial(), Format::Autolab).printed;
    let last: Value = serde_json::from_str(printed.lines().last().expect("a line")).expect("it is JSON");
    // 3.33 and 1 of 9 that counted, of 11 that the exercise is worth; 1.25 of 7, of 9.
    let expected = [(10.0 / 3.0 + 1.0) / 9.0 * 11.0, 1.25 / 7.0 * 9.0];
    for (problem, expected) in ["spin_lock", "merge_sort"].iter().zip(expected) {
        assert!((last["scores"][problem].as_f64().expect("a score") - expected).abs() < 1e-3, "{last}");
    }
}

#[test]
fn sarif_has_what_its_schema_requires() {
    for (name, results) in class::everybody() {
        let value = json(&results, Format::Sarif, "findings.sarif");
        assert_eq!(value["version"], "2.1.0", "{name}");
        let run = &value["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        assert_eq!(run["tool"]["driver"]["name"], "racecourse");
        for result in run["results"].as_array().expect("results") {
            assert!(!result["message"]["text"].as_str().expect("a text").is_empty(), "{name}");
            let rule = result["ruleIndex"].as_u64().and_then(|index| rules.get(usize::try_from(index).ok()?)).expect("a rule");
            assert_eq!(rule["id"], result["ruleId"], "{name}");
            for location in result["locations"].as_array().into_iter().flatten() {
                let uri = location["physicalLocation"]["artifactLocation"]["uri"].as_str().expect("a URI");
                assert_eq!(uri, "exercises/threads/spin_lock/src/lib.rs", "{name}");
            }
        }
    }
    let complete = json(&class::complete(), Format::Sarif, "findings.sarif");
    let result = &complete["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "clippy::needless_return");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"], serde_json::json!({"startLine": 30, "startColumn": 5}));
    let screening = json(&class::hostile(), Format::Sarif, "findings.sarif").to_string();
    assert!(screening.contains("racecourse::screening"));
}

#[test]
fn files_are_written_whole_and_a_forged_one_is_taken_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path();
    let at = |name: &str| out.join(name);
    let mut context = context();
    for (name, file) in [("GITHUB_OUTPUT", "output"), ("GITHUB_STEP_SUMMARY", "summary")] {
        context.variables.insert(name.into(), at(file).to_string_lossy().into_owned());
    }
    fs::write(at("output"), "before=1\n").expect("written");
    fs::write(at("result.json"), "{\"score\":1000}").expect("written");
    let stored = at("stored.json");
    let faulty = class::everybody().into_iter().find(|(name, _)| *name == "faulty").expect("it is there").1;
    faulty.write(&stored).expect("written");
    let written = formats::render(&stored, Format::Classroom50, &context, out).expect("written");
    assert!(!written.judged && !at("result.json").exists(), "a result that a learner left in the checkout is gone");
    class::complete().write(&stored).expect("written");
    let written = formats::render(&stored, Format::Classroom50, &context, out).expect("written");
    assert!(written.judged && written.files.contains(&at("result.json")));
    let output = fs::read_to_string(at("output")).expect("it is there");
    assert!(output.starts_with("before=1\nstatus=error\n") && output.contains("\nstatus=success\n"), "{output}");
    formats::render(&stored, Format::Github, &context, out).expect("written");
    assert_eq!(fs::read(at("summary")).expect("it is there"), fs::read(at("summary.md")).expect("it is there"));
    let error = formats::render(&at("none.json"), Format::Junit, &context, out).expect_err("there is none");
    assert!(format!("{error:#}").contains("cargo xtask grade"), "{error:#}");
}
