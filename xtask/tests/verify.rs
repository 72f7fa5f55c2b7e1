//! A proof that never fails would prove nothing: a small course with one of each fault, and the same course without any.

use std::{collections::BTreeMap, fs, path::Path};

use xtask::{
    catalog::{Catalog, fingerprint},
    results::Verdict,
    stage::Stage,
    verify::{Proof, prove},
};

/// It depends on nothing, so that it is built in a moment.
const WORKSPACE: &str = r#"
[workspace]
resolver = "3"
members = ["exercises/*/*", "solutions/*/*"]

[workspace.dependencies]
lab = { path = "lab" }

[profile.dev]
opt-level = 0
debug = false
"#;

const EXERCISE: &str = r#"
[package]
name = "doubling"
version = "0.1.0"
edition = "2024"

[package.metadata.exercise]
title = "Twice as much"
order = 1
kind = "implement"
summary = "addition"
topic = "numbers"
python = "+"
files = ["src/lib.rs"]
points = { tests = 1 }
starter = { fails = ["tests"], passes = ["one_is_odd"], fingerprint = "FINGERPRINT" }

[[bin]]
name = "doubling-program"
path = "program.rs"
"#;

const SOLUTION: &str = r#"
[package]
name = "doubling-solution"
version = "0.1.0"
edition = "2024"

[lib]
name = "doubling"
"#;

const STARTER: &str = "pub fn double(number: u32) -> u32 {\n    todo!(\"step 1: {number}\")\n}\n";

const REFERENCE: &str = "pub fn double(number: u32) -> u32 {\n    2 * number\n}\n";

const PROGRAM: &str = "fn main() {\n    println!(\"{}\", doubling::double(21));\n}\n";

const TESTS: &str = r#"
#[test]
fn twice() {
    assert_eq!(doubling::double(2), 4, "twice two is four");
}

#[test]
fn nothing_stays_nothing() {
    assert_eq!(doubling::double(0), 0, "twice nothing is nothing");
}

#[test]
fn one_is_odd() {}

#[test]
fn the_program_doubles() {
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_doubling-program")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout).trim(), "42", "the program is another one's");
}
"#;

/// A patch that puts `line` in the place of the reference's only line that computes.
fn patch(header: &str, line: &str) -> String {
    let hunk = "--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,3 +1,3 @@\n pub fn double(number: u32) -> u32 {\n";
    format!("Title: a title\n{header}\nWhy.\n\n{hunk}-    2 * number\n+    {line}\n }}\n")
}

fn mutant(case: &str, how: &str, line: &str) -> String {
    patch(&format!("Fails: tests\nCase: {case}\nHow: {how}\n"), line)
}

/// A course of one exercise with these patches, and a starter of record or not; what is claimed of it, by whom.
fn proof(starter: &str, patches: &[(&str, String)], of_record: bool) -> BTreeMap<String, (Verdict, String)> {
    let folder = tempfile::tempdir().unwrap();
    let (exercise, solution) = ("exercises/threads/doubling", "solutions/threads/doubling");
    let mut files = vec![
        ("Cargo.toml".to_owned(), WORKSPACE.to_owned()),
        (format!("{exercise}/src/lib.rs"), starter.into()),
        (format!("{exercise}/program.rs"), PROGRAM.into()),
        (format!("{exercise}/tests/behaviour.rs"), TESTS.into()),
        (format!("{solution}/Cargo.toml"), SOLUTION.into()),
        (format!("{solution}/src/lib.rs"), REFERENCE.into()),
    ];
    files.extend(patches.iter().map(|(name, patch)| (format!("{solution}/{name}.patch"), patch.clone())));
    files.iter().for_each(|(file, content)| write(&folder.path().join(file), content));
    let right = fingerprint(&folder.path().join(exercise), &["src/lib.rs".into()]).unwrap();
    let known = if of_record { right } else { "0123456789abcdef".into() };
    write(&folder.path().join(exercise).join("Cargo.toml"), &EXERCISE.replace("FINGERPRINT", &known));

    let catalog = Catalog::read(folder.path()).unwrap();
    let stage = Stage::open(&catalog).unwrap();
    let proof: Proof = prove(&catalog, &stage, &catalog.exercises[0], |_| {});
    let told = |claim: xtask::verify::Claim| (format!("{}, {}", claim.of, claim.check), (claim.verdict, claim.seen));
    proof.claims.into_iter().map(told).collect()
}

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn what_is_right_is_proven() {
    let claims = proof(
        STARTER,
        &[
            ("mutants/adds_one", mutant("twice", "twice two is four", "2 * number + 1")),
            ("mutants/only_in_the_program", mutant("the_program_doubles", "another one's", "number + number.min(20)")),
            ("variants/shift", patch("", "number << 1")),
            ("variants/sum", patch("", "number + number")),
        ],
        true,
    );
    let all_hold = [
        "mutant adds_one, tests",
        "mutant only_in_the_program, tests",
        "reference, tests",
        "starter, fingerprint",
        "starter, tests",
        "variant shift, tests",
        "variant sum, tests",
    ];
    assert_eq!(claims.keys().collect::<Vec<_>>(), all_hold);
    assert_eq!(
        claims.values().filter(|(verdict, _)| *verdict != Verdict::Pass).collect::<Vec<_>>(),
        Vec::<&(Verdict, String)>::new()
    );
}

