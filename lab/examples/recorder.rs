//! What models cost: executions a second, and what of that goes into recording the steps that explain a failure.
//!
//! `cargo run --release -p lab --features model --example recorder`
//!
//! Each model is explored with recording and without, in the order A B B A, so that a machine that grows slower meets both
//! alike. What counts is the time on a core, as Linux tells it. The ratio is the median of those of the pairs, its interval
//! that of the order statistics for 95 %.

use std::sync::atomic::AtomicU64;

use lab::{
    hint,
    model::{Model, Pass},
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread,
};

/// Runs `body` on a second thread and on this one.
fn twice(body: impl Fn() + Clone + Send + 'static) {
    let other = thread::spawn(body.clone());
    body();
    other.join().unwrap();
}

fn counter() {
    let count = Arc::new(AtomicUsize::new(0));
    twice(move || {
        for _ in 0..6 {
            count.fetch_add(1, Relaxed);
        }
    });
}

fn loads_and_stores() {
    let variables = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    twice(move || {
        for index in [0, 1, 0] {
            variables[index].store(variables[1 - index].load(Acquire) + 1, Release);
        }
    });
}

fn spin_lock() {
    let lock = Arc::new((AtomicBool::new(false), AtomicUsize::new(0)));
    twice(move || {
        for _ in 0..3 {
            while lock.0.swap(true, Acquire) {
                hint::spin_loop();
            }
            lock.1.fetch_add(1, Relaxed);
            lock.0.store(false, Release);
        }
    });
}

fn mutex() {
    let count = Arc::new(Mutex::new(0));
    twice(move || {
        for _ in 0..6 {
            *count.lock().unwrap() += 1;
        }
    });
}

/// A hundred steps of each thread that are not explored: the least that recording can hide behind.
fn long_run() {
    let count = Arc::new(AtomicUsize::new(0));
    twice(move || {
        let own = AtomicUsize::new(0);
        for _ in 0..4 {
            count.fetch_add(1, Relaxed);
            for _ in 0..25 {
                own.fetch_add(1, Relaxed);
            }
        }
    });
}

const MODELS: [(&str, fn()); 5] = [
    ("counter", counter),
    ("loads and stores", loads_and_stores),
    ("spin lock", spin_lock),
    ("mutex", mutex),
    ("long run", long_run),
];
const PAIRS: usize = 20;
/// One measurement explores a model again until it has come to so many executions.
const EXECUTIONS: u64 = 2_000;

/// Nanoseconds that this thread has been on a core.
fn on_core() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this Linux tells the time on a core");
    told.split_whitespace().next().and_then(|field| field.parse().ok()).expect("its first field is a number")
}

/// The executions of one search.
fn executions(model: &Model, body: fn()) -> u64 {
    let report = model.explore(body);
    assert_eq!(report.verdict, "pass");
    report.passes[0].executions
}

/// Nanoseconds on a core for an execution of a search of `executions`: from the beginning of the first to that of the last.
fn cost(model: &Model, body: fn(), executions: u64) -> f64 {
    let mut nanoseconds = 0;
    let searches = EXECUTIONS.div_ceil(executions);
    for _ in 0..searches {
        // `std`'s own: the search must not see how it is measured.
        let (begun, ended, count) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (first, last) = (begun.clone(), ended.clone());
        let report = model.explore(move || {
            let number = 1 + count.fetch_add(1, Relaxed);
            if number == 1 {
                first.store(on_core(), Relaxed);
            }
            if number == executions {
                last.store(on_core(), Relaxed);
            }
            body();
        });
        assert_eq!(report.verdict, "pass");
        nanoseconds += ended.load(Relaxed) - begun.load(Relaxed);
    }
    nanoseconds as f64 / (searches * (executions - 1)) as f64
}

/// The median, and between which order statistics the true one lies in at least 95 % of all cases.
fn median(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    let (mut outside, mut chance, mut rank) = (0.0, 0.5_f64.powi(count as i32), 0);
    while outside + chance <= 0.025 {
        outside += chance;
        chance *= (count - rank) as f64 / (rank + 1) as f64;
        rank += 1;
    }
    let low = rank.saturating_sub(1);
    [(values[(count - 1) / 2] + values[count / 2]) / 2.0, values[low], values[count - 1 - low]]
}

fn main() {
    println!("| model | executions | a second | recording / none | 95 % |\n| --- | --- | --- | --- | --- |");
    for (name, body) in MODELS {
        let model = Model::new().passes(&[Pass::Interleavings]);
        let bare = model.clone().unrecorded();
        let explored = executions(&model, body);
        // Not counted: the first of each.
        cost(&model, body, explored);
        cost(&bare, body, explored);
        let (mut costs, mut ratios) = (Vec::new(), Vec::new());
        for pair in 0..PAIRS {
            let measure = |model| cost(model, body, explored);
            let (with, without) = if pair % 2 == 0 {
                let with = measure(&model);
                (with, measure(&bare))
            } else {
                let without = measure(&bare);
                (measure(&model), without)
            };
            costs.push(with);
            ratios.push(with / without);
        }
        let [cost, ..] = median(&mut costs);
        let [ratio, low, high] = median(&mut ratios);
        println!("| {name} | {explored} | {:.0} | {ratio:.3} | {low:.3} to {high:.3} |", 1e9 / cost);
    }
}
