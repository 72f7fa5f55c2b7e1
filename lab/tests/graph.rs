//! The graph of a computation and its schedules: by hand where they are small, by their laws where they are random.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use lab::par::{Cost, Graph, Link, PROCESSORS, Pool, Scope, for_each, fork_by, join, measure, record, scope, steal, tick};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A program out of the pieces that `lab::par` has.
#[derive(Debug)]
enum Program {
    Tick(u64),
    Series(Vec<Program>),
    Join(Box<(Program, Program)>),
    Scope(Box<Program>),
    /// On the innermost scope that is open, or on the one around it.
    Spawn {
        outer: bool,
        job: Box<Program>,
    },
    /// A `measure` and a `record` inside.
    Measured(Box<Program>),
    Recorded(Box<Program>),
}

fn random(numbers: &mut Pcg64Mcg, depth: u32, measures: bool) -> Program {
    let child = |numbers: &mut Pcg64Mcg| random(numbers, depth - 1, measures);
    match if depth == 0 { 0 } else { numbers.random_range(0..if measures { 9 } else { 8 }) } {
        0 | 1 => Program::Tick(numbers.random_range(0..50)),
        2 | 3 => Program::Series((0..numbers.random_range(0..5)).map(|_| child(numbers)).collect()),
        4 | 5 => Program::Join(Box::new((child(numbers), child(numbers)))),
        6 => Program::Scope(Box::new(child(numbers))),
        7 => Program::Spawn { outer: numbers.random_range(0..3) == 0, job: Box::new(child(numbers)) },
        _ if numbers.random_range(0..2) == 0 => Program::Measured(Box::new(child(numbers))),
        _ => Program::Recorded(Box::new(child(numbers))),
    }
}

/// A program with scopes at its root, so that there is something to spawn on.
fn program(seed: u64) -> Program {
    let numbers = &mut Pcg64Mcg::seed_from_u64(seed);
    let body = Program::Series((0..4).map(|_| random(numbers, 7, seed % 2 == 1)).collect());
    Program::Scope(Box::new(Program::Series(vec![Program::Tick(3), Program::Scope(Box::new(body)), Program::Tick(5)])))
}

/// `inside` is the innermost scope, `around` the one around it; a job knows only the scope that it was spawned on.
fn run<'a>(program: &'a Program, inside: Option<&Scope<'_, 'a>>, around: Option<&Scope<'_, 'a>>) {
    match program {
        Program::Tick(units) => tick(*units),
        Program::Series(all) => all.iter().for_each(|one| run(one, inside, around)),
        Program::Join(both) => drop(join(|| run(&both.0, inside, around), || run(&both.1, inside, around))),
        Program::Scope(body) => scope(|s| run(body, Some(s), inside)),
        Program::Spawn { outer, job } => {
            let on = if *outer { around.or(inside) } else { inside };
            match on {
                Some(s) => s.spawn(|s| run(job, Some(s), None)),
                None => run(job, None, None),
            }
        }
        Program::Measured(body) => drop(measure(0, || run(body, None, None))),
        Program::Recorded(body) => drop(recorded(|| run(body, None, None))),
    }
}

fn recorded(f: impl FnOnce()) -> Graph {
    let ((), cost, graph) = record(f);
    let graph = graph.expect("it is small");
    assert_eq!(graph.cost(0), cost, "the graph and the count disagree");
    graph
}

fn random_graph(seed: u64) -> Graph {
    let program = program(seed);
    recorded(|| run(&program, None, None))
}

fn units(graph: &Graph, processors: usize, burden: u64) -> u64 {
    graph.schedule(&[processors], burden)[0].units
}

