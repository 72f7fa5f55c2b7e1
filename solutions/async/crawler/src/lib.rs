//! A web crawler: every page of one site, many requests in flight, never more than agreed.
//!
//! One task for each address. The loop in [`crawl`] is the only one that knows what has been seen and what was found, so
//! neither needs a lock; the tasks share a client and the slots, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    panic,
    sync::{Arc, LazyLock},
    time::Duration,
};

use lab::trace::Instrument;
use reqwest::{Client, StatusCode, header, redirect};
use scraper::{Html, Selector};
use tokio::{
    sync::Semaphore,
    task::{JoinSet, spawn_blocking},
    time::sleep,
};
use url::{Position, Url};

/// How to behave towards a site.
#[derive(Debug, Clone)]
pub struct Options {
    /// Requests in flight at the most, from sending one until its body has been read.
    pub in_flight: usize,
    /// How many times more a page is asked for that answers 503.
    pub retries: u32,
    /// The least wait before the first retry of a page. It doubles for each further one.
    pub backoff: Duration,
}

/// What a crawl has found. The keys are [`address`]es.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Every page that answered 200.
    pub pages: BTreeMap<String, Page>,
    /// Every page that did not in the end. Redirects are in neither.
    pub failed: BTreeMap<String, Failure>,
}

/// A page that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The text of its `<title>`, trimmed; empty if it has none or is not HTML.
    pub title: String,
    /// The addresses on the same site that its `<a href>`s lead to; empty if it is not HTML.
    pub links: BTreeSet<String>,
    /// The length of its body.
    pub bytes: usize,
}

/// Why a page was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The status of the last answer.
    Status(u16),
    /// No answer, or not all of it: the error as text.
    Network(String),
}

/// What came of one request.
#[derive(Debug)]
pub enum Answer {
    /// 200.
    Content {
        /// Whether its `Content-Type` is `text/html`.
        html: bool,
        /// All of it.
        body: Vec<u8>,
    },
    /// A redirect (3xx with a `Location`), and where to.
    Moved(Url),
    /// 503, and the wait that its `Retry-After` asks for, in whole seconds.
    Busy(Option<Duration>),
    /// Any other status.
    Refused(u16),
}

/// A client that leaves redirects to you and asks no proxy.
pub fn client() -> Client {
    let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(Duration::from_secs(10));
    client.build().expect("a client without TLS needs nothing that can fail")
}

/// The name of a page within its site: path and query, without the fragment. `/list.html?page=2`
pub fn address(url: &Url) -> String {
    url[Position::BeforePath..Position::AfterQuery].to_owned()
}

static TITLE: LazyLock<Selector> = LazyLock::new(|| selector("title"));
static BASE: LazyLock<Selector> = LazyLock::new(|| selector("base[href]"));
static ANCHOR: LazyLock<Selector> = LazyLock::new(|| selector("a[href]"));

fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("a selector of this file")
}

/// The title of a page, and where its links lead that stay on the site of `url`: the same scheme, host and port.
///
/// A link is the `href` of an `<a>`. It is relative to the `<base href>` of the page if there is one, and else to `url`.
pub fn read_page(url: &Url, html: &str) -> (String, Vec<Url>) {
    let document = Html::parse_document(html);
    let title = document.select(&TITLE).next().map(|title| title.text().collect::<String>()).unwrap_or_default();
    // A base may be relative itself.
    let base = document.select(&BASE).next().and_then(|base| url.join(base.attr("href")?).ok());
    let base = base.as_ref().unwrap_or(url);
    let links = document.select(&ANCHOR).filter_map(|anchor| base.join(anchor.attr("href")?).ok());
    (title.trim().to_owned(), links.filter(|link| link.origin() == url.origin()).collect())
}

