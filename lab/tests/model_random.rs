//! Random programs against brute force: the pass for interleavings reaches every outcome that some interleaving has, and
//! no other.
//!
//! Program number n follows from n alone, and a failure names its number. Two variables set what is run:
//!
//! | variable | default | |
//! | --- | --- | --- |
//! | `LAB_RANDOM_PROGRAMS` | 300 | how many programs |
//! | `LAB_RANDOM_FIRST` | 0 | the number of the first; to replay program 4711: `LAB_RANDOM_FIRST=4711 LAB_RANDOM_PROGRAMS=1` |
//!
//! Half of the programs have three threads.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use lab::{
    hint,
    model::{Class, Model, Pass},
    sync::{
        Arc,
        atomic::{
            AtomicUsize,
            Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst},
            fence,
        },
    },
    thread,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const PROGRAMS: u64 = 300;
const LOCKING_PROGRAMS: u64 = 25;
const VARIABLES: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Operation {
    Load,
    Store(usize),
    Swap(usize),
    Add(usize),
    Exchange(usize, usize),
    ExchangeWeak(usize, usize),
    Fence,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    variable: usize,
    operation: Operation,
    /// The second is for a compare-exchange that fails.
    orderings: (Ordering, Ordering),
}

/// The steps of each thread.
type Program = Vec<Vec<Step>>;
/// What each step of each thread has read, and the variables in the end.
type Seen = (Vec<Vec<usize>>, Vec<usize>);

const OF_LOADS: [Ordering; 3] = [Relaxed, Acquire, SeqCst];
const OF_STORES: [Ordering; 3] = [Relaxed, Release, SeqCst];
const OF_FENCES: [Ordering; 4] = [Acquire, Release, AcqRel, SeqCst];
const OF_CHANGES: [Ordering; 5] = [Relaxed, Acquire, Release, AcqRel, SeqCst];

fn program(number: u64) -> Program {
    let mut random = Pcg64Mcg::seed_from_u64(number);
    let threads = 2 + (number % 2) as usize;
    let variables = random.random_range(1..=VARIABLES);
    // 4 + 4 steps have 70 interleavings, 3 + 2 + 2 have 210.
    let lengths: Vec<usize> = match threads {
        2 => (0..2).map(|_| random.random_range(1..=4)).collect(),
        _ => {
            let long = random.random_range(0..3);
            (0..3).map(|thread| random.random_range(1..=if thread == long { 3 } else { 2 })).collect()
        }
    };
    lengths.into_iter().map(|steps| (0..steps).map(|_| step(&mut random, variables)).collect()).collect()
}

fn step(random: &mut Pcg64Mcg, variables: usize) -> Step {
    let kind = random.random_range(0..12);
    let mut value = || random.random_range(0..3);
    let operation = match kind {
        0..=2 => Operation::Load,
        3..=5 => Operation::Store(value()),
        6 => Operation::Swap(value()),
        7 => Operation::Add(1),
        8 | 9 => Operation::Exchange(value(), value()),
        10 => Operation::ExchangeWeak(value(), value()),
        _ => Operation::Fence,
    };
    let first: &[Ordering] = match operation {
        Operation::Load => &OF_LOADS,
        Operation::Store(_) => &OF_STORES,
        Operation::Fence => &OF_FENCES,
        _ => &OF_CHANGES,
    };
    let orderings = (first[random.random_range(0..first.len())], OF_LOADS[random.random_range(0..OF_LOADS.len())]);
    Step { variable: random.random_range(0..variables), operation, orderings }
}

/// All interleavings, one step at a time.
fn interpret(program: &Program, at: &mut [usize], seen: &mut Seen, all: &mut BTreeSet<Seen>) {
    let mut over = true;
    for thread in 0..program.len() {
        let Some(&Step { variable, operation, .. }) = program[thread].get(at[thread]) else { continue };
        over = false;
        let old = seen.1[variable];
        seen.1[variable] = match operation {
            Operation::Store(value) | Operation::Swap(value) => value,
            Operation::Add(value) => old + value,
            Operation::Exchange(from, to) | Operation::ExchangeWeak(from, to) if old == from => to,
            _ => old,
        };
        seen.0[thread].push(if matches!(operation, Operation::Store(_) | Operation::Fence) { 0 } else { old });
        at[thread] += 1;
        interpret(program, at, seen, all);
        at[thread] -= 1;
        seen.0[thread].pop();
        seen.1[variable] = old;
    }
    if over {
        all.insert(seen.clone());
    }
}