#[test]
fn the_graph_costs_what_is_counted_at_every_number_of_threads() {
    let pools: Vec<Pool> = (1..=7).map(Pool::new).collect();
    let mut forks = 0;
    for seed in 0..60 {
        let program = program(seed);
        // A measure inside another has a burden of its own, which a graph does not know.
        let nested = ["Measured", "Recorded"].iter().any(|inside| format!("{program:?}").contains(inside));
        let graph = pools[0].install(|| recorded(|| run(&program, None, None)));
        forks += graph.cost(0).forks;
        for pool in &pools {
            let again = pool.install(|| recorded(|| run(&program, None, None)));
            assert!(again == graph, "seed {seed}: another graph at {} threads", pool.threads());
            for burden in [0, 1, 1000] {
                let counted = pool.install(|| measure(burden, || run(&program, None, None))).1;
                let kept = graph.cost(burden);
                assert_eq!((kept.work, kept.span, kept.forks), (counted.work, counted.span, counted.forks), "seed {seed}");
                assert!(nested || kept == counted, "seed {seed}, burden {burden}: {kept:?} is not {counted:?}");
            }
        }
    }
    assert!(forks > 1000, "the programs must have something to count: {forks} forks");
}

#[test]
fn a_pool_inside_carries_the_graph_along() {
    let pool = Pool::new(2);
    let program = || {
        tick(1);
        pool.install(|| {
            tick(2);
            join(|| tick(10), || tick(20));
        });
        tick(4);
    };
    assert_eq!(recorded(program).cost(100), Cost { work: 37, span: 27, burdened_span: 127, forks: 1 });
}

#[test]
fn a_recording_inside_a_scope_knows_whose_job_it_is() {
    let inside = || {
        scope(|outer| {
            scope(|_| {
                outer.spawn(|_| tick(10));
                tick(1);
            });
            tick(20);
        });
    };
    let mut inner = Cost::default();
    let around = recorded(|| scope(|_| inner = recorded(inside).cost(0)));
    let expected = Cost { work: 31, span: 21, burdened_span: 21, forks: 1 };
    assert_eq!((inner, around.cost(0)), (expected, expected), "the job has until the end of the outer scope");
}

#[test]
fn a_panic_leaves_the_graph_as_the_count() {
    let caught = |f: fn()| drop(std::panic::catch_unwind(f));
    let graph = recorded(|| {
        tick(1);
        caught(|| {
            join(|| tick(9), || assert_eq!(1, 2, "right"));
        });
        tick(2);
        caught(|| {
            scope(|s| {
                tick(9);
                s.spawn(|_| panic!("a job"));
            });
        });
        tick(4);
        join(|| tick(8), || tick(16));
    });
    assert_eq!(graph.cost(0), Cost { work: 31, span: 23, burdened_span: 23, forks: 1 });
}

#[test]
fn by_hand_one_join() {
    // 1, then 10 beside 20, then 2.
    let graph = recorded(|| {
        tick(1);
        join(|| tick(10), || tick(20));
        tick(2);
    });
    assert_eq!([1, 2, 3].map(|processors| units(&graph, processors, 0)), [33, 23, 23]);
    assert_eq!(units(&graph, 1, 100), 33, "nothing is stolen by the only processor");
    assert_eq!(units(&graph, 2, 100), 1 + 100 + 20 + 2, "a steal pays");
}

#[test]
fn by_hand_the_oldest_is_stolen_first() {
    // Two forks are open when the second processor comes out of its own work; the outer closure is the older one.
    let graph = recorded(|| {
        join(|| join(|| tick(10), || tick(4)), || tick(6));
    });
    // The first goes on with 10. The second takes the outer 6 at 0, is done at 6 and takes the 4 until 10.
    assert_eq!(units(&graph, 2, 0), 10);
    // With a burden of 3: the outer one ends at 9, the 4 is then stolen at 9 and ends at 16.
    assert_eq!(units(&graph, 2, 3), 16);
    assert_eq!(units(&graph, 3, 3), 10, "a third takes the 4 at once, and it is done when the 10 is");

    // Three deep: when the second has done the outer 3, the 5 and the 1 are left, the 5 for longer.
    let graph = recorded(|| {
        join(|| join(|| join(|| tick(10), || tick(1)), || tick(5)), || tick(3));
    });
    // It steals the 3 until 4, the 5 until 10; the first takes back the 1. Had it stolen the 1, the 5 would end at 12.
    assert_eq!(units(&graph, 2, 1), 11);
}

