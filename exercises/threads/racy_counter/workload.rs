//! The bank as a measurable program: customers who come in, are counted, and move money between two accounts.

use std::{
    fs, io,
    path::Path,
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

use lab::{
    thread,
    workload::{Axis, Peer, Setup, Spec, Workload, digest_of, main as serve},
};
use racy_counter::{Bank, Counter, statement};

/// How many accounts there are: so many that two customers seldom want the same.
const ACCOUNTS: usize = 64;

/// What is in each account at first: so much that no transfer is refused, and the end is the same in whatever order they come.
const BALANCE: i64 = 1 << 40;

/// How many rounds of [`scramble`] a customer takes, outside of every lock: many times as long as a transfer.
const ROUNDS: u64 = 64;

/// What is left at the end of the day.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Day {
    customers: u64,
    balances: Vec<i64>,
    stated: Option<i64>,
}

/// What a customer wants.
#[derive(Debug, Clone, Copy)]
struct Order {
    from: usize,
    to: usize,
    amount: u32,
}

/// Numbers without a pattern, one from another.
fn scramble(value: u64) -> u64 {
    let value = (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    value ^ (value >> 27)
}

/// What customer `number` wants, and the time that it takes to find out.
fn order(seed: u64, number: u64) -> Order {
    let found = (0..ROUNDS).fold(seed.wrapping_add(number), |value, round| scramble(value) ^ round);
    let accounts = ACCOUNTS as u64;
    let from = found % accounts;
    // Another account than the first.
    let to = (from + 1 + (found >> 16) % (accounts - 1)) % accounts;
    Order { from: from as usize, to: to as usize, amount: 1 + (found >> 32) as u32 % 9 }
}

/// So many customers, served by so many threads.
struct Customers {
    setup: Setup,
}

impl Customers {
    /// Hands every order to `serve`, the customers spread over the threads.
    fn spread(&self, serve: impl Fn(Order) + Sync) {
        let Setup { size, seed, threads, .. } = self.setup;
        let threads = threads.max(1) as u64;
        thread::scope(|scope| {
            for index in 0..threads {
                let serve = &serve;
                // The first `size % threads` serve one more.
                let mine = size / threads + u64::from(index < size % threads);
                let first = index * (size / threads) + index.min(size % threads);
                scope.spawn(move || {
                    let _span = lab::span!("customers", served = mine);
                    (first..first + mine).for_each(|number| serve(order(seed, number)));
                });
            }
        });
    }
}

impl Workload for Customers {
    type Input = ();
    type Output = Day;

    fn spec() -> Spec {
        Spec {
            name: "racy_counter".into(),
            size_unit: "customers".into(),
            cost_unit: None,
            axis: Axis::Threads,
            quick: 300_000,
            full: 2_000_000,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        Self { setup: *setup }
    }

    fn input(&self) {}

    /// One clerk and no locks: what the locks cost is the rest.
    fn baseline(&self, (): ()) -> Day {
        let mut books = Books::open();
        for number in 0..self.setup.size {
            books.serve(order(self.setup.seed, number));
        }
        books.close()
    }

    fn submission(&self, (): ()) -> Day {
        let counter = Counter::new();
        let bank = Bank::new(&[BALANCE; ACCOUNTS]);
        self.spread(|order| {
            counter.add(1);
            bank.transfer(order.from, order.to, order.amount);
        });
        let (draft, statement) = statement();
        draft.publish(bank.total());
        let balances = (0..ACCOUNTS).map(|account| bank.balance(account)).collect();
        Day { customers: counter.value(), balances, stated: statement.read() }
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![("one lock", one_lock)]
    }

    fn digest(&self, output: &Day) -> u64 {
        digest_of(output)
    }

    /// Numbers with white space between: how many customers were counted, the total that was stated, and what is in each of the
    /// accounts.
    ///
    /// There is no input beside the setup: [`order`] says what customer `i` of `size` wants, and the customers are spread over
    /// the threads.
    fn import(&self, file: &Path, _threads: usize) -> io::Result<Day> {
        let text = fs::read_to_string(file)?;
        let numbers: Option<Vec<i64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some([customers, stated, balances @ ..]) if balances.len() == ACCOUNTS => {
                Ok(Day { customers: customers.cast_unsigned(), balances: balances.to_vec(), stated: Some(*stated) })
            }
            _ => Err(io::Error::other(format!("it does not hold two whole numbers and {ACCOUNTS} balances"))),
        }
    }
}

/// All that the bank knows, for one thread at a time.
struct Books {
    customers: u64,
    balances: Vec<i64>,
}

impl Books {
    fn open() -> Self {
        Self { customers: 0, balances: vec![BALANCE; ACCOUNTS] }
    }

    fn serve(&mut self, order: Order) {
        self.customers += 1;
        self.balances[order.from] -= i64::from(order.amount);
        self.balances[order.to] += i64::from(order.amount);
    }

    fn close(self) -> Day {
        Day { customers: self.customers, stated: Some(self.balances.iter().sum()), balances: self.balances }
    }
}

/// The books behind one lock of `std`.
fn one_lock(customers: &Customers, (): ()) -> Day {
    let books = Mutex::new(Books::open());
    customers.spread(|order| books.lock().unwrap_or_else(PoisonError::into_inner).serve(order));
    books.into_inner().unwrap_or_else(PoisonError::into_inner).close()
}

fn main() -> ExitCode {
    serve::<Customers>()
}
