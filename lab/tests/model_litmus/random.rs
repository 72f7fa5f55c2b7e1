//! Random programs against the axioms: all passes together reach nothing that C++20 forbids.
//!
//! What it allows and the checker misses is counted, not forbidden: see `lab/src/model/README.md`. The variables are those of
//! `model_random.rs`: `LAB_RANDOM_PROGRAMS` is how many programs, `LAB_RANDOM_FIRST` the number of the first. With
//! `LAB_RANDOM_TELL` set, each outcome is told that is missed and needs no reordered store.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::{PASSES, axioms::judge, program::Program};

const PROGRAMS: u64 = 200;

/// Program number `number`: two threads of up to three statements, or three of up to two.
fn program(number: u64) -> String {
    let mut random = Pcg64Mcg::seed_from_u64(number);
    let (threads, most) = if random.random_bool(0.5) { (2, 3) } else { (3, 2) };
    let mut thread = || {
        let statements = random.random_range(1..=most);
        (0..statements).map(|_| statement(&mut random)).collect::<Vec<_>>().join("; ")
    };
    let threads: Vec<String> = (0..threads).map(|_| thread()).collect();
    format!("{} >> x y", threads.join(" || "))
}

fn statement(random: &mut Pcg64Mcg) -> String {
    let kind = random.random_range(0..20);
    let mut one_of = |texts: &[&'static str]| texts[random.random_range(0..texts.len())];
    let variable = one_of(&["x", "y"]);
    match kind {
        0..=7 => format!("{variable}.{}", one_of(&["rlx", "acq", "sc"])),
        8..=14 => format!("{variable}={}.{}", one_of(&["1", "2"]), one_of(&["rlx", "rel", "sc"])),
        15 => format!("{variable}~{}.{}", one_of(&["1", "2"]), one_of(&["rlx", "acq", "rel", "ar", "sc"])),
        16 => format!("{variable}+1.{}", one_of(&["rlx", "acq", "rel", "ar", "sc"])),
        17 => format!(
            "{variable}?{}.{}.{}",
            one_of(&["0:1", "1:2"]),
            one_of(&["rlx", "acq", "rel", "ar", "sc"]),
            one_of(&["rlx", "acq", "sc"])
        ),
        _ => format!("F.{}", one_of(&["acq", "rel", "ar", "sc"])),
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().expect("the variable holds a number"))
}

#[test]
fn no_random_program_reaches_what_the_axioms_forbid() {
    let first = number("LAB_RANDOM_FIRST", 0);
    let programs = number("LAB_RANDOM_PROGRAMS", PROGRAMS);
    let (mut allowed, mut reached, mut impossible, mut missed, mut executions) = (0, 0, 0, 0, 0);
    for number in first..first + programs {
        let text = program(number);
        let program = Program::parse(&text);
        let judged = judge(&program);
        let explored = program.explore(&PASSES);
        let wrong: Vec<_> = explored.reached.difference(&judged.allowed).collect();
        if !wrong.is_empty() {
            println!("program {number}: {text}\n  impossible {wrong:?}");
        }
        let lost: Vec<_> = judged.in_order.difference(&explored.reached).collect();
        if !lost.is_empty() && std::env::var_os("LAB_RANDOM_TELL").is_some() {
            println!("program {number}: {text}\n  missed {lost:?}");
        }
        allowed += judged.allowed.len();
        reached += explored.reached.len();
        impossible += wrong.len();
        missed += lost.len();
        executions += explored.executions;
    }
    println!(
        "{programs} programs, {allowed} outcomes allowed, {reached} reached, {impossible} impossible, {missed} missed though \
         they need no reordered store, {executions} executions"
    );
    assert_eq!(impossible, 0, "the programs are above");
}