#[test]
fn by_hand_a_scope_waits_for_its_jobs() {
    let graph = recorded(|| {
        scope(|s| {
            tick(1);
            s.spawn(|_| tick(7));
            tick(2);
            s.spawn(|s| {
                tick(1);
                s.spawn(|_| tick(5));
            });
        });
        tick(3);
    });
    // One: all of it. Two: the second takes the 7 at 1, until 8; the first is through the body at 3, does 1 and 5 until 9.
    assert_eq!([1, 2, 3].map(|processors| units(&graph, processors, 0)), [19, 12, 12]);
}

#[test]
fn by_hand_a_job_may_outlive_the_join_that_spawned_it() {
    let graph = recorded(|| {
        scope(|s| {
            join(|| s.spawn(|_| tick(20)), || tick(6));
            tick(8);
        });
        tick(1);
    });
    // The second takes the 6, for it is idle when it is left; the 20 is the first's own, and the second goes on with 8.
    assert_eq!([1, 2].map(|processors| units(&graph, processors, 0)), [35, 21]);
}

#[test]
fn schedules_keep_the_laws() {
    for seed in 0..300 {
        let graph = random_graph(seed);
        let cost = graph.cost(0);
        for scheduled in graph.schedule(&(1..=64).collect::<Vec<_>>(), 0) {
            let (processors, units) = (scheduled.processors as u64, scheduled.units);
            let what = format!("seed {seed} on {processors}: {units} units, {cost:?}");
            assert!(units * processors >= cost.work, "the work law: {what}");
            assert!(units >= cost.span, "the span law: {what}");
            assert!(units * processors <= cost.work + (processors - 1) * cost.span, "the greedy bound: {what}");
        }
        for burden in [0, 5, 1000] {
            assert_eq!(units(&graph, 1, burden), cost.work, "one processor does all of it, seed {seed}");
            let with = graph.schedule(&PROCESSORS, burden);
            assert_eq!(with, graph.schedule(&PROCESSORS, burden), "the same again, seed {seed}");
            for (scheduled, free) in with.iter().zip(graph.schedule(&PROCESSORS, 0)) {
                assert!(scheduled.units >= cost.span && scheduled.units * scheduled.processors as u64 >= cost.work);
                assert_eq!(scheduled.processors, free.processors);
            }
        }
    }
}

#[test]
fn even_work_is_scheduled_perfectly() {
    let graph = recorded(|| for_each(0..64, 1, |_| tick(1000)));
    for processors in [1, 2, 4, 8, 16, 32, 64] {
        assert_eq!(units(&graph, processors, 0), 64_000 / processors as u64, "on {processors}");
    }
    // 1 + 2 + 4 + .. steals follow each other: every doubling of those at work takes one.
    assert_eq!(units(&graph, 64, 10), 1000 + 6 * 10);
}

#[test]
fn a_million_jobs_and_a_deep_chain_need_no_stack() {
    const JOBS: u64 = 1_000_000;
    const DEEP: u64 = 10_000;
    fn chain(deep: u64) {
        if deep > 0 {
            join(|| chain(deep - 1), || tick(1));
        }
    }
    let wide = recorded(|| scope(|s| (0..JOBS).for_each(|_| s.spawn(|_| tick(1)))));
    // Recording needs a stack as deep as the program does; what is kept is walked and dropped on a small one.
    let deep = thread::Builder::new().stack_size(256 << 20).spawn(|| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .stack_size(200 << 20)
            .build()
            .expect("a pool")
            .install(|| recorded(|| chain(DEEP)))
    });
    let deep = deep.expect("a thread").join().expect("a graph");
    let walk = move || {
        assert_eq!(wide.cost(3), Cost { work: JOBS, span: 1, burdened_span: 4, forks: JOBS });
        assert_eq!(deep.cost(3), Cost { work: DEEP, span: 1, burdened_span: 3 * DEEP + 1, forks: DEEP });
        assert_eq!(units(&wide, 64, 0), JOBS / 64);
        assert_eq!(units(&deep, 1, 0), DEEP);
        let copy = deep.clone();
        assert!(copy == deep);
    };
    thread::Builder::new().stack_size(128 << 10).spawn(walk).expect("a thread").join().expect("no overflow");
}