#[test]
fn each_fault_is_found_and_spoils_no_other() {
    let claims = proof(
        STARTER,
        &[
            ("mutants/killed", mutant("twice", "twice two is four", "2 * number + 1")),
            ("mutants/survives", mutant("twice", "twice two is four", "number + number")),
            (
                "mutants/killed_by_another_test",
                mutant("nothing_stays_nothing", "nothing", "2 * number + number % 2 + number / 2"),
            ),
            ("mutants/does_not_compile", mutant("twice", "mismatched types", "\"twice\"")),
            ("mutants/other_words", mutant("twice", "data race", "2 * number + 1")),
            ("mutants/no_such_test", mutant("thrice", "three", "3 * number")),
            ("mutants/does_not_fit", mutant("twice", "four", "3 * number").replace("-    2 * number", "-    2 * count")),
            ("variants/right", patch("", "number << 1")),
            ("variants/wrong", patch("", "number * number")),
        ],
        false,
    );
    let found = |who: &str, verdict: Verdict, words: &str| {
        let (seen, said) = claims.get(who).unwrap_or_else(|| panic!("nothing is said of {who}: {claims:#?}"));
        assert_eq!(*seen, verdict, "{who}: {said}");
        assert!(said.contains(words), "{who}: {said}");
    };
    found("reference, tests", Verdict::Pass, "4 of 4 tests pass");
    found("starter, fingerprint", Verdict::Fail, "must say fingerprint = ");
    found("starter, tests", Verdict::Pass, "1 of 4 tests pass");
    found("mutant killed, tests", Verdict::Pass, "killed by twice: twice two is four");
    found("mutant survives, tests", Verdict::Fail, "seen: pass, 1 of 1 tests pass");
    found("mutant killed_by_another_test, tests", Verdict::Fail, "seen: pass, 1 of 1 tests pass");
    // A compiler that kills a mutant is no check that does.
    found("mutant does_not_compile, tests", Verdict::Fail, "it does not compile");
    found("mutant other_words, tests", Verdict::Fail, "wanted: a failure that says \"data race\"");
    found("mutant no_such_test, tests", Verdict::Error, "no test of this check is called \"thrice\"");
    found("mutant does_not_fit, tests", Verdict::Error, "does not fit src/lib.rs any more");
    found("variant right, tests", Verdict::Pass, "4 of 4");
    found("variant wrong, tests", Verdict::Fail, "wanted: full points");
    assert_eq!(claims.len(), 12);
}

#[test]
fn a_starter_that_passes_or_does_not_compile_is_found() {
    for (starter, words) in [(REFERENCE, "4 of 4 tests pass"), ("pub fn", "it does not compile")] {
        let (verdict, said) = proof(starter, &[], true).remove("starter, tests").unwrap();
        assert_eq!(verdict, Verdict::Fail, "{said}");
        assert!(said.contains(words), "{said}");
    }
}
