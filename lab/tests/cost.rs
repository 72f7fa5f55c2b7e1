//! The `cost` of the workload protocol: what it asks, what it answers, and what older sides make of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lab::{
    par::{Cost, PROCESSORS, join, tick},
    workload::{Answer, Burden, Counted, Request},
};
use serde_json::{from_value, json, to_value};

fn asked(request: serde_json::Value) -> Burden {
    match from_value(request).expect("a request") {
        Request::Cost { burden } => burden,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_without_a_burden_asks_for_none() {
    assert_eq!(asked(json!({ "op": "cost" })), Burden::Units(0));
    assert_eq!(asked(json!({ "op": "cost", "burden": { "units": 20_000 } })), Burden::Units(20_000));
    let burden = Burden::Nanoseconds { steal: 9_000, run: 1_000_000 };
    assert_eq!(asked(to_value(Request::Cost { burden }).expect("a value")), burden);
}

#[test]
fn an_answer_of_before_the_burden_is_read() {
    let old = json!({ "cost": { "work": 4, "span": 3, "burdened_span": 9, "forks": 1 } });
    let Answer::Cost(Some(priced)) = from_value(old).expect("an answer") else { panic!("a cost") };
    assert_eq!(priced.cost, Cost { work: 4, span: 3, burdened_span: 9, forks: 1 });
    assert_eq!((priced.burden, priced.schedule.len(), priced.chain.len()), (None, 0, 0));
}

#[test]
fn nanoseconds_become_units_by_the_time_of_a_unit() {
    // A unit takes 2 ns, so a steal of 9 us is as long as 4500 of them.
    assert_eq!(Burden::Nanoseconds { steal: 9_000, run: 2_000_000 }.in_units(1_000_000), 4_500);
    assert_eq!(Burden::Nanoseconds { steal: 9_000, run: 0 }.in_units(3), 27_000, "no time at all is taken for the shortest");
    assert_eq!(Burden::Nanoseconds { steal: u64::MAX, run: 1 }.in_units(u64::MAX), u64::MAX);
    assert_eq!(Burden::Units(7).in_units(1), 7);
}

/// Strays are those of the whole process: who makes some keeps those away who count them.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn the_burden_changes_what_is_predicted_and_nothing_that_is_graded() {
    let _alone = alone();
    let mut counted = Counted::on_one_thread(0..=u64::MAX, || {
        join(|| tick(100), || tick(60));
    });
    counted.add_serial(5);
    for burden in [0, 30, 1_000_000, u64::MAX] {
        let priced = counted.priced(Burden::Units(burden));
        assert_eq!((priced.cost.work, priced.cost.span, priced.cost.forks), (165, 105, 1));
        assert_eq!(priced.cost.burdened_span, 105_u64.saturating_add(burden));
        assert_eq!(priced.burden, Some(burden));
        assert_eq!(priced.schedule.iter().map(|scheduled| scheduled.processors).collect::<Vec<_>>(), PROCESSORS);
        assert_eq!(
            (priced.schedule[0].units, priced.schedule[1].units),
            (165, 105.max(60_u64.saturating_add(burden).saturating_add(5)))
        );
    }
    let unknown = Counted { graph: None, ..counted }.priced(Burden::Units(30));
    assert_eq!((unknown.cost.burdened_span, unknown.burden, unknown.schedule.len()), (105, None, 0));
}

#[test]
fn work_that_is_hidden_is_charged_as_serial_and_idle_work_is_not_credited() {
    let _alone = alone();
    let hidden = || std::thread::scope(|scope| drop(scope.spawn(|| tick(50)).join()));
    let both = || {
        join(|| tick(100), || tick(100));
    };
    let cost = |within, f: &(dyn Fn() + Sync)| {
        let cost = Counted::on_one_thread(within, f).priced(Burden::Units(0)).cost;
        (cost.work, cost.span)
    };
    assert_eq!(cost(0..=1000, &both), (200, 100));
    assert_eq!(
        cost(0..=1000, &|| [&both as &(dyn Fn() + Sync), &hidden].iter().for_each(|f| f())),
        (250, 150),
        "on a thread of std"
    );
    assert_eq!(cost(300..=1000, &both), (300, 200), "what is missing to the least");
    assert_eq!(cost(0..=120, &both), (120, 100), "more than anybody needs");
}
