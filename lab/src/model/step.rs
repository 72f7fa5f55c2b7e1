//! What a step of an execution is made of.

use std::{fmt, panic::Location, sync::atomic::Ordering};

/// One operation of one thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) thread: usize,
    pub(crate) call: Call,
    /// `None` while it is not finished.
    pub(crate) outcome: Option<Outcome>,
}

/// What was called, with what, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) object: Object,
    pub(crate) operation: &'static str,
    pub(crate) arguments: [Value; 2],
    pub(crate) orderings: [Option<Ordering>; 2],
    pub(crate) location: &'static Location<'static>,
}

impl Call {
    /// A call without arguments.
    pub(crate) fn new(object: Object, operation: &'static str, location: &'static Location<'static>) -> Self {
        Self { object, operation, arguments: [Value::Nothing; 2], orderings: [None; 2], location }
    }

    /// With one argument.
    pub(crate) fn argument(mut self, value: impl Into<Value>) -> Self {
        self.arguments[0] = value.into();
        self
    }

    /// It only gives way to others.
    pub(crate) fn spins(&self) -> bool {
        matches!(self.operation, "spin" | "yield" | "sleep")
    }

    /// Whether a thread that waits could notice it: false only for what certainly leaves everything as it was.
    pub(crate) fn changes(&self, outcome: Outcome) -> bool {
        match (self.operation, outcome) {
            (
                "load" | "READ" | "get" | "is_completed" | "is_poisoned" | "fence" | "spin" | "yield" | "sleep" | "spawn"
                | "join" | "call" | "return",
                _,
            ) => false,
            ("compare_exchange" | "compare_exchange_weak", Outcome::Failed(_)) => false,
            ("compare_exchange" | "compare_exchange_weak", _) => self.arguments[0] != self.arguments[1],
            (operation, Outcome::Gave(old)) if operation == "swap" || operation.starts_with("fetch_") => {
                made_of(operation, old, self.arguments[0]) != Some(old)
            }
            ("try_send" | "try_recv", Outcome::Gave(Value::Text(told))) => told == "Ok",
            ("try_lock" | "try_read" | "try_write", Outcome::Gave(Value::Text(told))) => told != "WouldBlock",
            _ => true,
        }
    }

    /// With an ordering.
    pub(crate) fn ordering(mut self, ordering: Ordering) -> Self {
        self.orderings[0] = Some(ordering);
        self
    }
}

/// What a read-modify-write makes of the old value; `None` where that depends on the width of the word.
fn made_of(operation: &str, old: Value, argument: Value) -> Option<Value> {
    match (operation, old, argument) {
        ("swap", _, new) => Some(new),
        ("fetch_or", Value::Bool(old), Value::Bool(other)) => Some(Value::Bool(old | other)),
        ("fetch_and", Value::Bool(old), Value::Bool(other)) => Some(Value::Bool(old & other)),
        ("fetch_xor", Value::Bool(old), Value::Bool(other)) => Some(Value::Bool(old ^ other)),
        ("fetch_nand", Value::Bool(old), Value::Bool(other)) => Some(Value::Bool(!(old & other))),
        ("fetch_or", Value::Unsigned(old), Value::Unsigned(other)) => Some(Value::Unsigned(old | other)),
        ("fetch_and", Value::Unsigned(old), Value::Unsigned(other)) => Some(Value::Unsigned(old & other)),
        ("fetch_xor", Value::Unsigned(old), Value::Unsigned(other)) => Some(Value::Unsigned(old ^ other)),
        ("fetch_max", Value::Unsigned(old), Value::Unsigned(other)) => Some(Value::Unsigned(old.max(other))),
        ("fetch_min", Value::Unsigned(old), Value::Unsigned(other)) => Some(Value::Unsigned(old.min(other))),
        ("fetch_or", Value::Signed(old), Value::Signed(other)) => Some(Value::Signed(old | other)),
        ("fetch_and", Value::Signed(old), Value::Signed(other)) => Some(Value::Signed(old & other)),
        ("fetch_xor", Value::Signed(old), Value::Signed(other)) => Some(Value::Signed(old ^ other)),
        ("fetch_max", Value::Signed(old), Value::Signed(other)) => Some(Value::Signed(old.max(other))),
        ("fetch_min", Value::Signed(old), Value::Signed(other)) => Some(Value::Signed(old.min(other))),
        ("fetch_add" | "fetch_sub", old, Value::Unsigned(0) | Value::Signed(0)) => Some(old),
        _ => None,
    }
}

/// What an operation gave.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// Nothing worth telling.
    Done,
    /// A value.
    Gave(Value),
    /// `Ok` of a value.
    Succeeded(Value),
    /// `Err` of a value.
    Failed(Value),
}

/// An argument or a result, kept without allocating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Nothing,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Pointer(usize),
    Thread(usize),
    /// The lock that a sleep on a `Condvar` gives up, and that the waking takes again.
    Object(Object),
    Text(&'static str),
}

macro_rules! value_from {
    ($variant:ident($wide:ty): $($narrow:ty),*) => {
        $(impl From<$narrow> for Value {
            fn from(value: $narrow) -> Self {
                Self::$variant(value as $wide)
            }
        })*
    };
}
value_from!(Unsigned(u64): u8, u16, u32, u64, usize);
value_from!(Signed(i64): i8, i16, i32, i64, isize);

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<T> From<*mut T> for Value {
    fn from(value: *mut T) -> Self {
        Self::Pointer(value.addr())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Bool(value) => write!(out, "{value}"),
            Self::Unsigned(value) => write!(out, "{value}"),
            Self::Signed(value) => write!(out, "{value}"),
            Self::Pointer(0) => write!(out, "null"),
            Self::Pointer(value) => write!(out, "{value:#x}"),
            Self::Thread(value) => write!(out, "T{value}"),
            // Whoever knows the names of the objects says them.
            Self::Object(_) => write!(out, "a lock"),
            Self::Text(value) => write!(out, "{value}"),
        }
    }
}

/// Which object of the execution; also none, for what is no object's (`spawn`, a fence).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Object(u32);

impl Object {
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    pub(crate) fn index(self) -> Option<usize> {
        (self != Self::NONE).then_some(self.0 as usize)
    }
}

/// What is known of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ObjectInfo {
    /// The name of its type.
    pub(crate) kind: &'static str,
    /// The how-manieth of its type, from 1.
    pub(crate) number: usize,
    pub(crate) created: &'static Location<'static>,
    /// One bit for each thread that has used it.
    pub(crate) users: u8,
}
