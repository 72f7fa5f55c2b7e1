//! Two threads in every order of their steps, and with every stale value that the orderings allow.

mod signatures;

use lab::{
    model::{Model, reach},
    sync::Arc,
    thread,
};
use racy_counter::{Bank, Counter, statement};

/// Two threads add 1. None of the two may be lost, and each must be told a number of its own.
#[test]
fn two_additions() {
    Model::new().must_reach(&["main first", "other first"]).check(|| {
        let counter = Arc::new(Counter::new());
        let other = thread::spawn({
            let counter = counter.clone();
            move || counter.add(1)
        });
        let mine = counter.add(1);
        let theirs = other.join().unwrap();
        assert_eq!(counter.value(), 2, "two threads have added 1 each, and one of the additions is lost");
        match (mine, theirs) {
            (1, 2) => reach("main first"),
            (2, 1) => reach("other first"),
            told => panic!(
                "two threads have added 1 each, and `add` has told them {told:?}; it must be 1 to one of them and 2 to the other"
            ),
        }
    });
}

/// There is one coin in account 0, and two threads want it.
#[test]
fn nobody_overdraws() {
    Model::new().must_reach(&["main has it", "other has it"]).check(|| {
        let bank = Arc::new(Bank::new(&[1, 0, 0]));
        let other = thread::spawn({
            let bank = bank.clone();
            move || bank.transfer(0, 2, 1)
        });
        let mine = bank.transfer(0, 1, 1);
        let theirs = other.join().unwrap();
        let left = bank.balance(0);
        assert!(left >= 0, "one coin was paid out twice: account 0 now holds {left}");
        match (mine, theirs) {
            (true, false) => reach("main has it"),
            (false, true) => reach("other has it"),
            done => panic!("of two transfers of the same coin one must be made, but they say {done:?}"),
        }
        assert_eq!(
            (bank.balance(1), bank.balance(2)),
            (i64::from(mine), i64::from(theirs)),
            "the coin is not where it was paid to"
        );
    });
}

/// Somebody counts all the money while a coin is on its way.
#[test]
fn the_audit_is_right() {
    Model::new().must_reach(&["before the transfer", "after the transfer"]).check(|| {
        let bank = Arc::new(Bank::new(&[1, 0]));
        let other = thread::spawn({
            let bank = bank.clone();
            move || bank.transfer(0, 1, 1)
        });
        let there = bank.balance(1);
        let total = bank.total();
        if there == 1 {
            reach("after the transfer");
        } else if bank.balance(1) == 0 {
            reach("before the transfer");
        }
        assert!(other.join().unwrap(), "account 0 holds the coin, and the transfer is refused all the same");
        assert_eq!(total, 1, "there is one coin in the bank, whoever has it, and the audit has counted another number of them");
    });
}

/// Two transfers, each into the account that the other one pays from.
#[test]
fn transfers_in_opposite_directions() {
    Model::new().must_reach(&["both made"]).check(|| {
        let bank = Arc::new(Bank::new(&[1, 1]));
        let other = thread::spawn({
            let bank = bank.clone();
            move || bank.transfer(1, 0, 1)
        });
        let mine = bank.transfer(0, 1, 1);
        let theirs = other.join().unwrap();
        assert!(mine && theirs, "each account holds what it is to pay, and a transfer is refused all the same");
        assert_eq!((bank.balance(0), bank.balance(1)), (1, 1), "a coin has been lost or made");
        reach("both made");
    });
}

/// A thread publishes a statement while another one looks.
#[test]
fn a_statement_is_seen_whole() {
    Model::new().must_reach(&["published", "not yet"]).check(|| {
        let (draft, statement) = statement();
        let writer = thread::spawn(move || draft.publish(42));
        match statement.read() {
            Some(total) => {
                assert_eq!(total, 42, "the statement is published, but what it says is not there");
                reach("published");
            }
            None => reach("not yet"),
        }
        writer.join().unwrap();
        assert_eq!(statement.read(), Some(42), "its writer is done, and the statement is not there");
    });
}
