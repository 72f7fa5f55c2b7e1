//! A web crawler: every page of one site, many requests in flight, never more than agreed.
//!
//! Three functions are yours, best written in this order: [`read_page`], which touches no network; [`ask`], one request;
//! [`crawl`], which asks for everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use reqwest::{Client, redirect};
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

/// The title of a page, and where its links lead that stay on the site of `url`: the same scheme, host and port.
///
/// A link is the `href` of an `<a>`. It is relative to the `<base href>` of the page if there is one, and else to `url`.
pub fn read_page(url: &Url, html: &str) -> (String, Vec<Url>) {
    todo!("read {} bytes of {url} with the crate `scraper`", html.len())
}

/// Asks for `url` once and reads the answer to its end.
///
/// All of it, from sending to the last byte of the body, belongs in one span, named `fetch`, with the field `path`: wrap
/// the future with `lab::trace::Instrument` in `lab::task_span!("fetch", path = address(url))`.
///
/// # Errors
/// If the connection fails before the body is complete.
pub async fn ask(client: &Client, url: &Url) -> Result<Answer, reqwest::Error> {
    todo!("ask for {url} with {client:?}")
}

/// Finds every page that can be reached from `start` without leaving its site.
pub async fn crawl(start: Url, options: &Options) -> Report {
    todo!("crawl {start} with {options:?}")
}
