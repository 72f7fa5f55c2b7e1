//! What makes the calls and returns of a [`History`](crate::history::History) steps of the model, and orders nothing by it.
//!
//! The search explores one of several executions that differ only in the order of steps that have nothing to do with each
//! other. Which operation was over before which other began may differ between them, so returns and calls must have to do
//! with each other. There is an atomic for each pair of threads: the return of the one is a compare-exchange that cannot
//! succeed, the call of the other a load. Two calls are no more than two loads to the search, and two returns use different
//! atomics, so their order is left open, which saves two executions of three. Nothing is ever changed, and what is read was
//! there before the threads were, so that no fence makes an order of it either.
//!
//! In the pass for weak memory the question is not what was over before but what happens before. The answer is loom's own:
//! at each return a thread writes, `Relaxed`, how many operations it is through with, and at a call that is read, as stale
//! as may be. The count of a return that happens before the call cannot be missed, and any other is. But after a `yield` loom
//! lets no thread read again what it has seen before that and what is no longer so. So each call reads counts of its own, and
//! a thread that is through with its first operation writes 0 first: the 0 that was there is known to who has made it.

use std::{
    collections::BTreeSet,
    panic::Location,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize as Plain, Ordering::Relaxed},
    },
};

use loom::sync::atomic::AtomicUsize;

use crate::model::{
    Pass,
    engine::{self, Call, MAX_THREADS, Object, Outcome, Value},
};

/// How many operations can be recorded in one execution of the pass for weak memory.
const CALLS: usize = 16;

/// How many of these one thread can make before another calls: an atomic of loom's remembers seven stores, of which two are of 0.
const CALLS_OF_ONE: usize = 5;

/// A value that no count has.
const SENTINEL: usize = usize::MAX;

/// What tells the order of calls and returns.
#[derive(Debug)]
pub(crate) struct Clock {
    /// For each thread that returns, and each that calls.
    marks: [[AtomicUsize; MAX_THREADS]; MAX_THREADS],
    /// For each call, and for each thread, how many operations it is through with. Empty but in the pass for weak memory.
    counts: Vec<[AtomicUsize; MAX_THREADS]>,
    /// How many calls there were. `std`'s own, as is the next: read and written where no other thread can come between.
    calls: Plain,
    /// How many operations each thread is through with.
    through: [Plain; MAX_THREADS],
}

impl Clock {
    /// `None` outside a model.
    pub(crate) fn new() -> Option<Self> {
        engine::inside().then(|| {
            let weak = engine::mode().pass == Pass::WeakMemory;
            engine::quietly(|| Self {
                marks: std::array::from_fn(|_| std::array::from_fn(|_| AtomicUsize::new(0))),
                counts: (0..if weak { CALLS } else { 0 }).map(|_| std::array::from_fn(|_| AtomicUsize::new(0))).collect(),
                calls: Plain::new(0),
                through: std::array::from_fn(|_| Plain::new(0)),
            })
        })
    }

    pub(crate) fn is_weak(&self) -> bool {
        !self.counts.is_empty()
    }

    /// An operation is called: by which thread, and in the pass for weak memory how many operations of each thread happen
    /// before that.
    #[track_caller]
    pub(crate) fn call(&self, operation: &str) -> (usize, Option<Vec<usize>>) {
        let step = Call::new(Object::NONE, "call", Location::caller()).argument(Value::Text(interned(operation)));
        let me = engine::current();
        let known = engine::perform(
            step,
            |_| {
                self.mark_call(me);
                self.is_weak().then(|| engine::whole(|| self.known(me)))
            },
            |_| Outcome::Done,
        );
        (me, known)
    }

    fn known(&self, me: usize) -> Vec<usize> {
        let call = self.calls.fetch_add(1, Relaxed);
        assert!(call < CALLS, "a history can record {CALLS} operations in a model, no more: make the model smaller");
        let of = |(other, count): (usize, &AtomicUsize)| {
            let through = self.through[other].load(Relaxed);
            assert!(
                other == me || through <= CALLS_OF_ONE,
                "in a model a history knows {CALLS_OF_ONE} operations of one thread, and T{other} has made {through} before T{me} \
                 makes another: make the model smaller"
            );
            count.load(Relaxed)
        };
        self.counts[call].iter().enumerate().map(of).collect()
    }

    /// An operation returns.
    #[track_caller]
    pub(crate) fn returns(&self, operation: &str, outcome: &str) {
        let step = Call::new(Object::NONE, "return", Location::caller()).argument(Value::Text(interned(operation)));
        let me = engine::current();
        let act = |_| {
            self.mark_return(me);
            let through = self.through[me].fetch_add(1, Relaxed) + 1;
            if self.is_weak() {
                let next = self.calls.load(Relaxed);
                engine::whole(|| {
                    for counts in &self.counts[next..] {
                        if through == 1 {
                            counts[me].store(0, Relaxed);
                        }
                        counts[me].store(through, Relaxed);
                    }
                });
            }
        };
        engine::perform(step, act, |()| Outcome::Gave(Value::Text(interned(outcome))));
    }

    /// A step of `me` that has to do with every return of another thread.
    fn mark_call(&self, me: usize) {
        self.mark((0..MAX_THREADS).map(|other| &self.marks[other][me]), |mark| {
            mark.load(Relaxed);
        });
    }

    /// A step of `me` that has to do with every call of another thread.
    fn mark_return(&self, me: usize) {
        self.mark(self.marks[me].iter(), |mark| {
            let _unchanged = mark.compare_exchange(SENTINEL, SENTINEL, Relaxed, Relaxed);
        });
    }

    /// Uses these marks, in one step.
    fn mark<'a>(&self, mut marks: impl Iterator<Item = &'a AtomicUsize>, with: impl Fn(&AtomicUsize)) {
        marks.next().into_iter().for_each(&with);
        engine::whole(|| marks.for_each(&with));
    }
}

/// The same text, for ever: a model makes the same operations again and again, so these are few.
fn interned(text: &str) -> &'static str {
    static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
    texts.insert(kept);
    kept
}
