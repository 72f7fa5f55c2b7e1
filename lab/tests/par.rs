//! Work and span: the formulas on graphs small enough to do by hand, and the same count at every number of threads.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use lab::par::{Cost, Counted, Pool, for_each, join, measure, scope, tabulate, tick};

const BURDEN: u64 = 1000;

fn cost(f: impl FnOnce()) -> Cost {
    measure(BURDEN, f).1
}

fn counts(work: u64, span: u64, burdened_span: u64, forks: u64) -> Cost {
    Cost { work, span, burdened_span, forks }
}

#[test]
fn serial_code_has_its_work_as_its_span() {
    assert_eq!(
        cost(|| {
            tick(3);
            tick(4);
        }),
        counts(7, 7, 7, 0)
    );
}

#[test]
fn a_join_adds_work_and_takes_the_longer_span() {
    assert_eq!(
        cost(|| {
            tick(1);
            join(|| tick(10), || tick(20));
            tick(2);
        }),
        counts(33, 23, 1023, 1)
    );
}

#[test]
fn the_burden_is_paid_once_for_each_fork_on_the_path() {
    // The left child is longer in units, the right one in forks: span and burdened span take different paths.
    assert_eq!(
        cost(|| {
            join(
                || tick(100),
                || {
                    join(|| tick(5), || tick(6));
                    join(|| tick(7), || tick(8));
                },
            );
        }),
        counts(126, 100, 3 * BURDEN + 6 + 8, 3)
    );
}

#[test]
fn a_spawn_starts_where_the_body_stands() {
    assert_eq!(
        cost(|| {
            tick(1);
            scope(|s| {
                tick(10);
                s.spawn(|_| tick(50)); // ends at 1 + 10 + 50
                tick(30);
                s.spawn(|_| tick(25)); // ends at 1 + 40 + 25
                tick(5); // the body ends at 46
            });
            tick(2);
        }),
        counts(123, 68, 1 + 40 + BURDEN + 25 + 2, 2)
    );
}

#[test]
fn a_nested_spawn_starts_where_its_parent_stands() {
    assert_eq!(
        cost(|| {
            scope(|s| {
                tick(1);
                s.spawn(|s| {
                    tick(10);
                    s.spawn(|_| tick(100)); // ends at 111, two burdens behind it
                    tick(20); // ends at 31
                });
                tick(40); // the body ends at 41
            });
        }),
        counts(171, 111, 111 + 2 * BURDEN, 2)
    );
}

#[test]
fn a_spawn_from_inside_a_join_starts_where_the_join_stands() {
    assert_eq!(
        cost(|| {
            scope(|s| {
                tick(3);
                join(
                    || {
                        tick(4);
                        s.spawn(|_| tick(50)); // ends at 3 + 4 + 50
                    },
                    || tick(10),
                );
            });
        }),
        counts(67, 57, 57 + 2 * BURDEN, 2)
    );
}

#[test]
fn a_scope_inside_a_join_ends_before_the_join_does() {
    assert_eq!(
        cost(|| {
            join(
                || {
                    scope(|s| s.spawn(|_| tick(9)));
                    tick(1);
                },
                || tick(8),
            );
        }),
        counts(18, 10, 10 + 2 * BURDEN, 2)
    );
}

#[test]
fn for_each_forks_between_pieces_of_the_grain() {
    // 10 indices in pieces of 3: 3, 3, 3, 1, and three forks between them.
    assert_eq!(cost(|| for_each(5..15, 3, |_| tick(1))), counts(10, 3, 3 + 2 * BURDEN, 3));
}

