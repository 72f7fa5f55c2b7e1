//! Threads of a model.

use std::{
    cell::RefCell,
    fmt,
    marker::PhantomData,
    panic::{AssertUnwindSafe, Location},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::Ordering::{Acquire, Release},
    },
    time::Duration,
};

use loom::sync::atomic::AtomicBool;

use super::block::Waiters;
use crate::model::engine::{self, Blocked, Call, Halt, Object, Outcome, Value};

/// In machine words. loom's own 32 KiB are soon full in a build without optimisation.
const STACK: usize = 0x4000;

thread_local! {
    /// The threads of this execution, by number.
    static THREADS: RefCell<Vec<Thread>> = const { RefCell::new(Vec::new()) };
}

/// The first thing of an execution: its main thread.
pub(crate) fn begin() {
    let main = engine::quietly(|| Thread::new(0));
    THREADS.set(vec![main]);
    super::tracked::begin();
}

/// A handle to a thread.
#[derive(Clone)]
pub struct Thread {
    number: usize,
    token: Arc<Token>,
}

struct Token {
    given: AtomicBool,
    waiters: Waiters,
}

/// Tells threads of one execution apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThreadId(usize);

impl Thread {
    fn new(number: usize) -> Self {
        Self { number, token: Arc::new(Token { given: AtomicBool::new(false), waiters: Waiters::default() }) }
    }

    /// Which thread it is.
    #[must_use]
    pub fn id(&self) -> ThreadId {
        ThreadId(self.number)
    }

    /// Threads of a model have numbers, not names.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        None
    }

    /// Gives the thread the token that its next, or present, [`park`] takes.
    #[track_caller]
    pub fn unpark(&self) {
        let call = Call::new(Object::NONE, "unpark", Location::caller()).argument(Value::Thread(self.number));
        let act = |_| {
            // Matches the Acquire of `park`, for all who give before it takes; they are not ordered among each other.
            self.token.given.swap(true, Release);
            self.token.waiters.wake_all();
        };
        engine::perform(call, act, |()| Outcome::Done);
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "T{}", self.number)
    }
}

/// The thread that asks.
#[must_use]
pub fn current() -> Thread {
    let number = engine::current();
    THREADS.with_borrow(|threads| threads[number].clone())
}

/// True while a panic unwinds the thread that asks, inside [`catch_unwind`](super::panic::catch_unwind).
#[must_use]
pub fn panicking() -> bool {
    engine::panicking()
}

/// Waits for the token that [`Thread::unpark`] gives.
#[track_caller]
pub fn park() {
    let thread = current();
    let act = |_| {
        // Matches the Release of `unpark`.
        while !thread.token.given.swap(false, Acquire) {
            thread.token.waiters.wait();
        }
    };
    engine::perform(Call::new(Object::NONE, "park", Location::caller()), act, |()| Outcome::Done);
}

/// Waits for the token that [`Thread::unpark`] gives, but not for ever: a model knows no time, so it gives up when no other
/// thread can run, and in the pass for spurious wake-ups at once.
#[track_caller]
pub fn park_timeout(_: Duration) {
    let location = Location::caller();
    let (thread, spurious) = (current(), engine::spurious(location));
    let act = |_| {
        // Matches the Release of `unpark`.
        while !spurious && !thread.token.given.swap(false, Acquire) {
            if !thread.token.waiters.wait_timed() {
                return false;
            }
        }
        if spurious {
            loom::thread::yield_now();
        }
        !spurious
    };
    let told = |given: &bool| Outcome::Gave(Value::Text(if *given { "unparked" } else { "timed out" }));
    engine::perform(Call::new(Object::NONE, "park_timeout", location), act, told);
}

/// Lets another thread run before this one goes on.
#[track_caller]
pub fn yield_now() {
    engine::perform(Call::new(Object::NONE, "yield", Location::caller()), |_| engine::spin(), |()| Outcome::Done);
}

/// Lets another thread run before this one goes on: a model knows no time.
#[track_caller]
pub fn sleep(_: Duration) {
    engine::perform(Call::new(Object::NONE, "sleep", Location::caller()), |_| engine::spin(), |()| Outcome::Done);
}

/// Lets another thread run before this one goes on: a loop that waits must call it, or it would be explored for ever.
#[track_caller]
pub fn spin_loop() {
    engine::perform(Call::new(Object::NONE, "spin", Location::caller()), |_| engine::spin(), |()| Outcome::Done);
}

/// What a thread has returned.
type Slot<T> = Arc<Mutex<Option<T>>>;

fn take<T>(slot: &Slot<T>) -> T {
    match slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(value) => value,
        None => unreachable!("a thread that has been joined has left its value"),
    }
}

