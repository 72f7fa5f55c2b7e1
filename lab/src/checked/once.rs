//! What is done once, by whoever comes first: `Once`, and the values that are made by it.

use std::{
    cell::{Cell, OnceCell, UnsafeCell},
    fmt,
    ops::Deref,
    panic::{Location, RefUnwindSafe, UnwindSafe},
    sync::{Mutex, PoisonError},
};

use super::block::{Handover, Turnstile, Waiters};
use crate::model::engine::{self, Call, Object, Outcome, Value};

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// A thread is at it; the others wait.
    Running,
    /// The thread that was at it has panicked.
    Poisoned,
    Done,
}

/// What every type here is inside.
struct Raw {
    object: Object,
    turnstile: Turnstile,
    /// `std`'s own: looked at only behind the turnstile.
    state: Mutex<State>,
    /// What the one who did it has done, for whoever finds it done, and for nobody else.
    done: Handover,
    waiters: Waiters,
}

/// What a thread finds that wants it done.
enum Found {
    Done,
    /// It is for this thread to do it; perhaps after one who has panicked.
    Mine {
        poisoned: bool,
    },
    /// Nobody may do it any more.
    Poisoned,
}

/// Ends the turn of the thread that does it: well, or with a panic that drops this.
struct Turn<'a> {
    raw: &'a Raw,
    /// What is left: at first, what an attempt leaves that panics.
    leaves: State,
    location: &'static Location<'static>,
}