#[test]
fn for_each_calls_every_index_once_and_a_piece_in_order() {
    for (range, grain) in [(0..0, 1), (7..8, 1), (0..100, 7), (3..67, 64), (3..68, 64), (0..10, 1000)] {
        let seen = Mutex::new(Vec::new());
        Pool::new(3).install(|| for_each(range.clone(), grain, |index| seen.lock().unwrap().push(index)));
        let seen = seen.into_inner().unwrap();
        for piece in range.clone().collect::<Vec<_>>().chunks(grain) {
            let order: Vec<usize> = seen.iter().copied().filter(|index| piece.contains(index)).collect();
            assert_eq!(order, piece, "a piece of {range:?} with grain {grain}");
        }
        assert_eq!(seen.len(), range.len(), "every index once: {range:?} with grain {grain}");
    }
}

#[test]
fn tabulate_makes_what_a_loop_makes() {
    for n in [0, 1, 6, 7, 8, 1000] {
        let values = Pool::new(3).install(|| tabulate(n, 7, |index| format!("value {index}")));
        assert_eq!(values, (0..n).map(|index| format!("value {index}")).collect::<Vec<_>>());
    }
    assert_eq!(cost(|| drop(tabulate(10, 3, |_| tick(1)))), counts(10, 3, 3 + 2 * BURDEN, 3));
}

#[test]
fn tabulate_drops_what_it_made_when_it_panics() {
    struct Value<'a>(&'a AtomicUsize);
    impl Drop for Value<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    for threads in 1..=3 {
        for panic_at in [0, 1, 499, 999] {
            let (made, dropped) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let make = |index| {
                assert!(index != panic_at, "at {index}");
                made.fetch_add(1, Ordering::Relaxed);
                Value(&dropped)
            };
            let pool = Pool::new(threads);
            assert!(catch_unwind(AssertUnwindSafe(|| pool.install(|| tabulate(1000, 10, make)))).is_err());
            assert_eq!(dropped.load(Ordering::Relaxed), made.load(Ordering::Relaxed), "every value once, at {threads} threads");
        }
    }
}

#[test]
fn one_measure_inside_another_counts_for_both() {
    let mut inner = Cost::default();
    let outer = cost(|| {
        tick(1);
        inner = measure(7, || {
            join(|| tick(2), || tick(3));
        })
        .1;
        join(|| tick(4), || tick(5));
    });
    assert_eq!(inner, counts(5, 3, 10, 1));
    assert_eq!(outer, counts(15, 9, 1 + 10 + BURDEN + 5, 2), "the inner burden inside, the outer one after it");
}

#[test]
fn a_pool_carries_the_count_to_its_workers_and_back() {
    let pool = Pool::new(2);
    let expected = counts(31, 21, 1021, 1);
    let program = || {
        tick(1);
        join(|| tick(10), || tick(20));
    };
    assert_eq!(cost(|| pool.install(program)), expected, "a pool inside a measure");
    assert_eq!(pool.install(|| cost(program)), expected, "a measure inside a pool");
}

#[test]
fn plain_runs_count_nothing_and_leave_nothing_behind() {
    tick(5);
    join(|| tick(1), || tick(2));
    scope(|s| s.spawn(|_| tick(3)));
    assert_eq!(cost(|| ()), Cost::default());
    assert_eq!(cost(|| tick(1)), counts(1, 1, 1, 0), "a second measure starts at nothing");
}

#[test]
fn keys_count_their_comparisons_and_clones() {
    let (a, b) = (Counted(1), Counted(2));
    assert_eq!(cost(|| assert!(a < b)).work, 1, "one for `<`");
    assert_eq!(cost(|| assert!(a <= b)).work, 1, "one for `<=`");
    assert_eq!(cost(|| assert!(a != b)).work, 1, "one for `!=`");
    assert_eq!(cost(|| assert_eq!(a.cmp(&b), std::cmp::Ordering::Less)).work, 1, "one for `cmp`");
    assert_eq!(cost(|| assert_eq!(a.clone().0, 1)).work, 1, "one for a clone");
    let keys: Vec<_> = (0..100).map(Counted).collect();
    assert_eq!(cost(|| assert_eq!(keys.to_vec().len(), 100)).work, 100, "one for each clone of a slice");
}

