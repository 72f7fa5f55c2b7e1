//! A proof of orderings that never fails would prove nothing: one right lock, said with every kind of mistake.

use std::collections::BTreeMap;

use xtask::{
    catalog::{Catalog, find_root},
    orderings::{Outcome, Trial, weaken_one},
    results::Verdict,
    stage::Stage,
};

const LOCK: &str = r#"
//! A spin lock, with orderings that are too strong and excuses that are not right.

use std::{marker::PhantomData, ops::{Deref, DerefMut}};

use lab::{
    cell::UnsafeCell,
    hint,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::{self, AcqRel, Acquire as Take, SeqCst}, fence},
};

pub struct SpinLock<T> { locked: AtomicBool, value: UnsafeCell<T> }

unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    pub fn new(value: T) -> Self {
        Self { locked: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    pub fn lock(&self) -> Guard<'_, T> {
        while self.locked.swap(true, AcqRel) {
            hint::spin_loop();
        }
        Guard { lock: self, borrow: PhantomData }
    }

    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        // weaker is right: who only tries need not see anything.
        let held = self.locked.compare_exchange(false, true, Take, std::sync::atomic::Ordering::Relaxed).is_err();
        (!held).then(|| Guard { lock: self, borrow: PhantomData })
    }
}

/// No model calls it, so nothing in it is caught; but every kind of call must compile with its weakenings inside.
pub fn not_modelled<const N: usize>(counts: &[AtomicUsize; N]) {
    let _ = counts[0].compare_exchange_weak(0, 1, AcqRel, Ordering::Acquire);
    let _ = counts[0].fetch_update(SeqCst, Take, |count| count.checked_add(1));
    assert_eq!(counts.iter().map(|count| count.load(SeqCst)).sum::<usize>(), 0, "{}", AtomicUsize::load(&counts[0], Take));
    fence(AcqRel);
    fence(Ordering::Release)
}

pub struct Guard<'a, T> { lock: &'a SpinLock<T>, borrow: PhantomData<&'a mut T> }

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T { self.lock.value.with(|value| unsafe { &*value }) }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T { self.lock.value.with_mut(|value| unsafe { &mut *value }) }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // weaker is right: one atomic needs no order among several.
        self.lock.locked.store(false, SeqCst);
    }
}
"#;

fn trials(source: &str) -> Vec<Trial> {
    let catalog = Catalog::read(&find_root().unwrap()).unwrap();
    let exercise = catalog.find("spin_lock").unwrap();
    let stage = Stage::open(&catalog).unwrap();
    let sources = BTreeMap::from([("src/lib.rs".to_owned(), source.as_bytes().to_vec())]);
    weaken_one(&catalog, &stage, exercise, "a lock", &sources).unwrap()
}

#[test]
fn orderings_and_excuses_are_held_against_the_models() {
    let trials = trials(LOCK);
    let told: Vec<(&str, &str, Verdict)> =
        trials.iter().map(|trial| (trial.call.as_str(), trial.change.as_str(), trial.verdict)).collect();
    assert_eq!(
        told,
        [
            ("locked.swap", "AcqRel -> Acquire", Verdict::Fail),
            ("locked.swap", "AcqRel -> Release", Verdict::Pass),
            ("locked.compare_exchange", "success Acquire -> Relaxed", Verdict::Fail),
            ("counts[..].compare_exchange_weak", "success AcqRel -> Acquire", Verdict::Fail),
            ("counts[..].compare_exchange_weak", "success AcqRel -> Release", Verdict::Fail),
            ("counts[..].compare_exchange_weak", "failure Acquire -> Relaxed", Verdict::Fail),
            ("counts[..].fetch_update", "set SeqCst -> AcqRel", Verdict::Fail),
            ("counts[..].fetch_update", "fetch Acquire -> Relaxed", Verdict::Fail),
            ("count.load", "SeqCst -> Acquire", Verdict::Fail),
            ("AtomicUsize::load", "Acquire -> Relaxed", Verdict::Fail),
            ("fence", "AcqRel -> Acquire", Verdict::Fail),
            ("fence", "AcqRel -> Release", Verdict::Fail),
            ("fence", "Release -> removed", Verdict::Fail),
            ("locked.store", "SeqCst -> Release", Verdict::Pass),
        ]
    );
    assert_eq!(trials[0].outcome, Outcome::Survived);
    assert!(matches!(&trials[1].outcome, Outcome::Killed(kill) if kill.class == "data race"), "{:?}", trials[1]);
    assert!(matches!(&trials[2].outcome, Outcome::Needless { reason, .. } if reason.starts_with("who only")), "{:?}", trials[2]);
    assert!(trials[3..13].iter().all(|trial| trial.outcome == Outcome::Survived));
    assert!(matches!(&trials[13].outcome, Outcome::Excused { .. }), "{:?}", trials[13]);

    // A lock that is wrong as it is kills everything, and proves nothing.
    let wrong = LOCK.replace("self.locked.swap(true, AcqRel)", "self.locked.load(SeqCst)");
    for trial in self::trials(&wrong) {
        assert!(matches!(&trial.outcome, Outcome::Unproven { why } if why.contains("before anything is weakened")), "{trial:?}");
    }
    // So does one that does not compile.
    for trial in self::trials(&LOCK.replace("AtomicUsize, ", "")) {
        assert!(matches!(&trial.outcome, Outcome::Unproven { why } if why.contains("does not compile")), "{trial:?}");
    }
}
