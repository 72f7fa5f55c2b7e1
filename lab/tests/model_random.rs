//! Random programs against brute force: the pass for interleavings reaches every outcome that some interleaving has, and
//! no other.

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
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    thread,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const PROGRAMS: u64 = 200;
const THREADS: usize = 2;
const MOST_STEPS: usize = 4;
const VARIABLES: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Operation {
    Load,
    Store(usize),
    Swap(usize),
    Add(usize),
    Exchange(usize, usize),
}

#[derive(Debug, Clone, Copy)]
struct Step {
    variable: usize,
    operation: Operation,
    relaxed: bool,
}

type Program = [Vec<Step>; THREADS];
/// What each step of each thread has read, and the variables in the end.
type Seen = (Vec<Vec<usize>>, Vec<usize>);

fn program(seed: u64) -> Program {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let variables = random.random_range(1..=VARIABLES);
    std::array::from_fn(|_| {
        let steps = random.random_range(1..=MOST_STEPS);
        let mut step = || {
            let mut value = || random.random_range(0..3);
            let operation = match value() * 3 + value() {
                0 | 1 => Operation::Load,
                2..=4 => Operation::Store(value()),
                5 => Operation::Swap(value()),
                6 => Operation::Add(1),
                _ => Operation::Exchange(value(), value()),
            };
            Step { variable: random.random_range(0..variables), operation, relaxed: random.random_bool(0.5) }
        };
        (0..steps).map(|_| step()).collect()
    })
}

/// All interleavings, one step at a time.
fn interpret(program: &Program, at: [usize; THREADS], seen: &mut Seen, all: &mut BTreeSet<Seen>) {
    if (0..THREADS).all(|thread| at[thread] == program[thread].len()) {
        all.insert(seen.clone());
        return;
    }
    for thread in (0..THREADS).filter(|&thread| at[thread] < program[thread].len()) {
        let Step { variable, operation, .. } = program[thread][at[thread]];
        let old = seen.1[variable];
        let new = match operation {
            Operation::Load => old,
            Operation::Store(value) | Operation::Swap(value) => value,
            Operation::Add(value) => old + value,
            Operation::Exchange(from, to) => {
                if old == from {
                    to
                } else {
                    old
                }
            }
        };
        seen.1[variable] = new;
        seen.0[thread].push(if matches!(operation, Operation::Store(_)) { 0 } else { old });
        let mut next = at;
        next[thread] += 1;
        interpret(program, next, seen, all);
        seen.0[thread].pop();
        seen.1[variable] = old;
    }
}

/// One thread of a program, on the types under test.
fn execute(steps: &[Step], variables: &[AtomicUsize]) -> Vec<usize> {
    let run = |step: &Step| {
        let variable = &variables[step.variable];
        let (load, store, both) = if step.relaxed { (Relaxed, Relaxed, Relaxed) } else { (Acquire, Release, AcqRel) };
        match step.operation {
            Operation::Load => variable.load(load),
            Operation::Store(value) => {
                variable.store(value, store);
                0
            }
            Operation::Swap(value) => variable.swap(value, both),
            Operation::Add(value) => variable.fetch_add(value, both),
            Operation::Exchange(from, to) => variable.compare_exchange(from, to, both, load).unwrap_or_else(|value| value),
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
        let other = thread::spawn({
            let (variables, steps) = (variables.clone(), program[1].clone());
            move || execute(&steps, &variables)
        });
        let mine = execute(&program[0], &variables);
        let others = other.join().unwrap();
        let last = variables.iter().map(|variable| variable.load(Relaxed)).collect();
        shared.lock().unwrap_or_else(PoisonError::into_inner).insert((vec![mine, others], last));
    });
    // A program whose threads never meet has one execution: rightly called vacuous, and fine here.
    if let Some(failure) = report.failure.filter(|failure| failure.class != Class::Vacuous) {
        panic!("{}", failure.text(76));
    }
    let reached = reached.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (reached, report.passes.iter().map(|searched| searched.executions).sum())
}

#[test]
fn interleavings_are_exactly_those_of_brute_force() {
    let mut executions = 0;
    for seed in 0..PROGRAMS {
        let program = program(seed);
        let mut expected = BTreeSet::new();
        interpret(&program, [0; THREADS], &mut (vec![Vec::new(); THREADS], vec![0; VARIABLES]), &mut expected);
        let (reached, explored) = explore(&program);
        executions += explored;
        let missed: Vec<_> = expected.difference(&reached).collect();
        let impossible: Vec<_> = reached.difference(&expected).collect();
        assert!(
            missed.is_empty() && impossible.is_empty(),
            "seed {seed}: {program:?}\nmissed {missed:?}\nimpossible {impossible:?}"
        );
    }
    println!("{PROGRAMS} programs in {executions} executions");
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
    for seed in 0..PROGRAMS / 8 {
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