impl Raw {
    fn new(kind: &'static str, location: &'static Location<'static>) -> Self {
        engine::quietly(|| Self {
            object: engine::new_object(kind, location),
            turnstile: Turnstile::new(),
            state: Mutex::new(State::New),
            done: Handover::new(),
            waiters: Waiters::default(),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if it is done; then this thread knows of it.
    fn look(&self) -> bool {
        self.turnstile.pass();
        let done = *self.state() == State::Done;
        if done {
            self.done.take();
        }
        done
    }

    fn find(&self, force: bool) -> Found {
        while !self.look() {
            let state = *self.state();
            match state {
                State::Running => self.waiters.wait(),
                State::Poisoned if !force => return Found::Poisoned,
                State::New | State::Poisoned | State::Done => {
                    *self.state() = State::Running;
                    // What an attempt has left that panicked.
                    self.done.take();
                    return Found::Mine { poisoned: state == State::Poisoned };
                }
            }
        }
        Found::Done
    }

    /// Does it, if nobody has; waits, if somebody is at it. An attempt that panics leaves it `spoilt`. False if it is poisoned,
    /// and not to be forced.
    fn call(&self, call: Call, force: bool, spoilt: State, act: impl FnOnce(bool)) -> bool {
        let told = |found: &Found| {
            Outcome::Gave(Value::Text(match found {
                Found::Done => "done before",
                Found::Mine { .. } => "begins",
                Found::Poisoned => "poisoned",
            }))
        };
        match engine::perform(call, |_| self.find(force), told) {
            Found::Done => true,
            Found::Poisoned => false,
            Found::Mine { poisoned } => {
                let mut turn = Turn { raw: self, leaves: spoilt, location: call.location };
                act(poisoned);
                turn.leaves = State::Done;
                true
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let act = |_| {
            self.raw.turnstile.pass();
            self.raw.done.give();
            *self.raw.state() = self.leaves;
            self.raw.waiters.wake_all();
        };
        let told = |(): &()| {
            Outcome::Gave(Value::Text(match self.leaves {
                State::Done => "done",
                State::Poisoned => "poisoned",
                State::New | State::Running => "not done",
            }))
        };
        engine::perform(Call::new(self.raw.object, "end", self.location), act, told);
    }
}

/// `std::sync::Once` in a model.
pub struct Once(Raw);

/// What [`Once::call_once_force`] tells its closure.
pub struct OnceState {
    poisoned: bool,
}

impl Once {
    /// Not done. Not `const`.
    #[track_caller]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "as `std`'s")]
    pub fn new() -> Self {
        Self(Raw::new("Once", Location::caller()))
    }

    /// Does it, if nobody has; waits, if somebody is at it. What was done is known after that.
    ///
    /// # Panics
    /// If it is poisoned: a call has panicked.
    #[track_caller]
    pub fn call_once(&self, act: impl FnOnce()) {
        let call = Call::new(self.0.object, "call_once", Location::caller());
        let done = self.0.call(call, false, State::Poisoned, |_| act());
        assert!(done, "Once instance has previously been poisoned");
    }

    /// Does it, if nobody has, even if it is poisoned.
    #[track_caller]
    pub fn call_once_force(&self, act: impl FnOnce(&OnceState)) {
        let call = Call::new(self.0.object, "call_once_force", Location::caller());
        self.0.call(call, true, State::Poisoned, |poisoned| act(&OnceState { poisoned }));
    }

    /// True if it is done; what was done is then known, as `std`'s code has it though not its documentation.
    #[track_caller]
    pub fn is_completed(&self) -> bool {
        let call = Call::new(self.0.object, "is_completed", Location::caller());
        engine::perform(call, |_| self.0.look(), |done| Outcome::Gave((*done).into()))
    }
}

impl OnceState {
    /// True if a call has panicked.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

/// `std::sync::OnceLock` in a model.
pub struct OnceLock<T> {
    raw: Raw,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value is written by one thread, before `State::Done`, and only read after that.
unsafe impl<T: Sync + Send> Sync for OnceLock<T> {}
// A value that a panic has left half made was never put there.
impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}
impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// Nothing in it. Not `const`.
    #[track_caller]
    #[must_use]
    pub fn new() -> Self {
        Self { raw: Raw::new("OnceLock", Location::caller()), value: UnsafeCell::new(None) }
    }

    /// The value, if it is there. Never waits.
    #[track_caller]
    pub fn get(&self) -> Option<&T> {
        let told = |done: &bool| Outcome::Gave(Value::Text(if *done { "Some" } else { "None" }));
        let done = engine::perform(Call::new(self.raw.object, "get", Location::caller()), |_| self.raw.look(), told);
        if done { self.value() } else { None }
    }

    /// The value, if it is there: `&mut self` proves that nobody else looks.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    /// Puts the value there; waits, if somebody is at it.
    ///
    /// # Errors
    /// `value`, if one is there already.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.fill("set", Location::caller(), || value.take());
        value.map_or(Ok(()), Err)
    }

    /// The value, made by `make` if it is not there; waits, if somebody is at it. If `make` panics, another may try.
    #[track_caller]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        self.fill("get_or_init", Location::caller(), || Some(make()));
        match self.value() {
            Some(value) => value,
            None => unreachable!("it is done"),
        }
    }

    /// Takes the value out.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out, and leaves room for another.
    pub fn take(&mut self) -> Option<T> {
        *self.raw.state() = State::New;
        self.value.get_mut().take()
    }

    fn fill(&self, operation: &'static str, location: &'static Location<'static>, make: impl FnOnce() -> Option<T>) {
        let call = Call::new(self.raw.object, operation, location);
        self.raw.call(call, true, State::New, |_| {
            let value = make();
            // SAFETY: it is this thread's turn, and nobody reads before it is done.
            unsafe { *self.value.get() = value };
        });
    }

    /// Call only when it is done.
    fn value(&self) -> Option<&T> {
        // SAFETY: nobody writes any more, unless uniquely.
        unsafe { (*self.value.get()).as_ref() }
    }
}

impl<T> Default for OnceLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// `std::sync::LazyLock` in a model. Not for a `static`: what a model uses belongs to one execution of it.
pub struct LazyLock<T, F = fn() -> T> {
    once: Raw,
    make: Cell<Option<F>>,
    value: OnceCell<T>,
}

// SAFETY: `make` and `value` are used by one thread, before `State::Done`; after that `value` is only read.
unsafe impl<T: Sync + Send, F: Send> Sync for LazyLock<T, F> {}
// A panic poisons it.
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}
impl<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// A value that `make` will make for whoever looks first. Not `const`.
    #[track_caller]
    pub fn new(make: F) -> Self {
        Self { once: Raw::new("LazyLock", Location::caller()), make: Cell::new(Some(make)), value: OnceCell::new() }
    }

    /// The value, made if nobody has looked; waits, if somebody is at it.
    ///
    /// # Panics
    /// If making it has panicked.
    #[track_caller]
    pub fn force(this: &Self) -> &T {
        let call = Call::new(this.once.object, "force", Location::caller());
        let done = this.once.call(call, false, State::Poisoned, |_| {
            if let Some(make) = this.make.take() {
                this.value.get_or_init(make);
            }
        });
        match this.value.get() {
            Some(value) if done => value,
            _ => panic!("LazyLock instance has previously been poisoned"),
        }
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

macro_rules! debug {
    ($($name:ident $(<$($generic:ident),*>)?,)*) => {$(
        impl$(<$($generic),*>)? fmt::Debug for $name$(<$($generic),*>)? {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Looking inside would be a step of the model.
                out.write_str(concat!(stringify!($name), " { .. }"))
            }
        }
    )*};
}
debug!(Once, OnceState, OnceLock<T>, LazyLock<T, F>,);
