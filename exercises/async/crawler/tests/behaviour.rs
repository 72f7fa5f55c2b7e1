//! What a crawl must do, against a site that keeps its own record of it. Each test names one behaviour.
//!
//! The site is the Rust documentation (or pages like it) on this machine, in another thread; see `lab::site`.

mod signatures;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
    time::Duration,
};

use crawler::{Failure, Options, Report, crawl, read_page};
use lab::site::{Expected, Plan, Request, Site};
use tokio::{runtime, time::timeout};
use url::Url;

// Step 1: reading a page.

#[test]
fn a_page_has_a_title() {
    let title = |html| read_page(&url("http://site/"), html).0;
    assert_eq!(title("<title>Ownership</title><h1>Not this</h1>"), "Ownership");
    assert_eq!(title("<TITLE>\n  Bits &amp; bytes </TITLE>"), "Bits & bytes", "a title is text, trimmed, with its escapes read");
    assert_eq!(title("<h1>Nothing above</h1>"), "", "a page without a title has an empty one");
}

#[test]
fn links_are_resolved_against_their_page() {
    let page = "<a href='b.html'>b</a> <a href='../c.html'>c</a> <a href='/d.html'>d</a> <a href='?page=2'>2</a>
        <A HREF = \"e.html?x=1&amp;y=2\">e</A> <a name='f.html'>not a link</a> <!-- <a href='g.html'>not one either</a> -->";
    let expected = ["/book/b.html", "/c.html", "/d.html", "/book/a.html?page=2", "/book/e.html?x=1&y=2"];
    assert_eq!(links("http://site/book/a.html", page), expected.map(|path| format!("http://site{path}")));
}

#[test]
fn a_base_is_what_links_are_relative_to() {
    let page = "<base href='/other/'><a href='b.html'>b</a> <a href='/c.html'>c</a>";
    let found = links("http://site/book/a.html", page);
    assert_eq!(found, ["http://site/other/b.html", "http://site/c.html"], "the page says <base href='/other/'>");
}

#[test]
fn links_to_other_sites_are_left_out() {
    let page = "<a href='http://site:81/'>port</a> <a href='https://site/'>scheme</a> <a href='http://www.site/'>host</a>
        <a href='mailto:me@site'>mail</a> <a href='http://['>nothing</a> <a href='//site/here'>this one stays</a>";
    let found = links("http://site/", page);
    assert_eq!(found, ["http://site/here"], "a site is a scheme, a host and a port together");
}

// Step 2 and 3: finding all pages, each once.

#[test]
fn every_page_is_found() {
    let site = site(&Plan { pages: 60, ..Plan::default() });
    crawl_and_compare(&site, &options());
}

#[test]
fn one_request_at_a_time_finds_every_page_too() {
    let site = site(&Plan { pages: 15, ..Plan::default() });
    crawl_and_compare(&site, &Options { in_flight: 1, ..options() });
    assert_eq!(site.record().max_in_flight(), 1, "in_flight: 1 is one request at a time");
}

#[test]
fn each_page_is_asked_for_once() {
    let site = site(&Plan { pages: 60, oddities: true, ..Plan::default() });
    crawl_to_its_end(&site, &options());
    let hits = site.record().hits();
    let twice: Vec<_> = hits.iter().filter(|(_, hits)| **hits > 1).collect();
    assert!(
        twice.is_empty(),
        "{} pages were asked for more than once, {:?} the first of them: remember an address when you find it, not when its \
         answer comes, and drop the fragment",
        twice.len(),
        twice[0]
    );
}

#[test]
fn a_crawl_is_not_over_while_a_page_is_on_its_way() {
    // Six pages of which each is known only from the one before: nothing is queued while one is in flight.
    let site = site(&Plan { pages: 40, chain: 6, fan_out: 40, latency: ms(10)..=ms(20), ..Plan::default() });
    crawl_and_compare(&site, &options());
    let most = site.record().max_in_flight();
    assert!(
        most >= options().in_flight - 1,
        "after a chain of single pages 40 were found at once, but only {most} of {} slots were used: has a worker gone home \
         because there was nothing to do for a moment?",
        options().in_flight
    );
}

#[test]
fn odd_pages_are_read_as_a_browser_would() {
    let site = site(&Plan { pages: 4, oddities: true, ..Plan::default() });
    let report = crawl_to_its_end(&site, &options());
    let record = site.record();
    let trap = record.requests.iter().find(|request| request.address.starts_with("/trap/"));
    assert!(
        trap.is_none(),
        "{} was asked for, which is no link but text that looks like one: parse HTML with a parser, and only what says that \
         it is HTML",
        trap.unwrap().address
    );
    assert_found(&site, &options(), &report);
}

#[test]
fn the_crawl_stays_on_its_site() {
    let site = site(&Plan { pages: 20, oddities: true, redirects: true, ..Plan::default() });
    crawl_to_its_end(&site, &options());
    let strayed = site.record().strayed;
    assert!(
        strayed.is_empty(),
        "{} requests went to another site, the first to {}: compare scheme, host and port, also where a redirect leads",
        strayed.len(),
        strayed[0]
    );
}

