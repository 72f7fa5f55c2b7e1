//! What a write leaves in an atomic.

use super::order::{Access, access, value_read};
use crate::model::step::{ObjectInfo, Outcome, Step, Value};

/// The value that the write `at` left behind; `None` where that is not known.
pub(super) fn left(steps: &[Step], objects: &[ObjectInfo], at: usize) -> Option<Value> {
    let step = &steps[at];
    // Whatever reads the newest value before the next write tells.
    let after = &steps[at + 1..];
    seen_next(after, step).or_else(|| {
        let [first, second] = step.call.arguments;
        match step.call.operation {
            "store" | "swap" => Some(first),
            "compare_exchange" | "compare_exchange_weak" => Some(second),
            operation => {
                let kind = objects.get(step.call.object.index()?)?.kind;
                computed(operation, value_read(step)?, first, kind)
            }
        }
    })
}

/// The value that was there before the first write, where something tells.
pub(super) fn initial(steps: &[Step], at: usize) -> Option<Value> {
    let read = &steps[at];
    let first =
        steps.iter().find(|step| step.call.object == read.call.object && step.outcome.is_some() && access(step).is_some())?;
    // A store reads nothing; what comes after it does not tell any more.
    value_read(first)
}

/// What is read by the next step that certainly reads the newest value of what `write` wrote.
fn seen_next(after: &[Step], write: &Step) -> Option<Value> {
    let next = after.iter().find(|step| {
        step.call.object == write.call.object && step.outcome.is_some() && !matches!(access(step), None | Some(Access::Load))
            || step.call.object == write.call.object && matches!(step.outcome, Some(Outcome::Failed(_)))
    })?;
    value_read(next)
}

/// What a `fetch_..` of this type leaves.
fn computed(operation: &str, old: Value, argument: Value, kind: &str) -> Option<Value> {
    let (old, argument) = (number(old)?, number(argument)?);
    let result = match operation {
        "fetch_add" => old + argument,
        "fetch_sub" => old - argument,
        "fetch_and" => old & argument,
        "fetch_nand" => !(old & argument),
        "fetch_or" => old | argument,
        "fetch_xor" => old ^ argument,
        "fetch_max" => old.max(argument),
        "fetch_min" => old.min(argument),
        _ => return None,
    };
    wrapped(result, kind)
}

fn number(value: Value) -> Option<i128> {
    match value {
        Value::Bool(value) => Some(i128::from(value)),
        Value::Unsigned(value) => Some(i128::from(value)),
        Value::Signed(value) => Some(i128::from(value)),
        _ => None,
    }
}

/// As many bits of a number as the type has.
fn wrapped(number: i128, kind: &str) -> Option<Value> {
    let bits = match kind {
        "AtomicBool" => 1,
        "AtomicU8" | "AtomicI8" => 8,
        "AtomicU16" | "AtomicI16" => 16,
        "AtomicU32" | "AtomicI32" => 32,
        "AtomicU64" | "AtomicI64" => 64,
        "AtomicUsize" | "AtomicIsize" => usize::BITS,
        _ => return None,
    };
    let low = number & ((1 << bits) - 1);
    if kind == "AtomicBool" {
        Some(Value::Bool(low != 0))
    } else if kind.starts_with("AtomicU") {
        u64::try_from(low).ok().map(Value::Unsigned)
    } else {
        let negative = low >> (bits - 1) == 1;
        i64::try_from(if negative { low - (1 << bits) } else { low }).ok().map(Value::Signed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Value, computed};

    #[test]
    fn numbers_wrap_at_the_width_of_their_type() {
        for (operation, old, argument, kind, left) in [
            ("fetch_add", Value::Unsigned(255), Value::Unsigned(1), "AtomicU8", Value::Unsigned(0)),
            ("fetch_sub", Value::Unsigned(0), Value::Unsigned(1), "AtomicU64", Value::Unsigned(u64::MAX)),
            ("fetch_add", Value::Signed(127), Value::Signed(1), "AtomicI8", Value::Signed(-128)),
            ("fetch_nand", Value::Unsigned(3), Value::Unsigned(1), "AtomicU8", Value::Unsigned(254)),
            ("fetch_nand", Value::Bool(true), Value::Bool(true), "AtomicBool", Value::Bool(false)),
            ("fetch_max", Value::Signed(-1), Value::Signed(-2), "AtomicI16", Value::Signed(-1)),
        ] {
            assert_eq!(computed(operation, old, argument, kind), Some(left), "{operation} of {kind}");
        }
        assert_eq!(computed("fetch_more", Value::Unsigned(0), Value::Unsigned(1), "AtomicU8"), None);
    }
}