/// One thread of a program, on the types under test.
fn execute(steps: &[Step], variables: &[AtomicUsize]) -> Vec<usize> {
    let run = |&Step { variable, operation, orderings: (ordering, failure) }: &Step| {
        let variable = &variables[variable];
        match operation {
            Operation::Load => variable.load(ordering),
            Operation::Store(value) => {
                variable.store(value, ordering);
                0
            }
            Operation::Swap(value) => variable.swap(value, ordering),
            Operation::Add(value) => variable.fetch_add(value, ordering),
            Operation::Exchange(from, to) => variable.compare_exchange(from, to, ordering, failure).unwrap_or_else(|value| value),
            Operation::ExchangeWeak(from, to) => {
                variable.compare_exchange_weak(from, to, ordering, failure).unwrap_or_else(|value| value)
            }
            Operation::Fence => {
                fence(ordering);
                0
            }
        }
    };
    steps.iter().map(run).collect()
}

/// What the pass reaches, and in how many executions.
fn explore(program: &Program) -> (BTreeSet<Seen>, u64) {
    let reached = std::sync::Arc::new(Mutex::new(BTreeSet::new()));
    let shared = reached.clone();
    let program = program.clone();
    let report = Model::new().passes(&[Pass::Interleavings]).explore(move || {
        let variables: Arc<Vec<AtomicUsize>> = Arc::new((0..VARIABLES).map(|_| AtomicUsize::new(0)).collect());
        let start = |steps: &Vec<Step>| {
            let (variables, steps) = (variables.clone(), steps.clone());
            thread::spawn(move || execute(&steps, &variables))
        };
        let others: Vec<_> = program[1..].iter().map(start).collect();
        let mine = execute(&program[0], &variables);
        let reads = std::iter::once(mine).chain(others.into_iter().map(|other| other.join().unwrap())).collect();
        let last = variables.iter().map(|variable| variable.load(Relaxed)).collect();
        shared.lock().unwrap_or_else(PoisonError::into_inner).insert((reads, last));
    });
    // A program whose threads never meet has one execution: rightly called vacuous, and fine here.
    if let Some(failure) = report.failure.filter(|failure| failure.class != Class::Vacuous) {
        panic!("{}", failure.text(76));
    }
    let reached = reached.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (reached, report.passes.iter().map(|searched| searched.executions).sum())
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().expect("the variable holds a number"))
}

/// The figures of a run.
#[derive(Debug, Default)]
struct Tally {
    programs: [u64; 2],
    outcomes: usize,
    missed: usize,
    impossible: usize,
    executions: u64,
}

#[test]
fn interleavings_are_exactly_those_of_brute_force() {
    let first = number("LAB_RANDOM_FIRST", 0);
    let mut tally = Tally::default();
    for number in first..first + number("LAB_RANDOM_PROGRAMS", PROGRAMS) {
        let program = program(number);
        let mut expected = BTreeSet::new();
        let mut seen = (vec![Vec::new(); program.len()], vec![0; VARIABLES]);
        interpret(&program, &mut vec![0; program.len()], &mut seen, &mut expected);
        let (reached, executions) = explore(&program);
        let missed: Vec<_> = expected.difference(&reached).collect();
        let impossible: Vec<_> = reached.difference(&expected).collect();
        if !(missed.is_empty() && impossible.is_empty()) {
            println!("program {number}: {program:?}\n  missed {missed:?}\n  impossible {impossible:?}");
        }
        tally.programs[program.len() - 2] += 1;
        tally.outcomes += expected.len();
        tally.missed += missed.len();
        tally.impossible += impossible.len();
        tally.executions += executions;
    }
    let Tally { programs: [two, three], outcomes, missed, impossible, executions } = tally;
    println!(
        "{} programs ({two} of two threads, {three} of three), {outcomes} outcomes checked, {missed} missed, \
         {impossible} impossible, {executions} executions",
        two + three
    );
    assert!(missed == 0 && impossible == 0, "the programs are above");
}