#[test]
fn redirects_are_followed_like_links() {
    let site = site(&Plan { pages: 10, redirects: true, ..Plan::default() });
    crawl_and_compare(&site, &options());
    assert_requests(&site, &options());
}

// What goes wrong.

#[test]
fn what_fails_for_good_is_reported_and_not_asked_for_again() {
    let site = site(&Plan { pages: 10, broken: 3, dead: 3, ..Plan::default() });
    crawl_and_compare(&site, &options());
    assert_requests(&site, &options());
}

#[test]
fn an_answer_that_breaks_off_is_a_failure() {
    let site = site(&Plan { pages: 5, cut_off: 1, ..Plan::default() });
    let report = crawl_to_its_end(&site, &options());
    let torn = report.failed.get("/torn/1.html");
    assert!(
        matches!(torn, Some(Failure::Network(_))),
        "the connection broke in the middle of /torn/1.html; in the report it is {torn:?} and not a Failure::Network"
    );
}

#[test]
fn a_site_that_is_down_ends_the_crawl() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = url(&format!("http://{free}/"));
    let report = run(crawl(start, &options())).expect("a crawl of one page without an answer was not over after 10 s");
    assert!(report.pages.is_empty());
    let failure = report.failed.get("/");
    assert!(matches!(failure, Some(Failure::Network(_))), "nobody listens; the start is reported as {failure:?}");
}

#[test]
fn busy_pages_are_asked_again() {
    let site = site(&Plan { pages: 20, busy: 6, busy_times: 1..=3, ..Plan::default() });
    crawl_and_compare(&site, &options());
    assert_requests(&site, &options());
}

#[test]
fn retries_have_an_end() {
    let site = site(&Plan { pages: 20, busy: 3, busy_times: 1000..=1000, ..Plan::default() });
    let options = Options { retries: 2, ..options() };
    crawl_and_compare(&site, &options);
    assert_requests(&site, &options);
}

#[test]
fn each_retry_waits_twice_as_long() {
    let site = site(&Plan { pages: 6, busy: 2, busy_times: 3..=3, ..Plan::default() });
    let options = Options { backoff: ms(20), ..options() };
    crawl_to_its_end(&site, &options);
    for (address, waits) in waits(&site) {
        for (wait, least) in waits.iter().zip([ms(20), ms(40), ms(80)]) {
            assert!(*wait >= least, "{address} was busy and asked again after {wait:?}, sooner than {least:?}: {waits:?}");
        }
    }
}

#[test]
fn a_page_is_left_alone_for_as_long_as_it_asks() {
    let site = site(&Plan { pages: 4, busy: 1, busy_times: 1..=1, retry_after_seconds: Some(1), ..Plan::default() });
    crawl_and_compare(&site, &options());
    for (address, waits) in waits(&site) {
        assert!(waits[0] >= ms(1000), "{address} said Retry-After: 1, and was asked again after {:?}", waits[0]);
    }
}

#[test]
fn waiting_for_a_busy_page_holds_no_slot() {
    let plan = Plan { pages: 8, fan_out: 8, busy: 2, busy_times: 1..=1, retry_after_seconds: Some(1), ..Plan::default() };
    let site = site(&plan);
    crawl_to_its_end(&site, &Options { in_flight: 1, ..options() });
    let requests = site.record().requests;
    let mut seen = BTreeSet::new();
    let firsts: Vec<bool> = requests.iter().map(|request| seen.insert(&request.address)).collect();
    let first_retry = firsts.iter().position(|first| !first).unwrap_or(firsts.len());
    let late = firsts[first_retry..].iter().filter(|first| **first).count();
    assert_eq!(late, 0, "{late} pages had to wait until a busy one had waited its second: give the slot back before you sleep");
}

// The bound, from both sides.

#[test]
fn never_more_requests_in_flight_than_agreed() {
    for in_flight in [2, 5] {
        let site = site(&Plan { pages: 40, fan_out: 40, latency: ms(4)..=ms(12), busy: 5, ..Plan::default() });
        crawl_to_its_end(&site, &Options { in_flight, ..options() });
        let most = site.record().max_in_flight();
        assert!(
            most <= in_flight,
            "the site had {most} requests to answer at once, {in_flight} were agreed: a request is in flight until its body \
             has been read"
        );
    }
}

#[test]
fn as_many_requests_in_flight_as_agreed() {
    let site = site(&Plan { pages: 40, fan_out: 40, latency: ms(10)..=ms(20), ..Plan::default() });
    crawl_to_its_end(&site, &options());
    let (most, agreed) = (site.record().max_in_flight(), options().in_flight);
    assert!(most >= agreed - 1, "40 pages were known, and {most} requests in flight at the most where {agreed} are allowed");
}

