//! The site's own record of a crawl.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// One request, as the site saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Path and query, as asked for: `/list.html?page=2`.
    pub address: String,
    /// What was answered.
    pub status: u16,
    /// When the request had arrived, since the start or the last reset.
    pub start: Duration,
    /// When the last byte was handed over, or the connection was closed. `None`: not yet.
    ///
    /// A client sends before `start` and has the whole body after `end`: what overlaps here has overlapped there.
    pub end: Option<Duration>,
    /// Whether the whole answer was handed over.
    pub complete: bool,
}

/// What was asked for, in the order of arrival.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Every request to the site.
    pub requests: Vec<Request>,
    /// What was asked of another origin than the site's: of the neighbour, or of the site by another name.
    pub strayed: Vec<String>,
}

impl Record {
    /// How many times each address was asked for.
    pub fn hits(&self) -> BTreeMap<String, u32> {
        let mut hits = BTreeMap::new();
        for request in &self.requests {
            *hits.entry(request.address.clone()).or_insert(0) += 1;
        }
        hits
    }

    /// The requests to one address, in order.
    pub fn of<'a>(&'a self, address: &'a str) -> impl Iterator<Item = &'a Request> {
        self.requests.iter().filter(move |request| request.address == address)
    }

    /// The most requests that were being answered at the same time.
    pub fn max_in_flight(&self) -> usize {
        let starts = self.requests.iter().map(|request| (request.start, 1));
        let ends = self.requests.iter().filter_map(|request| Some((request.end?, -1)));
        let mut events: Vec<(Duration, isize)> = starts.chain(ends).collect();
        // At equal times ends come first: what touches does not overlap.
        events.sort_unstable();
        let (mut now, mut most) = (0_isize, 0_isize);
        for (_, change) in events {
            now += change;
            most = most.max(now);
        }
        most.unsigned_abs()
    }
}

/// Where the server writes its record down.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Book>);

#[derive(Debug)]
struct Book {
    /// Counts the resets: an answer that one of them has overtaken is not written down.
    volume: u64,
    zero: Instant,
    record: Record,
    /// How many times each busy address has been asked for.
    asked: HashMap<String, u32>,
}

impl Default for Book {
    fn default() -> Self {
        Self { volume: 0, zero: Instant::now(), record: Record::default(), asked: HashMap::new() }
    }
}

impl Ledger {
    pub(super) fn record(&self) -> Record {
        self.book().record.clone()
    }

    pub(super) fn reset(&self) {
        let mut book = self.book();
        *book = Book { volume: book.volume + 1, ..Book::default() };
    }

    pub(super) fn stray(&self, url: String) {
        self.book().record.strayed.push(url);
    }

    /// Writes down that a request has arrived. Returns its ticket and how many came before it to the same address.
    pub(super) fn arrive(self: &Arc<Self>, address: &str) -> (Ticket, u32) {
        let mut book = self.book();
        let start = book.zero.elapsed();
        let asked = book.asked.entry(address.to_owned()).or_insert(0);
        let before = *asked;
        *asked += 1;
        book.record.requests.push(Request { address: address.to_owned(), status: 0, start, end: None, complete: false });
        let ticket = Ticket { ledger: Arc::clone(self), volume: book.volume, number: book.record.requests.len() - 1 };
        (ticket, before)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered. Dropped before its end, it was broken off.
#[derive(Debug)]
pub(super) struct Ticket {
    ledger: Arc<Ledger>,
    volume: u64,
    number: usize,
}

impl Ticket {
    pub(super) fn status(&self, status: u16) {
        self.write(|request, _| request.status = status);
    }

    /// The last byte is being handed over.
    pub(super) fn complete(&self) {
        self.write(|request, now| {
            request.complete = true;
            request.end.get_or_insert(now);
        });
    }

    fn write(&self, entry: impl FnOnce(&mut Request, Duration)) {
        let mut book = self.ledger.book();
        if book.volume == self.volume {
            let now = book.zero.elapsed();
            entry(&mut book.record.requests[self.number], now);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.write(|request, now| {
            request.end.get_or_insert(now);
        });
    }
}
