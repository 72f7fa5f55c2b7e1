//! Each fault that `tidy` must find, planted alone in a small course in which nothing else is wrong.

use std::{fs, path::Path};

use xtask::tidy::{fix, look};

const MANIFEST: &str = r#"[package]
name = "doubling"
version = "0.1.0"
edition = "2024"

[package.metadata.exercise]
title = "Twice as much"
order = 10
kind = "implement"
summary = "addition"
topic = "numbers"
python = "+"
files = ["src/lib.rs"]

[package.metadata.exercise.points]
tests = 1
model = 1
speed = 1

[package.metadata.exercise.limits]
tests = 20

[package.metadata.exercise.speed]
against = "reference"
full_at = 1.5
zero_at = 3.0

[package.metadata.exercise.starter]
fails = ["tests", "model"]
passes = ["one_is_odd"]
fingerprint = ""

[features]
model = []
workload = []

[dependencies]

[[test]]
name = "model"
required-features = ["model"]

[[bin]]
name = "doubling-workload"
path = "workload.rs"
required-features = ["workload"]

[lints]
workspace = true
"#;

const README: &str = "# A course

<!-- The table of exercises: written by `cargo xtask tidy --fix` from their manifests. -->
<!-- The end of the table. -->
";

const STARTER: &str = "//! Twice.\n\n/// Twice.\npub fn double(number: u32) -> u32 {\n    todo!(\"step 1: {number}\")\n}\n";
const REFERENCE: &str = "//! Twice.\n\n/// Twice.\npub fn double(number: u32) -> u32 {\n    2 * number\n}\n";
const TESTS: &str = "//! Tests.\n\n#[test]\nfn twice() {}\n\n#[test]\nfn one_is_odd() {}\n";
const HINTS: &str = "## Hint 1\n\nAdd.\n\n## Hint 2\n\nAdd it.\n\n## Hint 3\n\nAdd it to itself.\n";

const EXERCISE: &str = "exercises/threads/doubling";
const SOLUTION: &str = "solutions/threads/doubling";

fn patch(header: &str, line: &str) -> String {
    let hunk = "--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -4,3 +4,3 @@\n pub fn double(number: u32) -> u32 {\n";
    format!("Title: a title\n{header}\nWhy.\n\n{hunk}-    2 * number\n+    {line}\n }}\n")
}

fn handout() -> String {
    let sections = ["In Python", "The task", "What is checked", "How to see it", "Further reading"];
    let prose = "word ".repeat(90);
    let sections = sections.map(|section| format!("## {section}\n\n{prose}\n"));
    format!("# Twice as much\n\n[The hints](hints.md#hint-1).\n\n{}", sections.join("\n"))
}

/// A course in which everything is in step.
fn course() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let mutant = |line: &str| patch("Fails: tests\nCase: twice\nHow: four\n", line);
    for (file, content) in [
        ("README.md".to_owned(), README.to_owned()),
        (format!("{EXERCISE}/Cargo.toml"), MANIFEST.into()),
        (format!("{EXERCISE}/README.md"), handout()),
        (format!("{EXERCISE}/hints.md"), HINTS.into()),
        (format!("{EXERCISE}/src/lib.rs"), STARTER.into()),
        (format!("{EXERCISE}/tests/behaviour.rs"), TESTS.into()),
        (format!("{EXERCISE}/tests/model.rs"), TESTS.into()),
        (format!("{EXERCISE}/workload.rs"), "//! The workload.\n".into()),
        (format!("{SOLUTION}/src/lib.rs"), REFERENCE.into()),
        (format!("{SOLUTION}/NOTES.md"), "# Notes\n".into()),
        (format!("{SOLUTION}/mutants/a.patch"), mutant("3 * number")),
        (format!("{SOLUTION}/mutants/b.patch"), mutant("4 * number")),
        (format!("{SOLUTION}/mutants/c.patch"), mutant("number")),
        (format!("{SOLUTION}/mutants/d.patch"), mutant("0")),
        (format!("{SOLUTION}/variants/e.patch"), patch("", "number + number")),
        (format!("{SOLUTION}/variants/f.patch"), patch("", "number << 1")),
    ] {
        write(root, &file, &content);
    }
    fix(root).unwrap();
    folder
}