#[test]
fn a_slow_page_holds_up_nobody() {
    let site = site(&Plan { pages: 30, slow: Some(ms(600)), ..Plan::default() });
    crawl_to_its_end(&site, &options());
    let requests = site.record().requests;
    let slow = requests.iter().find(|request| request.address == "/slow.html").expect("the home page links to /slow.html");
    let after = requests.iter().filter(|request| Some(request.start) > slow.end).count();
    assert!(
        after * 2 < requests.len(),
        "{after} of {} requests were sent only after the one slow page had come: let each page go on as soon as it is there, \
         without waiting for the others",
        requests.len()
    );
}

// What the tests are made of.

fn options() -> Options {
    Options { in_flight: 8, retries: 3, backoff: ms(5) }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// The links of a page without their fragments, each once, in the order of their first appearance.
fn links(page: &str, html: &str) -> Vec<String> {
    let mut found = Vec::new();
    for mut link in read_page(&url(page), html).1 {
        link.set_fragment(None);
        if !found.contains(&link.to_string()) {
            found.push(link.to_string());
        }
    }
    found
}

fn site(plan: &Plan) -> Site {
    Site::start(plan).expect("a site on loopback")
}

/// The result of the crawl, or `None` if it takes longer than 10 s.
fn run(crawl: impl Future<Output = Report>) -> Option<Report> {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let report = runtime.block_on(async { timeout(ms(10_000), crawl).await.ok() });
    // Not waiting for what a wrong crawl has left behind.
    runtime.shutdown_background();
    report
}

fn crawl_to_its_end(site: &Site, options: &Options) -> Report {
    run(crawl(site.url().clone(), options)).unwrap_or_else(|| {
        let (record, expected) = (site.record(), site.expected(options.retries));
        let under_way: Vec<_> = record.requests.iter().filter(|request| request.end.is_none()).collect();
        let hits = record.hits();
        let missing: Vec<_> = expected.requests.keys().filter(|address| !hits.contains_key(*address)).collect();
        panic!(
            "the crawl was not over after 10 s: {} requests sent, {} of them unanswered, {} addresses never asked for {:?}",
            record.requests.len(),
            under_way.len(),
            missing.len(),
            missing.iter().take(3).collect::<Vec<_>>()
        )
    })
}

fn crawl_and_compare(site: &Site, options: &Options) {
    assert_found(site, options, &crawl_to_its_end(site, options));
}

/// Compares the report of a crawl with what the site knows of itself.
fn assert_found(site: &Site, options: &Options, report: &Report) {
    let expected = site.expected(options.retries);
    let addresses: BTreeSet<String> = report.pages.keys().cloned().collect();
    let missing: Vec<_> = expected.addresses().difference(&addresses).cloned().collect();
    let wrong: Vec<_> = addresses.difference(&expected.addresses()).cloned().collect();
    assert!(
        missing.is_empty(),
        "{} of {} pages are missing, {:?} among them{}",
        missing.len(),
        expected.pages.len(),
        &missing[..missing.len().min(3)],
        who_links(&expected, &missing[0])
    );
    assert!(wrong.is_empty(), "{} pages too many, {:?} among them", wrong.len(), &wrong[..wrong.len().min(3)]);
    for (address, page) in &report.pages {
        let right = &expected.pages[address];
        assert_eq!(page.title, right.title, "the title of {address}");
        assert_eq!(page.links, right.links, "the links of {address}");
        assert_eq!(page.bytes, right.bytes, "the length of {address}");
    }
    let failed: BTreeMap<String, Option<u16>> = report
        .failed
        .iter()
        .map(|(address, failure)| match failure {
            Failure::Status(status) => (address.clone(), Some(*status)),
            Failure::Network(_) => (address.clone(), None),
        })
        .collect();
    assert_eq!(failed, expected.failed, "what failed, and with which status");
}

fn who_links(expected: &Expected, address: &str) -> String {
    let from = expected.pages.iter().find(|(_, page)| page.links.contains(address)).map(|(from, _)| from);
    from.map_or_else(String::new, |from| format!("; {from} links to {address}"))
}

/// Compares how often each address was asked for with how often it should be.
fn assert_requests(site: &Site, options: &Options) {
    let (hits, expected) = (site.record().hits(), site.expected(options.retries).requests);
    for (address, expected) in &expected {
        let hits = hits.get(address).copied().unwrap_or(0);
        assert_eq!(hits, *expected, "{address} was asked for {hits} times instead of {expected}");
    }
    for address in hits.keys() {
        assert!(expected.contains_key(address), "{address} was asked for, and no page links to it");
    }
}

/// For each busy address: the time from each answer to the next request. None is empty.
fn waits(site: &Site) -> BTreeMap<String, Vec<Duration>> {
    let record = site.record();
    let mut waits = BTreeMap::new();
    for busy in record.requests.iter().filter(|request| request.status == 503) {
        let requests: Vec<_> = record.of(&busy.address).collect();
        assert!(requests.len() > 1, "{} was busy and was not asked again", busy.address);
        let wait = |pair: &[&Request]| pair[0].end.map_or(Duration::ZERO, |end| pair[1].start.saturating_sub(end));
        waits.insert(busy.address.clone(), requests.windows(2).map(wait).collect());
    }
    assert!(!waits.is_empty(), "no busy page was asked for: are pages missing?");
    waits
}