/// A program with joins in joins, a scope with nested spawns, and loops, of uneven sizes.
fn tangled() {
    fn tree(depth: u64, seed: u64) {
        tick(seed % 13 + 1);
        if depth > 0 {
            join(
                || tree(depth - 1, seed.wrapping_mul(31) + 7),
                || tree(depth - 1 - (seed % 2).min(depth - 1), seed.wrapping_mul(17) + 3),
            );
        }
    }
    fn sprout<'scope>(s: &lab::par::Scope<'_, 'scope>, depth: u64) {
        tick(depth * depth + 1);
        for child in 0..depth {
            s.spawn(move |s| {
                sprout(s, depth - 1 - child / 2 % depth);
                tree(3, depth + child);
            });
            tick(2);
        }
    }
    tree(7, 1);
    scope(|s| {
        sprout(s, 4);
        for_each(0..57, 5, |index| tick(index as u64));
        s.spawn(|_| for_each(0..40, 4, |index| tree(2, index as u64)));
    });
    tree(5, 2);
}

#[test]
fn the_count_is_the_same_in_every_run_at_every_number_of_threads() {
    let expected = Pool::new(1).install(|| cost(tangled));
    assert!(expected.forks > 300 && expected.work > 5 * expected.span, "the program must have something to count: {expected:?}");
    for threads in 1..=7 {
        let pool = Pool::new(threads);
        for run in 0..20 {
            assert_eq!(pool.install(|| cost(tangled)), expected, "run {run} at {threads} threads");
        }
    }
}

#[test]
fn strangers_in_the_same_pool_are_not_counted() {
    // Two measured programs and one plain program share two workers: whoever waits runs jobs of the others.
    let expected = Pool::new(1).install(|| cost(tangled));
    let pool = Pool::new(2);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(pool.install(|| cost(tangled)), expected, "a stranger's work was counted, or one's own was lost");
                }
            });
        }
        threads.spawn(|| (0..40).for_each(|_| pool.install(tangled)));
    });
}

#[test]
fn a_panic_in_a_join_leaves_the_caller_as_it_was() {
    for side in 0..2 {
        let total = cost(|| {
            tick(1);
            let caught = catch_unwind(|| {
                join(|| assert!(side != 0, "left"), || assert!(side != 1, "right"));
            });
            assert!(caught.is_err(), "the panic of side {side} must reach the caller");
            tick(2);
        });
        assert_eq!(total, counts(3, 3, 3, 0), "a fork that panics adds nothing, and counting goes on");
    }
    assert_eq!(cost(|| tick(1)), counts(1, 1, 1, 0));
}

#[test]
fn a_panic_in_a_spawn_reaches_the_scope_after_the_other_jobs() {
    let finished = AtomicUsize::new(0);
    let total = cost(|| {
        tick(1);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                s.spawn(|_| panic!("a job"));
                for _ in 0..10 {
                    s.spawn(|_| {
                        tick(5);
                        finished.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        }));
        assert!(caught.is_err(), "the panic must reach the caller");
    });
    assert_eq!(finished.load(Ordering::Relaxed), 10, "the other jobs run to their end");
    assert_eq!(total, counts(1, 1, 1, 0));
}

#[test]
fn workers_are_named_and_counted() {
    let pool = Pool::new(2);
    assert_eq!(pool.threads(), 2);
    let name = pool.install(|| std::thread::current().name().map(String::from));
    assert!(matches!(name.as_deref(), Some("worker 1" | "worker 2")), "a worker is called {name:?}");
}

#[test]
fn parallelism_is_work_over_span() {
    let cost = counts(100, 20, 50, 3);
    assert_eq!((cost.parallelism(), cost.burdened_parallelism()), (5.0, 2.0));
    assert_eq!(Cost::default().parallelism(), 1.0, "nothing counted is serial");
}
