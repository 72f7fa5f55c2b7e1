//! Atomic types: loom's, made atomic, complete and sequentially consistent from outside.
//!
//! | operation | what is done to loom's |
//! | --- | --- |
//! | store | a *probe* (a compare-exchange that changes nothing), then the store in one piece with it: so it follows everything that is already in modification order, and no store falls between the two halves of a read-modify-write |
//! | load, pass for interleavings | a probe with the load's ordering: the newest value, and no interleaving is hidden |
//! | load, pass for weak memory | loom's own, which may return a stale value |
//! | `SeqCst`, pass for interleavings | Acquire or Release: the newest value is what the one order of all `SeqCst` operations asks for |
//! | `SeqCst`, pass for weak memory | the same, and a load of an object that has had a `SeqCst` access is a probe: the order of execution is the one order. Then, in a second search and a third, and in a model with `fence(SeqCst)` in these only: the Acquire or Release access with such a fence before it, or after it |
//! | `fence(SeqCst)`, pass for interleavings | `fence(AcqRel)`: loom's own would order what it does not, and hide data races |
//! | `compare_exchange_weak`, pass for spurious failures | fails the first time per thread and line |
//!
//! Constructors are not `const`: an object of a model belongs to one execution of it.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    panic::Location,
    sync::atomic::{
        AtomicBool as PlainBool,
        Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst},
    },
};

use loom::sync::atomic as raw;

use crate::model::{
    Pass,
    engine::{self, Call, Mode, Object, Outcome, Sequence, Value},
};

/// One of loom's atomics.
trait Word {
    type Value: Copy + PartialEq + Into<Value>;

    /// The newest value, as a read-modify-write that changes nothing.
    fn probe(&self, ordering: Ordering) -> Self::Value;
    fn load(&self, ordering: Ordering) -> Self::Value;
    fn store(&self, value: Self::Value, ordering: Ordering);
    fn swap(&self, value: Self::Value, ordering: Ordering) -> Self::Value;
    fn exchange(
        &self,
        old: Self::Value,
        new: Self::Value,
        success: Ordering,
        failure: Ordering,
    ) -> Result<Self::Value, Self::Value>;
    fn lend<R>(&mut self, lend: impl FnOnce(&mut Self::Value) -> R) -> R;
}

macro_rules! word {
    ([$($generics:tt)*] $word:ty, $value:ty, $sentinel:expr) => {
        impl$($generics)* Word for $word {
            type Value = $value;

            fn probe(&self, ordering: Ordering) -> $value {
                // Should the sentinel be there by chance, it is written over itself: nothing changes either.
                let (Ok(value) | Err(value)) = self.compare_exchange($sentinel, $sentinel, ordering, ordering);
                value
            }

            fn load(&self, ordering: Ordering) -> $value {
                <$word>::load(self, ordering)
            }

            fn store(&self, value: $value, ordering: Ordering) {
                <$word>::store(self, value, ordering)
            }

            fn swap(&self, value: $value, ordering: Ordering) -> $value {
                <$word>::swap(self, value, ordering)
            }

            fn exchange(&self, old: $value, new: $value, success: Ordering, failure: Ordering) -> Result<$value, $value> {
                self.compare_exchange(old, new, success, failure)
            }

            fn lend<R>(&mut self, lend: impl FnOnce(&mut $value) -> R) -> R {
                self.with_mut(lend)
            }
        }
    };
}

/// A `bool` in a byte: a byte has room for a sentinel.
struct Flag(raw::AtomicU8);

const NEITHER: u8 = 2;

impl Word for Flag {
    type Value = bool;

    fn probe(&self, ordering: Ordering) -> bool {
        let (Ok(value) | Err(value)) = self.0.compare_exchange(NEITHER, NEITHER, ordering, ordering);
        value != 0
    }

    fn load(&self, ordering: Ordering) -> bool {
        self.0.load(ordering) != 0
    }

    fn store(&self, value: bool, ordering: Ordering) {
        self.0.store(value.into(), ordering);
    }

    fn swap(&self, value: bool, ordering: Ordering) -> bool {
        self.0.swap(value.into(), ordering) != 0
    }

