//! Made-up losses of every shape.

use std::collections::BTreeMap;

use xtask::losses::{Account, Alone, Cores, InFlight, Lane, Losses, Sample, ThreadUse, Told};

/// A lane of so many milliseconds: useful, waiting for a lock, not let, in no span, standing still; the rest is idle.
fn lane(wall: f64, parts: [f64; 5]) -> Lane {
    let [useful, lock, not_let, no_span, stood_still] = parts.map(|part| part / 1e3);
    let waits = if lock > 0.0 { BTreeMap::from([("lock".to_owned(), lock)]) } else { BTreeMap::new() };
    let idle = wall / 1e3 - useful - lock - not_let - no_span - stood_still;
    let not_let_outside = not_let - inside(not_let, stood_still);
    Lane { useful, waits, told: Some(Told { not_let, not_let_outside, no_span, stood_still }), idle }
}

/// Who stood still inside spans was also kept waiting there.
fn inside(not_let: f64, stood_still: f64) -> f64 {
    if stood_still > 0.0 { not_let } else { 0.0 }
}

fn account(wall: f64, lanes: &[[f64; 5]], alone: Option<(&str, f64)>) -> Account {
    let thread = |(i, [useful, lock, not_let, no_span, stood_still]): (usize, &[f64; 5])| ThreadUse {
        process: "merge_sort 17".into(),
        thread: format!("worker {}", i + 1),
        lane: i,
        in_work: (useful + inside(*not_let, *stood_still) + stood_still) / 1e3,
        in_waits: lock / 1e3,
        ran: Some((useful + no_span) / 1e3),
        waited: Some(not_let / 1e3),
    };
    let useful: f64 = lanes.iter().map(|parts| parts[0] / 1e3).sum();
    let alone_ms = alone.map_or(0.0, |(_, time)| time * 1.2);
    let mut at_work = vec![0.0; lanes.len() + 1];
    at_work[1] += alone_ms / 1e3;
    at_work[lanes.len()] += (wall - alone_ms) / 1e3;
    Account {
        wall: wall / 1e3,
        lanes: lanes.iter().map(|parts| lane(wall, *parts)).collect(),
        threads: lanes.iter().enumerate().map(thread).collect(),
        at_work,
        alone: alone.map(|(name, time)| Alone { name: name.into(), seconds: time / 1e3 }),
        spans: BTreeMap::from([("sort".into(), useful * 0.6), ("merge".into(), useful * 0.4)]),
        unseen: 0.0,
    }
}

/// Both runs, and a sequential program of so many milliseconds.
fn cores(t_seq: f64, one: Account, parallel: Account) -> Cores {
    let samples =
        |around: f64| [1.0, 0.98, 1.03, 0.99, 1.01].map(|by| Sample { seconds: around * by, own: around * by }).to_vec();
    Cores { threads: parallel.lanes.len(), sequential: samples(t_seq / 1e3), one_thread: samples(one.own()), one, parallel }
}

/// Two workers sort; the last merge runs alone. It has something of every category.
pub fn merge_sort() -> Cores {
    let one = account(191.0, &[[183.0, 0.0, 2.0, 4.0, 0.0]], None);
    let lanes = [[104.0, 5.0, 9.0, 11.0, 0.0], [60.0, 7.0, 6.0, 0.0, 6.0]];
    cores(182.0, one, account(131.0, &lanes, Some(("merge", 48.0))))
}

/// A program that does less than the sequential one, and whose threads help each other.
pub fn gains() -> Cores {
    let one = account(120.0, &[[110.0, 0.0, 0.0, 10.0, 0.0]], None);
    cores(182.0, one, account(60.0, &[[50.0, 0.0, 0.0, 1.0, 0.0], [48.0, 0.0, 0.0, 1.0, 0.0]], Some(("sort", 4.0))))
}

/// Takes from losses what only the scheduler could have told.
pub fn untold(mut cores: Cores) -> Cores {
    for lane in cores.one.lanes.iter_mut().chain(&mut cores.parallel.lanes) {
        let told = lane.told.take().unwrap_or_default();
        lane.idle += told.not_let + told.no_span + told.stood_still;
    }
    for thread in &mut cores.parallel.threads {
        (thread.ran, thread.waited) = (None, None);
    }
    cores
}

/// So many requests of 40 ms each over a run, some time at each count up to what is allowed.
pub fn crawler(allowed: usize) -> InFlight {
    let at_a_time: Vec<f64> = (0..=allowed).map(|count| 0.004 + 0.003 * (count % 5) as f64).collect();
    let wall = at_a_time.iter().sum();
    InFlight { allowed, wall, span: Some("fetch".into()), requests: 240, working: wall * 0.29, waiting: wall * 0.66, at_a_time }
}

/// The one that [`all`] calls so.
pub fn named(what: &str) -> Losses {
    all().into_iter().find(|(name, _)| *name == what).unwrap_or_else(|| panic!("no losses are called {what}")).1
}

/// By what is odd about them.
pub fn all() -> Vec<(&'static str, Losses)> {
    let of_cores = |cores: Cores| Losses::Cores(Box::new(cores));
    let one_lane = || account(191.0, &[[183.0, 0.0, 2.0, 4.0, 0.0]], None);
    let many: Vec<_> = (0..16).map(|i| [20.0 - f64::from(i), 1.0, 0.5, 0.25, 0.0]).collect();
    let mut unseen = merge_sort();
    unseen.parallel.unseen = 0.012;
    unseen.threads = 1;
    let mut named = merge_sort();
    let name = "a span whose name goes on and on <b>&amp; further than any picture of the losses can be wide</b>";
    for lane in &mut named.parallel.lanes {
        lane.waits = lane.waits.values().map(|time| (name.to_owned(), *time)).collect();
    }
    named.parallel.alone = named.parallel.alone.map(|alone| Alone { name: name.into(), ..alone });
    let mut silent = crawler(8);
    silent.span = None;
    vec![
        ("every category", of_cores(merge_sort())),
        ("gains", of_cores(gains())),
        ("an untold scheduler", of_cores(untold(merge_sort()))),
        ("untold gains", of_cores(untold(gains()))),
        ("one thread", of_cores(cores(182.0, one_lane(), one_lane()))),
        ("many threads", of_cores(cores(182.0, one_lane(), account(25.0, &many, Some(("merge", 5.0)))))),
        ("unseen threads, and more than asked for", of_cores(unseen)),
        ("long names", of_cores(named)),
        ("a run of no time", of_cores(cores(0.0, account(0.0, &[[0.0; 5]], None), account(0.0, &[[0.0; 5]], None)))),
        ("requests", Losses::InFlight(crawler(8))),
        ("one request at a time", Losses::InFlight(crawler(1))),
        ("many requests", Losses::InFlight(crawler(100))),
        ("requests that the trace does not tell", Losses::InFlight(silent)),
    ]
}
