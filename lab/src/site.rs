//! A local web site over the Rust documentation, with injected latency and faults, that remembers who asked for what.
//!
//! The pages are those that rustup installs beside the compiler; where they are missing, pages of the same shape are made up,
//! and [`Site::corpus`] says so. The site runs on a thread of its own and binds `127.0.0.1`. Every link that leaves it is turned
//! into one to a *neighbour*: a second listener on loopback that counts whoever comes. So a crawler that wanders off is caught,
//! and no crawler, however wrong, reaches a network.
//!
//! What the site saw ([`Site::record`]) and what a right crawl finds ([`Site::expected`]) are computed here, from the bytes that
//! are served, and owe nothing to the code under test.
//!
//! What is *not* here: HTTPS, HTTP/2, compression, cookies, `robots.txt`.

use std::{
    io, net,
    ops::RangeInclusive,
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::oneshot;
use url::Url;

mod contents;
mod corpus;
mod expected;
mod oddities;
mod record;
mod server;

use contents::Contents;
pub use expected::{Expected, ExpectedPage};
use record::Ledger;
pub use record::{Record, Request};

/// What a site is made of. Two sites of equal plans over the same documentation are equal but for their ports.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Picks the pages, their latencies and which of them misbehave.
    pub seed: u64,
    /// Pages of documentation; the home page and those that the other fields ask for come on top.
    pub pages: usize,
    /// From the arrival of a request to the last byte of its answer. Half of it passes before the head is sent, the other half
    /// between the two halves of the body.
    pub latency: RangeInclusive<Duration>,
    /// This many pages hang in a chain below the home page, before the first of them that links to more than one other.
    pub chain: usize,
    /// To how many further pages a page links at the least. The documentation's own links come on top.
    pub fan_out: usize,
    /// Pages of documentation that answer 503 at first.
    pub busy: usize,
    /// How many times they do.
    pub busy_times: RangeInclusive<u32>,
    /// What they ask for in `Retry-After`; `None` sends no such header.
    pub retry_after_seconds: Option<u64>,
    /// Links to pages that always answer 500.
    pub broken: usize,
    /// Links to pages that are not there: 404.
    pub dead: usize,
    /// Links to pages whose connection breaks in the middle of the body.
    pub cut_off: usize,
    /// A page linked from the home page that takes this long.
    pub slow: Option<Duration>,
    /// Redirects: to a page that is found in no other way, to one that is, twice in a row, in a circle, and to the neighbour.
    pub redirects: bool,
    /// Unusual markup, `<base>`, query strings, files that are not HTML, other origins.
    pub oddities: bool,
    /// Makes the pages up even where there is documentation: the same site on every machine.
    pub generated: bool,
}

impl Default for Plan {
    /// 40 pages of documentation, 2 to 8 ms each, and nothing that goes wrong.
    fn default() -> Self {
        Self {
            seed: 1,
            pages: 40,
            latency: Duration::from_millis(2)..=Duration::from_millis(8),
            chain: 0,
            fan_out: 4,
            busy: 0,
            busy_times: 1..=2,
            retry_after_seconds: None,
            broken: 0,
            dead: 0,
            cut_off: 0,
            slow: None,
            redirects: false,
            oddities: false,
            generated: false,
        }
    }
}

/// Where the pages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Corpus {
    /// From the documentation beside the compiler.
    RustDocumentation {
        /// Its folder, `share/doc/rust/html` in the compiler's own.
        root: PathBuf,
    },
    /// Made up, in the shape of the real ones.
    Generated,
}

/// A running site. Stops when dropped.
#[derive(Debug)]
pub struct Site {
    start: Url,
    corpus: Corpus,
    contents: Arc<Contents>,
    ledger: Arc<Ledger>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Site {
    /// Reads or makes the pages, keeps them in memory, and begins to serve them.
    ///
    /// # Errors
    /// If no port of loopback can be had, or a page of the documentation cannot be read.
    ///
    /// # Panics
    /// If the plan's ranges are empty or `fan_out` is 0.
    pub fn start(plan: &Plan) -> io::Result<Self> {
        let site = net::TcpListener::bind((net::Ipv4Addr::LOCALHOST, 0))?;
        let neighbour = net::TcpListener::bind((net::Ipv4Addr::LOCALHOST, 0))?;
        let start = origin(&site)?;
        let (corpus, contents) = Contents::new(plan, &start, &origin(&neighbour)?)?;
        let (contents, ledger) = (Arc::new(contents), Arc::new(Ledger::default()));
        let (stop, stopped) = oneshot::channel();
        let server = {
            let (contents, ledger) = (Arc::clone(&contents), Arc::clone(&ledger));
            let serve = server::prepare(site, neighbour, contents, ledger, stopped)?;
            thread::Builder::new().name("site".into()).spawn(serve)?
        };
        Ok(Self { start, corpus, contents, ledger, stop: Some(stop), server: Some(server) })
    }

    /// The home page, `http://127.0.0.1:PORT/`: where a crawl starts.
    pub fn url(&self) -> &Url {
        &self.start
    }

    /// Where the pages come from.
    pub fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    /// What a right crawl from the home page finds if it asks a busy page again up to `retries` times.
    pub fn expected(&self, retries: u32) -> Expected {
        expected::walk(&self.contents, &self.start, retries)
    }

    /// What was asked for since the start or the last [`reset`](Self::reset).
    pub fn record(&self) -> Record {
        self.ledger.record()
    }

    /// Forgets the past: the record is empty, and busy pages are busy again.
    pub fn reset(&self) {
        self.ledger.reset();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            // A panic of the server's has been printed; one more from a drop would hide what the test had to say.
            let _ = server.join();
        }
    }
}

fn origin(listener: &net::TcpListener) -> io::Result<Url> {
    let url = format!("http://{}/", listener.local_addr()?);
    Url::parse(&url).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