/// Asks for `url` once and reads the answer to its end.
///
/// All of it, from sending to the last byte of the body, belongs in one span, named `fetch`, with the field `path`: wrap
/// the future with `lab::trace::Instrument` in `lab::task_span!("fetch", path = address(url))`.
///
/// # Errors
/// If the connection fails before the body is complete.
pub async fn ask(client: &Client, url: &Url) -> Result<Answer, reqwest::Error> {
    let request = async {
        let response = client.get(url.clone()).send().await?;
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
        let html = header(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"));
        let moved = header(header::LOCATION).filter(|_| status.is_redirection()).and_then(|location| url.join(location).ok());
        let wait = header(header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        // Whatever the status: an unread body keeps the connection from being used again.
        let body = response.bytes().await?;
        Ok(match (status, moved) {
            (StatusCode::OK, _) => Answer::Content { html, body: body.into() },
            (StatusCode::SERVICE_UNAVAILABLE, _) => Answer::Busy(wait),
            (_, Some(target)) => Answer::Moved(target),
            _ => Answer::Refused(status.as_u16()),
        })
    };
    request.instrument(lab::task_span!("fetch", path = address(url))).await
}

/// Finds every page that can be reached from `start` without leaving its site.
pub async fn crawl(start: Url, options: &Options) -> Report {
    let origin = start.origin();
    let visitor = Arc::new(Visitor { client: client(), slots: Semaphore::new(options.in_flight), options: options.clone() });
    let mut report = Report::default();
    let mut seen = HashSet::new();
    // Dropping the set ends its tasks, so a crawl that is dropped asks for nothing more.
    let mut visits = JoinSet::new();
    let mut found = vec![start];
    loop {
        for url in found.drain(..) {
            // Seen when it is found and not when it is fetched: until then other pages may link to it as well.
            if url.origin() == origin && seen.insert(address(&url)) {
                visits.spawn(Arc::clone(&visitor).visit(url));
            }
        }
        // Whatever is waiting, in flight or being read is in the set: once it is empty there is nobody left to find a link.
        let Some(visit) = visits.join_next().await else { break report };
        let (address, outcome) = visit.unwrap_or_else(|error| panic::resume_unwind(error.into_panic()));
        match outcome {
            Outcome::Page(page, links) => {
                report.pages.insert(address, page);
                found = links;
            }
            Outcome::Moved(target) => found.push(target),
            Outcome::Failed(failure) => drop(report.failed.insert(address, failure)),
        }
    }
}

/// What all visits share.
struct Visitor {
    client: Client,
    /// One permit for each request that may be in flight. Fair, so pages are asked for in about the order they were found in.
    slots: Semaphore,
    options: Options,
}

enum Outcome {
    Page(Page, Vec<Url>),
    Moved(Url),
    Failed(Failure),
}

impl Visitor {
    /// All that happens to one address.
    async fn visit(self: Arc<Self>, url: Url) -> (String, Outcome) {
        let address = address(&url);
        let outcome = match self.ask_until_answered(&url).await {
            Ok(Answer::Content { html: true, body }) => {
                // A millisecond or so of computing: on a thread of the reactor all other requests would wait for it.
                let reading = spawn_blocking(move || read(&url, &body));
                let (page, links) = reading.await.unwrap_or_else(|error| panic::resume_unwind(error.into_panic()));
                Outcome::Page(page, links)
            }
            Ok(Answer::Content { html: false, body }) => Outcome::Page(Page { bytes: body.len(), ..Page::default() }, Vec::new()),
            Ok(Answer::Moved(target)) => Outcome::Moved(target),
            Ok(Answer::Busy(_)) => Outcome::Failed(Failure::Status(StatusCode::SERVICE_UNAVAILABLE.as_u16())),
            Ok(Answer::Refused(status)) => Outcome::Failed(Failure::Status(status)),
            Err(error) => Outcome::Failed(Failure::Network(error.to_string())),
        };
        (address, outcome)
    }

    /// Asks again while the page is busy and there are retries left.
    async fn ask_until_answered(&self, url: &Url) -> Result<Answer, reqwest::Error> {
        let mut backoff = self.options.backoff;
        for _ in 0..self.options.retries {
            match self.ask_once(url).await? {
                // The slot has been given back: waiting is not a request.
                Answer::Busy(asked) => sleep(backoff.max(asked.unwrap_or_default())).await,
                answer => return Ok(answer),
            }
            backoff *= 2;
        }
        self.ask_once(url).await
    }

    /// Asks when there is a slot, and holds it until the body has been read.
    async fn ask_once(&self, url: &Url) -> Result<Answer, reqwest::Error> {
        let _slot = self.slots.acquire().await.expect("nobody closes the semaphore");
        ask(&self.client, url).await
    }
}

fn read(url: &Url, body: &[u8]) -> (Page, Vec<Url>) {
    let _span = lab::span!("parse", path = address(url));
    let (title, links) = read_page(url, &String::from_utf8_lossy(body));
    (Page { title, links: links.iter().map(address).collect(), bytes: body.len() }, links)
}