fn start(body: Box<dyn FnOnce() + Send>, location: &'static Location<'static>) -> (Thread, loom::thread::JoinHandle<()>) {
    let number = engine::quietly(engine::new_thread);
    let thread = engine::quietly(|| Thread::new(number));
    THREADS.with_borrow_mut(|threads| threads.push(thread.clone()));
    let body = move || {
        let halt = Halt;
        engine::enter_thread(number);
        body();
        engine::leave_thread();
        std::mem::forget(halt);
    };
    let act = |_| match loom::thread::Builder::new().stack_size(STACK).spawn(body) {
        Ok(handle) => handle,
        Err(error) => panic!("cannot make a thread of the model: {error}"),
    };
    let call = Call::new(Object::NONE, "spawn", location).argument(Value::Thread(number));
    (thread, engine::perform(call, act, |_| Outcome::Done))
}

fn join(number: usize, handle: loom::thread::JoinHandle<()>, location: &'static Location<'static>) {
    let call = Call::new(Object::NONE, "join", location).argument(Value::Thread(number));
    // loom's `join` never fails: a panic in any thread has ended the model.
    let act = |_| {
        engine::block(Blocked::Join(number));
        drop(handle.join());
    };
    engine::perform(call, act, |()| Outcome::Done);
}

/// Starts a thread.
///
/// # Panics
/// The model fails if it has more than five threads, its main thread and every spawn included.
#[track_caller]
pub fn spawn<F, T>(body: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let slot = Slot::default();
    let filled = slot.clone();
    let body = Box::new(move || *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(body()));
    let (thread, handle) = start(body, Location::caller());
    JoinHandle { thread, handle, slot }
}

/// A thread that can be waited for.
pub struct JoinHandle<T> {
    thread: Thread,
    handle: loom::thread::JoinHandle<()>,
    slot: Slot<T>,
}

impl<T> JoinHandle<T> {
    /// Waits for the thread and takes what it has returned.
    ///
    /// # Errors
    /// Never: a thread that panics fails the model, unless its body catches that with `lab::panic::catch_unwind`.
    #[track_caller]
    pub fn join(self) -> std::thread::Result<T> {
        join(self.thread.number, self.handle, Location::caller());
        Ok(take(&self.slot))
    }

    /// The thread itself.
    #[must_use]
    pub fn thread(&self) -> &Thread {
        &self.thread
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "JoinHandle({:?})", self.thread)
    }
}

/// Threads that may borrow from the one that starts them.
pub struct Scope<'scope, 'env: 'scope> {
    /// Those that nobody has joined.
    running: Mutex<Vec<(usize, loom::thread::JoinHandle<()>)>>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// Runs `body`, which may start threads that borrow, and waits for all of them.
#[track_caller]
pub fn scope<'env, F, T>(body: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let location = Location::caller();
    let scope = Scope { running: Mutex::default(), scope: PhantomData, env: PhantomData };
    // What the threads borrow must not go before they do, even if `body` panics.
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| body(&scope)));
    while let Some((number, handle)) = scope.next() {
        join(number, handle, location);
    }
    // `std`'s: the model has seen this panic begin, and has not seen it end.
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a thread that may borrow what outlives the scope.
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, body: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let slot = Slot::default();
        let filled = slot.clone();
        let body: Box<dyn FnOnce() + Send + 'scope> =
            Box::new(move || *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(body()));
        // SAFETY: only the lifetime changes. `scope` joins every thread before it returns or unwinds.
        let body = unsafe { std::mem::transmute::<Box<dyn FnOnce() + Send + 'scope>, Box<dyn FnOnce() + Send + 'static>>(body) };
        let (thread, handle) = start(body, Location::caller());
        self.lock().push((thread.number, handle));
        ScopedJoinHandle { scope: self.joiner(), thread, slot }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(usize, loom::thread::JoinHandle<()>)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<(usize, loom::thread::JoinHandle<()>)> {
        let mut running = self.lock();
        (!running.is_empty()).then(|| running.remove(0))
    }

    fn joiner(&'scope self) -> Joiner<'scope> {
        Box::new(move |number| {
            let mut running = self.lock();
            running.iter().position(|(other, _)| *other == number).map(|index| running.remove(index).1)
        })
    }
}

type Joiner<'scope> = Box<dyn Fn(usize) -> Option<loom::thread::JoinHandle<()>> + Send + Sync + 'scope>;

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Scope { .. }")
    }
}

/// A thread of a [`Scope`] that can be waited for.
pub struct ScopedJoinHandle<'scope, T> {
    scope: Joiner<'scope>,
    thread: Thread,
    slot: Slot<T>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the thread and takes what it has returned.
    ///
    /// # Errors
    /// Never: a thread that panics fails the model, unless its body catches that with `lab::panic::catch_unwind`.
    #[track_caller]
    pub fn join(self) -> std::thread::Result<T> {
        if let Some(handle) = (self.scope)(self.thread.number) {
            join(self.thread.number, handle, Location::caller());
        }
        Ok(take(&self.slot))
    }

    /// The thread itself.
    #[must_use]
    pub fn thread(&self) -> &Thread {
        &self.thread
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ScopedJoinHandle({:?})", self.thread)
    }
}
