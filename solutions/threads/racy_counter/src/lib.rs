//! A small bank: a counter of its customers, their accounts, and the statement of the day, each shared by all threads.

use lab::{
    cell::UnsafeCell,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

/// A number that every thread may add to.
#[derive(Debug)]
pub struct Counter {
    count: AtomicU64,
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

impl Counter {
    /// Zero.
    pub fn new() -> Self {
        Self { count: AtomicU64::new(0) }
    }

    /// Adds `amount`, and returns the count that this made: two threads that add 1 at the same time get different numbers.
    ///
    /// # Panics
    /// If the count grows beyond `2^64 - 1`, in a build that checks for it.
    pub fn add(&self, amount: u64) -> u64 {
        // One step: nobody else's addition comes between the old number and the new one, which is made of what this very step
        // has found. Relaxed is enough, for nothing but the number itself is handed from thread to thread.
        self.count.fetch_add(amount, Relaxed) + amount
    }

    /// The sum of all that was added.
    pub fn value(&self) -> u64 {
        self.count.load(Relaxed)
    }
}

/// Accounts, numbered from 0. None is ever overdrawn, and no money is made or lost.
#[derive(Debug)]
pub struct Bank {
    /// What is in each account. Who needs several takes them in the order of their numbers, and so never waits for somebody
    /// who waits for it.
    accounts: Vec<Mutex<i64>>,
}

impl Bank {
    /// A bank whose accounts hold `balances`.
    pub fn new(balances: &[i64]) -> Self {
        Self { accounts: balances.iter().map(|balance| Mutex::new(*balance)).collect() }
    }

    /// Moves `amount` between two accounts, and says whether it did: if `from` holds less, nothing changes.
    ///
    /// # Panics
    /// If there is no such account.
    pub fn transfer(&self, from: usize, to: usize, amount: u32) -> bool {
        let amount = i64::from(amount);
        if from == to {
            // The second lock would wait for the first for ever.
            return *self.account(from) >= amount;
        }
        // Both, before anything is looked at: what was checked is still true when it is acted upon, and nobody sees money that
        // has left the one and not reached the other.
        let first = self.account(from.min(to));
        let second = self.account(from.max(to));
        let (mut payer, mut payee) = if from < to { (first, second) } else { (second, first) };
        if *payer < amount {
            return false;
        }
        *payer -= amount;
        *payee += amount;
        true
    }

    /// What is in one account.
    ///
    /// # Panics
    /// If there is no such account.
    pub fn balance(&self, account: usize) -> i64 {
        *self.account(account)
    }

    /// What is in all accounts together, at one moment: a transfer has happened wholly or not at all.
    pub fn total(&self) -> i64 {
        // All guards live until the sum is made. In the same order as `transfer` takes its two.
        let accounts: Vec<_> = (0..self.accounts.len()).map(|account| self.account(account)).collect();
        accounts.iter().map(|balance| **balance).sum()
    }

    /// The right to one account. A model tells the line that asks for it, and not this one.
    #[track_caller]
    fn account(&self, account: usize) -> MutexGuard<'_, i64> {
        self.accounts[account].lock().expect("nobody panics while it holds an account")
    }
}

/// A statement that is not yet published: its one writer, and a reader that other threads may share.
pub fn statement() -> (Draft, Statement) {
    let page = Arc::new(Page { total: UnsafeCell::new(0), published: AtomicBool::new(false) });
    (Draft { page: page.clone() }, Statement { page })
}

/// What both hold of a statement.
#[derive(Debug)]
struct Page {
    /// Written once, before `published` turns true; read only after.
    total: UnsafeCell<i64>,
    published: AtomicBool,
}

// SAFETY: there is one `Draft`, and it writes `total` once, before it publishes. A `Statement` reads only what it has seen
// published, and the Release and the Acquire of `published` put that write before that read.
unsafe impl Sync for Page {}

/// The right to publish a statement, once.
#[derive(Debug)]
pub struct Draft {
    page: Arc<Page>,
}

impl Draft {
    /// Lets everybody read `total`.
    pub fn publish(self, total: i64) {
        // SAFETY: `published` is false, so no `Statement` reads; this is the only `Draft`.
        self.page.total.with_mut(|page| unsafe { *page = total });
        // Release matches the Acquire of `Statement::read`: whoever sees the flag sees the total, too.
        self.page.published.store(true, Release);
    }
}

/// A statement, as its readers see it.
#[derive(Debug)]
pub struct Statement {
    page: Arc<Page>,
}

impl Statement {
    /// The total, if it is published.
    pub fn read(&self) -> Option<i64> {
        // Acquire matches the Release of `Draft::publish`.
        if !self.page.published.load(Acquire) {
            return None;
        }
        // SAFETY: it is published, so nobody writes any more, and the write is ordered before this.
        Some(self.page.total.with(|total| unsafe { *total }))
    }
}