    fn exchange(&self, old: bool, new: bool, success: Ordering, failure: Ordering) -> Result<bool, bool> {
        self.0.compare_exchange(old.into(), new.into(), success, failure).map(|value| value != 0).map_err(|value| value != 0)
    }

    fn lend<R>(&mut self, lend: impl FnOnce(&mut bool) -> R) -> R {
        self.0.with_mut(|byte| {
            let mut value = *byte != 0;
            let result = lend(&mut value);
            *byte = value.into();
            result
        })
    }
}

/// What every atomic type is inside.
struct Atomic<W> {
    word: W,
    object: Object,
    /// It has had a `SeqCst` access. `std`'s own: written and read where no other thread of the model can come between.
    sequenced: PlainBool,
}

/// The ordering of a load without `SeqCst`, and whether it was that.
fn of_load(ordering: Ordering, mode: Mode) -> (Ordering, bool) {
    let ordering = mode.ordering_of_fetch(ordering);
    match ordering {
        Relaxed | Acquire if mode.strong => (Acquire, true),
        Relaxed | Acquire => (ordering, false),
        SeqCst => (Acquire, true),
        _ => panic!("there is no such thing as a load with {ordering:?}"),
    }
}

fn of_store(ordering: Ordering, mode: Mode) -> (Ordering, bool) {
    let ordering = mode.ordering(ordering);
    match ordering {
        Relaxed | Release if mode.strong => (Release, true),
        Relaxed | Release => (ordering, false),
        SeqCst => (Release, true),
        _ => panic!("there is no such thing as a store with {ordering:?}"),
    }
}

fn of_change(ordering: Ordering, mode: Mode) -> (Ordering, bool) {
    let ordering = mode.ordering(ordering);
    match ordering {
        SeqCst => (AcqRel, true),
        _ if mode.strong => (AcqRel, true),
        _ => (ordering, false),
    }
}

/// An access with what comes before and after it where it is `SeqCst` and has a fence. That orders the thread's weaker accesses
/// too, which it should not: before it, or after it.
fn sequential<R>(sequential: impl Fn(&R) -> bool, before: bool, mode: Mode, access: impl FnOnce() -> R) -> R {
    let weak = mode.pass == Pass::WeakMemory;
    if before && weak && mode.sequence == Sequence::FenceBefore {
        raw::fence(SeqCst);
    }
    let result = access();
    if weak && mode.sequence == Sequence::FenceAfter && sequential(&result) {
        raw::fence(SeqCst);
    }
    result
}

impl<W: Word> Atomic<W> {
    fn new(kind: &'static str, word: W, location: &'static Location<'static>) -> Self {
        Self { word, object: engine::new_object(kind, location), sequenced: PlainBool::new(false) }
    }

    /// The read half of a load, and of whatever else only looks.
    fn look(&self, ordering: Ordering, mode: Mode) -> W::Value {
        let (ordering, sequenced) = of_load(ordering, mode);
        let in_order = sequenced && mode.sequence == Sequence::Execution && self.sequenced.load(Relaxed);
        let read = || match mode.pass {
            Pass::Interleavings | Pass::Spurious => self.word.probe(ordering),
            // Not older than what the `SeqCst` access before this one stored or read. That it is the very newest leaves
            // something out only where a weaker store has followed.
            Pass::WeakMemory if in_order => self.word.probe(ordering),
            Pass::WeakMemory => self.word.load(ordering),
        };
        let value = sequential(|_| sequenced, sequenced, mode, read);
        self.sequence(sequenced);
        value
    }

    /// Notes an access that has been made.
    fn sequence(&self, sequenced: bool) {
        if sequenced {
            self.sequenced.store(true, Relaxed);
        }
    }

    fn load(&self, ordering: Ordering, location: &'static Location<'static>) -> W::Value {
        let call = Call::new(self.object, "load", location).ordering(ordering);
        let act = |mode: Mode| {
            // What it is made to be, not what it was written as: a search for a repair needs both ways of `SeqCst`, too.
            engine::note_load(mode.ordering_of_fetch(ordering) == SeqCst);
            self.look(ordering, mode)
        };
        engine::perform(call, act, |value| Outcome::Gave((*value).into()))
    }