fn write(root: &Path, file: &str, content: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// What is done to a file of a sound course.
enum Change {
    /// The first is replaced by the second.
    Replace(&'static str, &'static str),
    Delete,
    Write(&'static str),
}

use Change::{Delete, Replace, Write};

/// File, change, the file of the fault, words of it.
type Row = (&'static str, Change, &'static str, &'static str);

const ROWS: &[Row] = &[
    ("README.md", Replace("addition", "subtraction"), "README.md", "not what the manifests say; cargo xtask tidy --fix"),
    ("README.md", Replace("<!-- The end of the table. -->", ""), "README.md", "not marked"),
    ("README.md", Replace("# A course", "# A [course](gone.md)"), "README.md", "link to gone.md"),
    // The manifest.
    (
        "exercises/threads/doubling/Cargo.toml",
        Replace("\"]\n\n[", "\"]\nneeds = [\"unsafe\"]\n\n["),
        "Cargo.toml",
        "`needs` names unsafe, and neither",
    ),
    (
        "solutions/threads/doubling/src/lib.rs",
        Replace("2 * number", "unsafe { 2 * number }"),
        "exercises/threads/doubling/Cargo.toml",
        "is written with unsafe",
    ),
    (
        "exercises/threads/doubling/Cargo.toml",
        Replace("\"]\n\n[", "\"]\nneeds = [\"luck\"]\n\n["),
        "exercises",
        "unknown variant `luck`",
    ),
    ("exercises/threads/doubling/Cargo.toml", Replace("topic =", "topics ="), "exercises", "unknown field `topics`"),
    ("exercises/threads/doubling/Cargo.toml", Replace("[package.metadata", "[[package.metadata"), "exercises", "is not right"),
    ("exercises/threads/doubling/Cargo.toml", Replace("\"implement\"", "\"try\""), "Cargo.toml", "no kind is called \"try\""),
    ("exercises/threads/doubling/Cargo.toml", Replace("\"numbers\"", "\" \""), "Cargo.toml", "topic is empty"),
    ("exercises/threads/doubling/Cargo.toml", Replace("\"numbers\"", "\"a | b\""), "Cargo.toml", "topic holds a `|`"),
    ("exercises/threads/doubling/Cargo.toml", Replace("tests = 20", "tests = 0.0"), "Cargo.toml", "a limit of 0 s"),
    ("exercises/threads/doubling/Cargo.toml", Replace("tests = 20", "span = 20"), "Cargo.toml", "limits span, which is not made"),
    ("exercises/threads/doubling/Cargo.toml", Replace("full_at = 1.5", "full_at = 3.0"), "Cargo.toml", "speed: full points must"),
    ("exercises/threads/doubling/Cargo.toml", Replace("[\"tests\", \"model\"]", "[]"), "Cargo.toml", "its starter fails nothing"),
    (
        "exercises/threads/doubling/Cargo.toml",
        Replace("\"model\"]\np", "\"trace\"]\np"),
        "Cargo.toml",
        "fail trace, which is not made",
    ),
    ("exercises/threads/doubling/Cargo.toml", Replace("\"one_is_odd\"", "\"no_such\""), "Cargo.toml", "no test is called so"),
    ("exercises/threads/doubling/Cargo.toml", Replace("[lints]\nworkspace = true\n", ""), "Cargo.toml", "the course's lints"),
    // Points and tests.
    ("exercises/threads/doubling/tests/trace.rs", Write("//! Trace.\n"), "Cargo.toml", "there are no points for trace"),
    ("exercises/threads/doubling/tests/model.rs", Delete, "tests/model.rs", "points for model"),
    // Files.
    ("exercises/threads/doubling/README.md", Delete, "README.md", "it is missing"),
    ("exercises/threads/doubling/hints.md", Delete, "hints.md", "it is missing"),
    ("exercises/threads/doubling/workload.rs", Delete, "workload.rs", "it is missing"),
    ("exercises/threads/doubling/src/lib.rs", Replace("step 1", "step 2"), "Cargo.toml", "fingerprint"),
    ("exercises/threads/doubling/src/given.rs", Write("//! Given.\n"), "Cargo.toml", "`files` does not name src/given.rs"),
    ("solutions/threads/doubling/NOTES.md", Delete, "NOTES.md", "it is missing"),
    ("solutions/threads/doubling/src/lib.rs", Delete, "src/lib.rs", "it is missing; write the reference"),
    ("solutions/threads/doubling/Cargo.toml", Delete, "Cargo.toml", "it is missing; cargo xtask tidy --fix"),
    (
        "solutions/threads/doubling/Cargo.toml",
        Replace("workload = []", "workload = [\"model\"]"),
        "Cargo.toml",
        "are not the exercise's",
    ),
    // The handout and the hints.
    ("exercises/threads/doubling/README.md", Replace("# Twice as much", "# Thrice"), "README.md", "begin with the title"),
    ("exercises/threads/doubling/README.md", Replace("## In Python", "## Python"), "README.md", "no section \"In Python\""),
    ("exercises/threads/doubling/README.md", Replace("hints.md#", "gone.md#"), "README.md", "link to gone.md leads nowhere"),
    (
        "exercises/threads/doubling/README.md",
        Replace("## The task\n", "## The task\n\nTODO: all\n"),
        "README.md",
        "line 11 says `TODO: all`",
    ),
    ("exercises/threads/doubling/README.md", Replace("## The task\n", "## The task\n```\n"), "README.md", "words of prose"),
    ("exercises/threads/doubling/hints.md", Replace("## Hint 3", "## Hint 4"), "hints.md", "its headings are"),
    ("exercises/threads/doubling/hints.md", Replace("Add it to itself.", ""), "hints.md", "hint 3 is empty"),
    // The patches.
    ("solutions/threads/doubling/mutants/d.patch", Delete, "solutions/threads/doubling/mutants", "there are 3"),
    ("solutions/threads/doubling/variants/f.patch", Delete, "solutions/threads/doubling/variants", "there are 1"),
    ("solutions/threads/doubling/mutants/a.patch", Replace("Fails: tests\n", ""), "mutants/a.patch", "no `Fails:`"),
    (
        "solutions/threads/doubling/mutants/a.patch",
        Replace("Fails: tests", "Fails: trace"),
        "mutants/a.patch",
        "which is not made",
    ),
    (
        "solutions/threads/doubling/mutants/a.patch",
        Replace("Case: twice", "Case: thrice"),
        "mutants/a.patch",
        "is called \"thrice\"",
    ),
    (
        "solutions/threads/doubling/mutants/a.patch",
        Replace("-    2 *", "-    5 *"),
        "mutants/a.patch",
        "does not fit the reference",
    ),
    ("solutions/threads/doubling/variants/e.patch", Replace("Title: ", ""), "variants/e.patch", "no `Title:`"),
    // Rust files.
    ("exercises/threads/doubling/workload.rs", Write("fn main() {}\n"), "doubling/workload.rs", "does not begin with `//!`"),
    (
        "lab/src/lib.rs",
        Write("//! Lab.\n#[allow(dead_code)]\nfn f() {}\n"),
        "lab/src/lib.rs",
        "`allow` in line 2; write #[expect(",
    ),
    (
        "exercises/threads/doubling/workload.rs",
        Write("//! Work.\nuse doubling::{\n    double, inner::*,\n};\nfn main() {}\n"),
        "doubling/workload.rs",
        "line 3 imports all that is in doubling; name what it uses",
    ),
];

#[test]
fn nothing_is_wrong_with_a_sound_course() {
    let course = course();
    assert_eq!(look(course.path()).unwrap(), []);
    assert_eq!(fix(course.path()).unwrap(), Vec::<String>::new(), "what is right is not written again");
}

#[test]
fn each_fault_is_found_in_its_file() {
    for (file, change, place, words) in ROWS {
        let course = course();
        let path = course.path().join(file);
        match change {
            Delete => fs::remove_file(&path).unwrap(),
            Write(content) => write(course.path(), file, content),
            Replace(old, new) => {
                let text = fs::read_to_string(&path).unwrap();
                assert!(text.contains(old), "{file} holds no {old:?}:\n{text}");
                fs::write(&path, text.replacen(old, new, 1)).unwrap();
            }
        }
        let faults = look(course.path()).unwrap();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let found = faults.iter().any(|fault| fault.file.ends_with(place) && fault.to_string().contains(words));
        assert!(found, "{file}: wanted {words:?} of {place}, found {told:#?}");
        assert!(faults.iter().all(|fault| !fault.mend.is_empty() && !fault.to_string().contains('\n')), "{told:#?}");
    }
}

#[test]
fn what_can_be_derived_is_written() {
    let course = course();
    let root = course.path();
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let row = "| [`threads/doubling`](exercises/threads/doubling/README.md) | addition | + | tests, model, speed |";
    assert!(read("README.md").contains(row), "{}", read("README.md"));
    let solution = read(&format!("{SOLUTION}/Cargo.toml"));
    let model = "[[test]]\nname = \"model\"\npath = \"../../../exercises/threads/doubling/tests/model.rs\"\nrequired-features = [\"model\"]\n";
    assert!(solution.starts_with("[package]\nname = \"doubling-solution\"\n") && solution.contains(model), "{solution}");

    write(root, &format!("{EXERCISE}/src/lib.rs"), &STARTER.replace("step 1", "step 7"));
    fs::remove_file(root.join(SOLUTION).join("Cargo.toml")).unwrap();
    assert_eq!(fix(root).unwrap(), [format!("{EXERCISE}/Cargo.toml"), format!("{SOLUTION}/Cargo.toml")]);
    assert_eq!(look(root).unwrap(), []);
    assert_eq!(read(&format!("{SOLUTION}/Cargo.toml")), solution);
}

#[test]
fn two_exercises_do_not_have_one_place() {
    let course = course();
    let other = MANIFEST.replace("doubling", "halving");
    write(course.path(), "exercises/threads/halving/Cargo.toml", &other);
    let faults = look(course.path()).unwrap();
    let told: Vec<String> = faults.iter().map(ToString::to_string).filter(|fault| fault.contains("order")).collect();
    assert_eq!(
        told,
        ["exercises/threads/halving/Cargo.toml: order = 10 is also that of threads/doubling; write order = 11, or another"]
    );
}