/// A program of critical sections: which lock each thread takes, and what it does inside.
type Sections = Vec<Vec<(usize, Operation)>>;

fn sections(seed: u64) -> Sections {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let threads = random.random_range(2..=3);
    let mut section = |inside: usize| {
        let operation = match inside {
            0 => Operation::Add(1),
            1 => Operation::Store(random.random_range(1..4)),
            _ => Operation::Load,
        };
        (random.random_range(0..VARIABLES), operation)
    };
    // Three threads with two sections somewhere are more than can be explored in seconds.
    let most = if threads == 2 { 2 } else { 1 };
    let mut sections = |thread: usize| (0..most).map(|index| section((seed as usize + thread + index) % 3)).collect();
    (0..threads).map(&mut sections).collect()
}

/// All orders of whole sections: what a lock is for.
fn interpret_sections(program: &Sections, at: &mut Vec<usize>, seen: &mut Seen, all: &mut BTreeSet<Seen>) {
    let mut over = true;
    for thread in 0..program.len() {
        let Some(&(variable, operation)) = program[thread].get(at[thread]) else { continue };
        over = false;
        let old = seen.1[variable];
        seen.1[variable] = match operation {
            Operation::Store(value) => value,
            Operation::Add(value) => old + value,
            _ => old,
        };
        seen.0[thread].push(old);
        at[thread] += 1;
        interpret_sections(program, at, seen, all);
        at[thread] -= 1;
        seen.0[thread].pop();
        seen.1[variable] = old;
    }
    if over {
        all.insert(seen.clone());
    }
}

/// One lock a variable, of the kind that spins.
#[derive(Default)]
struct Spin {
    locked: AtomicUsize,
    value: AtomicUsize,
}

fn execute_sections(sections: &[(usize, Operation)], locks: &[Spin]) -> Vec<usize> {
    let run = |&(variable, operation): &(usize, Operation)| {
        let Spin { locked, value } = &locks[variable];
        while locked.swap(1, Acquire) == 1 {
            hint::spin_loop();
        }
        let old = value.load(Relaxed);
        match operation {
            Operation::Store(new) => value.store(new, Relaxed),
            Operation::Add(more) => value.store(old + more, Relaxed),
            _ => (),
        }
        locked.store(0, Release);
        old
    };
    sections.iter().map(run).collect()
}

#[test]
fn spinning_loses_no_order_and_always_ends() {
    for seed in 0..LOCKING_PROGRAMS {
        let program = sections(seed);
        let mut expected = BTreeSet::new();
        let mut seen = (vec![Vec::new(); program.len()], vec![0; VARIABLES]);
        interpret_sections(&program, &mut vec![0; program.len()], &mut seen, &mut expected);
        let reached = std::sync::Arc::new(Mutex::new(BTreeSet::new()));
        let (shared, modelled) = (reached.clone(), program.clone());
        let report = Model::new().passes(&[Pass::Interleavings]).explore(move || {
            let locks: Vec<Spin> = (0..VARIABLES).map(|_| Spin::default()).collect();
            let seen = thread::scope(|scope| {
                let locks = &locks;
                let others: Vec<_> =
                    modelled[1..].iter().map(|sections| scope.spawn(move || execute_sections(sections, locks))).collect();
                let mine = execute_sections(&modelled[0], locks);
                std::iter::once(mine).chain(others.into_iter().map(|other| other.join().unwrap())).collect::<Vec<_>>()
            });
            let last = locks.iter().map(|lock| lock.value.load(Relaxed)).collect();
            shared.lock().unwrap_or_else(PoisonError::into_inner).insert((seen, last));
        });
        if let Some(failure) = report.failure.filter(|failure| failure.class != Class::Vacuous) {
            panic!("seed {seed}: {program:?}\n{}", failure.text(76));
        }
        let reached = reached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert_eq!(reached, expected, "seed {seed}: {program:?}");
    }
}