    fn store(&self, value: W::Value, ordering: Ordering, location: &'static Location<'static>) {
        let call = Call::new(self.object, "store", location).argument(value).ordering(ordering);
        let act = |mode| {
            let (ordering, sequenced) = of_store(ordering, mode);
            self.word.probe(Relaxed);
            sequential(|()| sequenced, sequenced, mode, || engine::whole(|| self.word.store(value, ordering)));
            self.sequence(sequenced);
        };
        engine::perform(call, act, |()| Outcome::Done);
    }

    /// A read-modify-write of loom's, which always reads the newest value.
    fn change(
        &self,
        operation: &'static str,
        value: W::Value,
        ordering: Ordering,
        location: &'static Location<'static>,
        act: impl FnOnce(&W, W::Value, Ordering) -> W::Value,
    ) -> W::Value {
        let call = Call::new(self.object, operation, location).argument(value).ordering(ordering);
        let act = |mode| {
            let (ordering, sequenced) = of_change(ordering, mode);
            let old = sequential(|_| sequenced, sequenced, mode, || act(&self.word, value, ordering));
            self.sequence(sequenced);
            old
        };
        engine::perform(call, act, |old| Outcome::Gave((*old).into()))
    }

    fn swap(&self, value: W::Value, ordering: Ordering, location: &'static Location<'static>) -> W::Value {
        self.change("swap", value, ordering, location, W::swap)
    }

    fn exchange(
        &self,
        operation: &'static str,
        (old, new): (W::Value, W::Value),
        (success, failure): (Ordering, Ordering),
        location: &'static Location<'static>,
    ) -> Result<W::Value, W::Value> {
        let weak = operation == "compare_exchange_weak" && engine::spurious(location);
        let call = Call {
            object: self.object,
            operation,
            arguments: [old.into(), new.into()],
            orderings: [Some(success), Some(failure)],
            location,
        };
        let act = |mode| {
            let (failed, fails_in_order) = of_load(failure, mode);
            if weak {
                return sequential(|_| fails_in_order, fails_in_order, mode, || Err(self.word.probe(failed)));
            }
            let (succeeded, sequenced) = of_change(success, mode);
            let in_order = |result: &Result<_, _>| if result.is_ok() { sequenced } else { fails_in_order };
            let exchange = || self.word.exchange(old, new, succeeded, failed);
            let result = sequential(in_order, fails_in_order || sequenced, mode, exchange);
            self.sequence(in_order(&result));
            result
        };
        engine::perform(call, act, |result| match result {
            Ok(value) => Outcome::Succeeded((*value).into()),
            Err(value) => Outcome::Failed((*value).into()),
        })
    }

    fn update(
        &self,
        (set, fetch): (Ordering, Ordering),
        mut update: impl FnMut(W::Value) -> Option<W::Value>,
        location: &'static Location<'static>,
    ) -> Result<W::Value, W::Value> {
        let mut old = self.load(fetch, location);
        while let Some(new) = update(old) {
            match self.exchange("compare_exchange", (old, new), (set, fetch), location) {
                Ok(value) => return Ok(value),
                Err(value) => old = value,
            }
        }
        Err(old)
    }

    fn get_mut(&mut self, location: &'static Location<'static>) -> Mutable<'_, W::Value> {
        let call = Call::new(self.object, "get_mut", location);
        let word = &mut self.word;
        let value = engine::perform(call, |_| word.lend(|value| *value), |value| Outcome::Gave((*value).into()));
        Mutable { value, write: Box::new(move |new| engine::quietly(|| word.lend(|value| *value = new))) }
    }

    fn into_inner(mut self, location: &'static Location<'static>) -> W::Value {
        let call = Call::new(self.object, "into_inner", location);
        let word = &mut self.word;
        engine::perform(call, |_| word.lend(|value| *value), |value| Outcome::Gave((*value).into()))
    }
}

/// What `get_mut` of an atomic lends: stands for `&mut T`, and writes back when it is dropped.
pub struct Mutable<'a, T: Copy> {
    value: T,
    write: Box<dyn FnMut(T) + 'a>,
}

