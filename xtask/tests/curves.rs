//! Curves of workloads that are shell scripts: who is asked for what, and from how many processes the samples come.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lab::workload::Axis;
use tempfile::TempDir;
use xtask::{
    catalog::{Catalog, find_root},
    check::cores,
    curves::{Failure, Sampler, Sampling, Scaling, Series, plan},
};

/// A script that another thread's child still holds open cannot be started, so one test runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A workload that writes into `log` what it does; its digest is the size. `at_go` is run before each answer to `go`, with
/// the number of this process in `$nth`.
struct Scripted {
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Scripted {
    fn new(axis: &str, at_go: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let spec = format!(
            r#"{{"name":"x","size_unit":"keys","cost_unit":null,"axis":"{axis}","quick":100,"full":100000}},"contenders":["baseline","submission","std"]"#
        );
        let script = format!(
            r#"#!/bin/sh
log="${{0%/*}}/log"
say() {{ echo "$key $1"; }}
echo start >> "$log"
nth=0
while read -r line; do [ "$line" = start ] && nth=$((nth + 1)); done < "$log"
while read -r line; do
  case "$line" in
    *hello*) key=${{line##*'"key":"'}}; key=${{key%%\"*}}; say '{{"hello":{{"protocol":1,"spec":{spec}}}}}' ;;
    *prepare*) size="${{line#*size\":}}"; size="${{size%%,*}}"; say '{{"prepared":{{"pid":1}}}}' ;;
    *go*) {at_go}
      echo run >> "$log"; say '{{"done":{{}}}}'; printf "$key"' {{"output":{{"digest":"%016x"}}}}\n' "$size" ;;
    *quit*) exit 0 ;;
  esac
done
"#
        );
        fs::write(folder.path().join("workload"), script).unwrap();
        fs::set_permissions(folder.path().join("workload"), PermissionsExt::from_mode(0o755)).unwrap();
        Self { folder, _alone: alone }
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("workload")
    }

    /// Runs of each process, in the order in which they were started.
    fn runs(&self) -> Vec<usize> {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.split("start\n").skip(1).map(|process| process.lines().count()).collect()
    }
}

/// With requests in flight no run is made again because it waited for a core: how many there are is known.
fn series(program: &Path, digest: &str) -> Series {
    Series {
        exercise: "x".into(),
        scaling: Scaling::Strong,
        contender: "yours".into(),
        program: program.to_owned(),
        entry: "submission".into(),
        size: 255,
        seed: 1,
        threads: vec![4],
        axis: Axis::InFlight,
        sampling: Sampling { processes: 3, per_process: 2 },
        digest: digest.into(),
        limit: Duration::from_secs(5),
    }
}

const RIGHT: &str = "00000000000000ff";

#[test]
fn the_samples_of_a_point_come_from_fresh_processes() {
    let scripted = Scripted::new("in_flight", ":");
    let series = series(&scripted.program(), RIGHT);
    let mut sampler = Sampler::new(&series, 4);
    assert!(scripted.runs().is_empty(), "what a filter leaves out is not started");
    // Criterion's own warm-up, then the samples.
    for _ in 0..=series.sampling.samples() {
        assert!(sampler.time(1) > Duration::ZERO);
    }
    sampler.end().unwrap();
    assert_eq!(scripted.runs(), [3, 3, 3], "each warms up once and gives two samples");
}

/// What becomes of a contender that fails in its second process, and how many runs were made.
fn failing(at_go: &str) -> (Failure, Vec<usize>) {
    let scripted = Scripted::new("in_flight", at_go);
    let series = series(&scripted.program(), RIGHT);
    let mut sampler = Sampler::new(&series, 4);
    for _ in 0..=series.sampling.samples() {
        sampler.time(1);
    }
    let error = sampler.end().unwrap_err();
    (Failure::new("yours", &error), scripted.runs())
}

#[test]
fn who_gives_a_wrong_output_in_a_later_process_is_named_and_not_run_again() {
    let (failure, runs) = failing("[ $nth = 2 ] && size=1");
    assert_eq!(
        (failure.to_string().as_str(), failure.own),
        (
            "yours was not timed: x on 4 requests in flight: its output is wrong: digest 0000000000000001 where the baseline's \
             is 00000000000000ff",
            true
        )
    );
    assert_eq!(runs, [3, 1]);
}

#[test]
fn who_dies_in_a_later_process_is_named_with_its_last_words() {
    let (failure, runs) = failing("[ $nth = 2 ] && echo 'poisoned lock' >&2 && exit 101");
    let said = failure.to_string();
    assert!(said.contains("it ended with exit status: 101 during go") && said.ends_with("poisoned lock"), "{said}");
    assert!(failure.own);
    assert_eq!(runs, [3, 0]);
}

fn planned(axis: &str, quick: bool) -> Vec<Series> {
    let scripted = Scripted::new(axis, ":");
    let catalog = Catalog::read(&find_root().unwrap()).unwrap();
    let exercise = catalog.find("merge_sort").unwrap();
    let programs = [("reference".to_owned(), scripted.program()), ("yours".to_owned(), PathBuf::from("/yours"))];
    plan(exercise, &programs, 1, quick, Sampling::REPORT).unwrap().1
}

#[test]
fn everybody_is_planned_at_the_full_size_and_its_own_programs_at_sizes_that_grow() {
    let all = planned("threads", false);
    let (strong, weak): (Vec<_>, Vec<_>) = all.iter().partition(|series| series.scaling == Scaling::Strong);
    let names: Vec<_> = strong.iter().map(|series| series.contender.as_str()).collect();
    assert_eq!(names, ["baseline", "reference", "yours", "std"]);
    assert!(strong.iter().all(|series| (series.size, series.digest.as_str()) == (100_000, "00000000000186a0")));
    assert_eq!(strong[2].program, Path::new("/yours"));
    let each = 100_000 / cores() as u64;
    if cores() < 2 {
        assert!(weak.is_empty(), "one point is no scaling");
        return;
    }
    for series in &weak {
        let [threads] = series.threads[..] else { panic!("a size of its own for each number of threads") };
        assert_eq!(series.size, each * threads as u64);
        assert_eq!(series.digest, format!("{:016x}", series.size), "as the baseline has it at that size");
        assert_eq!(series.group(), "merge_sort, size by threads");
    }
    let of = |name: &str| weak.iter().filter(|series| series.contender == name).count();
    assert_eq!((of("baseline"), of("std")), (1, 0));
    assert_eq!(of("reference"), of("yours"));
}

#[test]
fn neither_a_first_look_nor_requests_in_flight_have_weak_scaling() {
    for (axis, quick) in [("threads", true), ("in_flight", false), ("in_flight", true)] {
        let all = planned(axis, quick);
        assert!(all.iter().all(|series| series.scaling == Scaling::Strong), "{axis}, quick: {quick}");
        assert_eq!(all.len(), 4);
    }
}
