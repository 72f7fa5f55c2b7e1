//! The losses of a real traced run: this program is also the workload, and what it does hangs on the name of its file.

use std::{
    env, fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use lab::{
    trace::file,
    workload::{Axis, Setup, Spec, Workload, digest_of, main as serve},
};
use xtask::{
    catalog::{Catalog, find_root},
    losses::{Account, Kind, Losses},
    traced::traced_run,
};

struct Sums(Setup);

fn is(name: &str) -> bool {
    env::args().next().is_some_and(|program| Path::new(&program).ends_with(name))
}

/// Nothing but computing.
fn sum(count: u64) -> u64 {
    (0..count).fold(1, |value: u64, step| std::hint::black_box(value ^ step).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

impl Workload for Sums {
    type Input = ();
    type Output = u64;

    fn spec() -> Spec {
        let axis = if is("flight") { Axis::InFlight } else { Axis::Threads };
        Spec { name: "sums".into(), size_unit: "steps".into(), cost_unit: None, axis, quick: 1, full: 1 }
    }

    fn prepare(setup: &Setup) -> Self {
        Self(*setup)
    }

    fn input(&self) {}

    fn baseline(&self, (): ()) -> u64 {
        sum(self.0.size)
    }

    /// Every thread works, and one of them sleeps inside its span, and then inside one that is a wait.
    fn submission(&self, (): ()) -> u64 {
        let Setup { size, threads, .. } = self.0;
        thread::scope(|scope| {
            for index in 0..threads {
                scope.spawn(move || {
                    let _span = lab::span!("work");
                    std::hint::black_box(sum(size));
                    if index == 0 {
                        thread::sleep(Duration::from_millis(40));
                        let _wait = lab::span!("turn", waits = true);
                        thread::sleep(Duration::from_millis(20));
                    }
                });
            }
        });
        sum(size) + u64::from(is("wrong"))
    }

    fn digest(&self, output: &u64) -> u64 {
        digest_of(output)
    }
}

fn main() {
    if env::args().any(|argument| argument == "--trace") {
        assert_eq!(serve::<Sums>(), std::process::ExitCode::SUCCESS);
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    a_real_run_is_accounted_for_without_rest(folder.path());
    a_wrong_output_has_a_trace_and_no_losses(folder.path());
    requests_are_not_counted_in_cores(folder.path());
    println!("losses: 3 traced runs accounted for");
}

/// This program under another name.
fn named(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::copy(env::current_exe().expect("this program"), &path).expect("a copy");
    path
}

fn traced(folder: &Path, name: &str) -> xtask::traced::Traced {
    let catalog = Catalog::read(&find_root().expect("the course")).expect("its exercises");
    let exercise = catalog.find("merge_sort").expect("it lends its limits");
    let setup = Setup { size: 3_000_000, seed: 1, threads: 2, at: None };
    let out = folder.join(format!("{name}.json"));
    let traced = traced_run(&named(folder, name), exercise, setup, &out).expect("a traced run");
    let written = file::read(&out).expect("the trace is written");
    assert_eq!((file::check(&written), written.events.len()), (vec![], traced.trace.events.len()));
    traced
}

fn assert_whole(account: &Account) {
    for lane in &account.lanes {
        let told = lane.told.unwrap_or_default();
        let parts = [lane.useful, lane.waits.values().sum(), told.not_let, told.no_span, told.stood_still, lane.idle];
        assert!(parts.iter().all(|part| *part >= 0.0), "{lane:?}");
        assert!((parts.iter().sum::<f64>() - account.wall).abs() < 1e-9, "{lane:?} is not {}", account.wall);
    }
    assert!((account.at_work.iter().sum::<f64>() - account.wall).abs() < 1e-6, "{account:?}");
}

fn a_real_run_is_accounted_for_without_rest(folder: &Path) {
    let traced = traced(folder, "right");
    let Losses::Cores(cores) = traced.losses.expect("losses") else { panic!("threads compute") };
    assert_whole(&cores.one);
    assert_whole(&cores.parallel);
    let sum: f64 = cores.terms().iter().map(|term| term.seconds).sum();
    assert!((sum - cores.missing()).abs() < 1e-9, "{sum} is not {}", cores.missing());
    assert!((cores.factors().expect("work").product() - cores.speedup()).abs() < 1e-9);
    assert_eq!((cores.parallel.lanes.len(), cores.one.lanes.len(), cores.threads), (2, 1, 2));
    assert_eq!((cores.sequential.len(), cores.one_thread.len()), (5, 5));
    assert_eq!(cores.parallel.spans.keys().collect::<Vec<_>>(), ["work"]);
    // The clocks of the trace and of the runner are one: the sleeps lie inside the run.
    let waits: f64 = cores.parallel.lanes.iter().filter_map(|lane| lane.waits.get("turn")).sum();
    assert!(waits >= 0.02, "{waits} s of the 20 ms of waiting");
    if Path::new("/proc/thread-self/schedstat").exists() {
        // The thread that sleeps is looked at some six times, and found among the scheduler's by the number in the trace.
        assert!(cores.parallel.threads.iter().any(|thread| thread.ran.is_some_and(|ran| ran > 0.0)), "{cores:?}");
        assert!(cores.parallel.told() && cores.one.told(), "{cores:?}");
    }
    let terms = cores.terms();
    assert!(terms.iter().any(|term| term.kind == Kind::Waits("turn".into()) && term.seconds >= 0.02), "{terms:?}");
}

fn a_wrong_output_has_a_trace_and_no_losses(folder: &Path) {
    let traced = traced(folder, "wrong");
    assert!(!traced.trace.events.is_empty());
    let error = traced.losses.expect_err("a wrong output is no speedup").to_string();
    assert!(error.contains("its output is wrong"), "{error}");
}

fn requests_are_not_counted_in_cores(folder: &Path) {
    let Losses::InFlight(flight) = traced(folder, "flight").losses.expect("losses") else { panic!("no p * T_p of requests") };
    assert_eq!((flight.allowed, flight.span), (2, None), "no span of this program is a request");
}