impl<T: Copy> Deref for Mutable<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Copy> DerefMut for Mutable<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Copy> Drop for Mutable<'_, T> {
    fn drop(&mut self) {
        (self.write)(self.value);
    }
}

impl<T: Copy + fmt::Debug> fmt::Debug for Mutable<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(out)
    }
}

/// Orders memory without an access.
///
/// # Panics
/// With `Relaxed`, as `std`'s does.
#[track_caller]
pub fn fence(ordering: Ordering) {
    assert!(ordering != Relaxed, "there is no such thing as a relaxed fence");
    let call = Call::new(Object::NONE, "fence", Location::caller()).ordering(ordering);
    let act = |mode: Mode| {
        let ordering = mode.ordering(ordering);
        let sequenced = ordering == SeqCst || mode.strong;
        if !sequenced {
            raw::fence(ordering);
        } else if mode.pass == Pass::WeakMemory {
            engine::demand_fenced();
            raw::fence(SeqCst);
        } else {
            raw::fence(AcqRel);
        }
    };
    engine::perform(call, act, |()| Outcome::Done);
}

/// What all atomic types have.
macro_rules! common {
    ([$($generics:tt)*] $name:ident, $type:ty, $value:ty, $wrap:expr) => {
        impl$($generics)* $type {
            #[doc = concat!("As `std`'s `", stringify!($name), "::new`, but not `const`.")]
            #[track_caller]
            pub fn new(value: $value) -> Self {
                let location = Location::caller();
                Self(engine::quietly(|| Atomic::new(stringify!($name), ($wrap)(value), location)))
            }

            /// The value.
            #[track_caller]
            pub fn load(&self, ordering: Ordering) -> $value {
                self.0.load(ordering, Location::caller())
            }

            /// Sets the value.
            #[track_caller]
            pub fn store(&self, value: $value, ordering: Ordering) {
                self.0.store(value, ordering, Location::caller());
            }

            /// Sets the value and returns the one before.
            #[track_caller]
            pub fn swap(&self, value: $value, ordering: Ordering) -> $value {
                self.0.swap(value, ordering, Location::caller())
            }

            /// Sets the value to `new` if it is `old`.
            ///
            /// # Errors
            /// The value, if it is not `old`.
            #[track_caller]
            pub fn compare_exchange(&self, old: $value, new: $value, success: Ordering, failure: Ordering) -> Result<$value, $value> {
                self.0.exchange("compare_exchange", (old, new), (success, failure), Location::caller())
            }

            /// Sets the value to `new` if it is `old`, or not at all: it may fail for no reason.
            ///
            /// # Errors
            /// The value.
            #[track_caller]
            pub fn compare_exchange_weak(&self, old: $value, new: $value, success: Ordering, failure: Ordering) -> Result<$value, $value> {
                self.0.exchange("compare_exchange_weak", (old, new), (success, failure), Location::caller())
            }

            /// Sets the value to what `update` makes of it, until no other thread comes between.
            ///
            /// # Errors
            /// The value, if `update` makes nothing of it.
            #[track_caller]
            pub fn fetch_update(&self, set: Ordering, fetch: Ordering, update: impl FnMut($value) -> Option<$value>) -> Result<$value, $value> {
                self.0.update((set, fetch), update, Location::caller())
            }

            /// The value, without an atomic access: `&mut self` proves that nobody else looks.
            #[track_caller]
            pub fn get_mut(&mut self) -> Mutable<'_, $value> {
                self.0.get_mut(Location::caller())
            }

            /// Takes the value out.
            #[track_caller]
            pub fn into_inner(self) -> $value {
                self.0.into_inner(Location::caller())
            }
        }

        impl$($generics)* From<$value> for $type {
            #[track_caller]
            fn from(value: $value) -> Self {
                Self::new(value)
            }
        }

        impl$($generics)* fmt::Debug for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Looking at the value would be a step of the model.
                out.write_str(stringify!($name))
            }
        }
    };
}