#[test]
fn a_steal_is_the_median_of_many_or_is_assumed() {
    let steal = steal();
    assert!(steal.seen == 0 || steal.seen >= 30, "{steal:?}");
}

#[test]
fn the_longest_chain_is_told_by_the_names_of_its_spans() {
    // With feature `model` there are no spans.
    if cfg!(feature = "model") {
        return;
    }
    let (right_entered, alone) = (AtomicBool::new(false), AtomicBool::new(false));
    let program = || {
        tick(1);
        {
            let _outer = lab::span!("outer");
            tick(2);
            // The right side is longer; what it does in no span of its own is done in the one around the fork.
            join(
                || {
                    // Where somebody else may come first, let him: names are not numbered by who came first.
                    let patience = Instant::now();
                    while !alone.load(Relaxed) && !right_entered.load(Relaxed) && patience.elapsed() < Duration::from_millis(50) {
                        thread::yield_now();
                    }
                    // A span that is never left ends with its closure.
                    std::mem::forget(lab::span!("left"));
                    tick(40);
                },
                || {
                    tick(8);
                    for units in [16, 32] {
                        let _right = lab::span!("right");
                        right_entered.store(true, Relaxed);
                        tick(units);
                    }
                },
            );
            tick(4);
        }
        scope(|s| {
            s.spawn(|_| {
                let _job = lab::span!("job");
                tick(64);
            });
            tick(63);
        });
    };
    let named = |name: &str, units, longest| Link { name: Some(name.into()), units, longest };
    let rest = Link { name: None, units: 1, longest: 1 };
    let expected = [named("job", 64, 64), named("right", 48, 32), named("outer", 14, 8), rest];
    alone.store(true, Relaxed);
    let first = Pool::new(1).install(|| recorded(program));
    for threads in 1..=3 {
        let pool = Pool::new(threads);
        alone.store(threads == 1, Relaxed);
        for _ in 0..20 {
            right_entered.store(false, Relaxed);
            let graph = pool.install(|| recorded(program));
            assert_eq!(graph.longest_chain(), expected, "at {threads} threads");
            assert!(graph == first, "another graph at {threads} threads");
        }
    }
}

/// A tree that forks on rayon, and one that forks on a scheduler of its own, a thread for each side.
#[test]
fn another_schedulers_forks_count_as_rayons() {
    fn on_rayon(levels: u64) {
        tick(levels);
        if levels > 0 {
            join(|| on_rayon(levels - 1), || on_rayon(levels / 2));
        }
    }
    fn on_threads(levels: u64) {
        tick(levels);
        if levels > 0 {
            fork_by(|left, right| {
                thread::scope(|threads| {
                    let right = threads.spawn(|| right.run(|| on_threads(levels / 2)));
                    (left.run(|| on_threads(levels - 1)), right.join().expect("it does not panic"))
                })
            });
        }
    }
    let ((), cost, graph) = record(|| on_threads(6));
    let ((), cost_on_rayon, graph_on_rayon) = record(|| on_rayon(6));
    assert!(cost.forks > 6 && cost.span < cost.work);
    assert_eq!(cost, cost_on_rayon);
    assert_eq!(graph, graph_on_rayon);
    assert_eq!(measure(3, || on_threads(6)).1, measure(3, || on_rayon(6)).1);
}
