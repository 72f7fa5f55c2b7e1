//! Litmus tests: small programs whose outcomes C++20, and so Rust, allows or forbids.
//!
//! The verdicts of `table.rs` are written by hand, each with the rule that forbids; `axioms.rs` judges the same programs by
//! the axioms, so that no verdict rests on one opinion. A forbidden outcome that is reached is a false alarm of the checker;
//! an allowed one that is not reached is a bug that it would miss, and stands in its row.
//!
//! `cargo test -p lab --features model --test model_litmus -- --nocapture` prints the table of the results.

mod axioms;
mod program;
mod random;
mod table;

use std::collections::BTreeSet;

use lab::model::Pass;

use crate::{
    axioms::judge,
    program::{Explored, Program},
    table::Litmus,
};

const PASSES: [Pass; 3] = [Pass::Interleavings, Pass::WeakMemory, Pass::Spurious];

/// Says what is not reached, too.
const README: &str = include_str!("../../src/model/README.md");

/// Runs one family, prints its part of the table, and fails with everything that is wrong in it.
fn check(family: &str, tests: &[Litmus]) {
    let mut wrong = Vec::new();
    let mut lines = String::new();
    let mut sum = [0; 5];
    for test in tests {
        let program = Program::parse(test.program);
        let judged = judge(&program);
        let Explored { reached, executions } = program.explore(&PASSES);
        let allowed = set(test.allowed);
        let forbidden: BTreeSet<String> = test.forbidden.iter().flat_map(|(outcomes, _)| set(outcomes)).collect();
        let mut compare = |what: &str, expected: &BTreeSet<String>, found: &BTreeSet<String>| {
            if expected != found {
                wrong.push(format!("{}, {what}: the table says {expected:?}, found {found:?}", test.name));
            }
        };
        compare("allowed by the axioms", &allowed, &judged.allowed);
        compare("forbidden by the axioms", &forbidden, &judged.candidates.difference(&judged.allowed).cloned().collect());
        compare("allowed and not reached", &set(test.unreached), &allowed.difference(&reached).cloned().collect());
        // A data race that is not found is no false alarm.
        let alarms = reached.difference(&allowed).filter(|outcome| *outcome != "quiet").cloned().collect();
        compare("reached though forbidden", &set(test.false_alarms), &alarms);
        let unreached = set(test.unreached);
        if !unreached.is_empty() && !README.contains(&format!("| {} | {} |", test.name, list(&unreached))) {
            wrong.push(format!("{}: lab/src/model/README.md does not tell that {} is not reached", test.name, list(&unreached)));
        }
        let reached = allowed.intersection(&reached).count();
        let counts = [1, allowed.len(), forbidden.len(), reached, unreached.len()];
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        lines += &format!(
            "| {} | `{}` | {} | {} | {} | {} | {executions} |\n",
            test.name,
            test.program.replace("||", "\\|\\|"),
            list(&allowed),
            told(test),
            reached,
            list(&unreached),
        );
    }
    println!(
        "## {family}\n\n| test | program | allowed | forbidden | reached | allowed, not reached | executions |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n{lines}"
    );
    let [tests, allowed, forbidden, reached, unreached] = sum;
    println!("sum: | {family} | {tests} | {allowed} | {forbidden} | {reached} | {unreached} |");
    assert!(wrong.is_empty(), "{family}:\n{}", wrong.join("\n"));
}

/// The forbidden outcomes and their rules.
fn told(test: &Litmus) -> String {
    let groups: Vec<String> = test.forbidden.iter().map(|(outcomes, rule)| format!("{outcomes}: {rule}")).collect();
    if groups.is_empty() { "–".to_owned() } else { groups.join("; ") }
}

fn set(outcomes: &str) -> BTreeSet<String> {
    outcomes.split_whitespace().map(str::to_owned).collect()
}

fn list(outcomes: &BTreeSet<String>) -> String {
    if outcomes.is_empty() { "–".to_owned() } else { outcomes.iter().cloned().collect::<Vec<_>>().join(" ") }
}

#[test]
fn coherence() {
    check("Coherence", &table::coherence());
}

#[test]
fn message_passing() {
    check("Message passing", &table::message_passing());
}

#[test]
fn release_sequences() {
    check("Release sequences", &table::release_sequences());
}

#[test]
fn store_buffering() {
    check("Store buffering", &table::store_buffering());
}

#[test]
fn load_buffering() {
    check("Load buffering", &table::load_buffering());
}

#[test]
fn writes() {
    check("Orders of writes", &table::writes());
}

#[test]
fn causality() {
    check("Causality", &table::causality());
}

#[test]
fn independent_reads() {
    check("Independent reads of independent writes", &table::independent_reads());
}

#[test]
fn read_modify_writes() {
    check("Read-modify-writes", &table::read_modify_writes());
}

#[test]
fn mutual_exclusion_and_data_races() {
    check("Mutual exclusion and data races", &table::data_races());
}