macro_rules! integer {
    ($($name:ident($integer:ty) = $sentinel:literal,)*) => {$(
        word!([] raw::$name, $integer, $sentinel as $integer);

        #[doc = concat!("`std::sync::atomic::", stringify!($name), "` in a model.")]
        pub struct $name(Atomic<raw::$name>);

        common!([] $name, $name, $integer, raw::$name::new);
        integer!(@changes $name, $integer: fetch_add "Adds" fetch_sub "Subtracts" fetch_and "Ands" fetch_nand "Nands" fetch_or "Ors"
            fetch_xor "Xors" fetch_max "Takes the maximum with" fetch_min "Takes the minimum with");

        impl Default for $name {
            #[track_caller]
            fn default() -> Self {
                Self::new(0)
            }
        }
    )*};
    (@changes $name:ident, $integer:ty: $($operation:ident $verb:literal)*) => {
        impl $name {$(
            #[doc = concat!($verb, " `value`; returns the value before.")]
            #[track_caller]
            pub fn $operation(&self, value: $integer, ordering: Ordering) -> $integer {
                self.0.change(stringify!($operation), value, ordering, Location::caller(), |word, value, ordering| word.$operation(value, ordering))
            }
        )*}
    };
}

integer! {
    AtomicU8(u8) = 0xa5,
    AtomicU16(u16) = 0xa55a,
    AtomicU32(u32) = 0xa55a_c33c,
    AtomicU64(u64) = 0xa55a_c33c_9669_7e81,
    AtomicUsize(usize) = 0xa55a_c33c_9669_7e81_u64,
    AtomicI8(i8) = 0xa5_u8,
    AtomicI16(i16) = 0xa55a_u16,
    AtomicI32(i32) = 0xa55a_c33c_u32,
    AtomicI64(i64) = 0xa55a_c33c_9669_7e81_u64,
    AtomicIsize(isize) = 0xa55a_c33c_9669_7e81_u64,
}

/// `std::sync::atomic::AtomicBool` in a model.
pub struct AtomicBool(Atomic<Flag>);

common!([] AtomicBool, AtomicBool, bool, |value: bool| Flag(raw::AtomicU8::new(value.into())));

impl AtomicBool {
    /// Ands `value`; returns the value before.
    #[track_caller]
    pub fn fetch_and(&self, value: bool, ordering: Ordering) -> bool {
        self.0.change("fetch_and", value, ordering, Location::caller(), |word, value, ordering| {
            word.0.fetch_and(value.into(), ordering) != 0
        })
    }

    /// Ors `value`; returns the value before.
    #[track_caller]
    pub fn fetch_or(&self, value: bool, ordering: Ordering) -> bool {
        self.0.change("fetch_or", value, ordering, Location::caller(), |word, value, ordering| {
            word.0.fetch_or(value.into(), ordering) != 0
        })
    }

    /// Xors `value`; returns the value before.
    #[track_caller]
    pub fn fetch_xor(&self, value: bool, ordering: Ordering) -> bool {
        self.0.change("fetch_xor", value, ordering, Location::caller(), |word, value, ordering| {
            word.0.fetch_xor(value.into(), ordering) != 0
        })
    }

    /// Nands `value`; returns the value before.
    #[track_caller]
    pub fn fetch_nand(&self, value: bool, ordering: Ordering) -> bool {
        self.0.change("fetch_nand", value, ordering, Location::caller(), |word, value, ordering| {
            if value { word.0.fetch_xor(1, ordering) != 0 } else { word.0.swap(1, ordering) != 0 }
        })
    }

    /// Negates; returns the value before.
    #[track_caller]
    pub fn fetch_not(&self, ordering: Ordering) -> bool {
        self.fetch_xor(true, ordering)
    }
}

impl Default for AtomicBool {
    #[track_caller]
    fn default() -> Self {
        Self::new(false)
    }
}

word!([<T>] raw::AtomicPtr<T>, *mut T, std::ptr::without_provenance_mut(0x5aa5_c33c_9669_7e81));

/// `std::sync::atomic::AtomicPtr` in a model.
pub struct AtomicPtr<T>(Atomic<raw::AtomicPtr<T>>);

common!([<T>] AtomicPtr, AtomicPtr<T>, *mut T, raw::AtomicPtr::new);

impl<T> Default for AtomicPtr<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(std::ptr::null_mut())
    }
}
