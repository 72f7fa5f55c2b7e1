//! What the trace of a crawl must show, held against what the site saw: a span says what your program did, and when.

mod signatures;

use std::{collections::BTreeMap, time::Duration};

use crawler::{Options, crawl};
use lab::{
    evidence,
    site::{Corpus, Plan, Record, Site},
    trace::{self, Recording, Span},
};
use tokio::{runtime, time::timeout};

#[test]
fn each_request_has_a_span_of_its_own() {
    let Traced { recording, record, .. } = traced();
    let mut spans = BTreeMap::new();
    for span in recording.named("fetch") {
        *spans.entry(path(span).to_owned()).or_insert(0) += 1;
    }
    for (address, hits) in record.hits() {
        let spans = spans.remove(&address).unwrap_or(0);
        assert_eq!(spans, hits, "{address} was asked for {hits} times and has {spans} spans `fetch`: one for each attempt");
    }
    assert!(spans.is_empty(), "spans `fetch` for what nobody asked the site for: {:?}", spans.keys().next());
}

#[test]
fn a_span_lasts_from_sending_to_the_last_byte() {
    let Traced { recording, record, clock, .. } = traced();
    // What was broken off before its end says nothing about spans.
    for request in record.requests.iter().filter(|request| request.complete) {
        let (address, end) = (&request.address, request.end.unwrap_or_default());
        let spans = recording.named("fetch").filter(|span| path(span) == address);
        let begun: Vec<&Span> = spans.filter(|span| span.start <= request.start + clock.latest).collect();
        assert!(
            !begun.is_empty(),
            "the site had a request for {address} before any span `fetch` of it began: send within the span"
        );
        assert!(
            begun.iter().any(|span| span.end >= end + clock.earliest),
            "the span of {address} was over before the site had handed over the last byte: read the body within the span"
        );
    }
}

#[test]
fn the_trace_shows_the_bound_and_that_it_is_used() {
    let Traced { recording, record, corpus, .. } = traced();
    let (spans, site, agreed) = (recording.max_in_flight("fetch"), record.max_in_flight(), options().in_flight);
    let fetches = record.requests.len();
    evidence::record(
        "trace",
        &serde_json::json!({ "fetches": fetches, "in_flight": spans, "agreed": agreed, "real_pages": corpus != Corpus::Generated }),
    );
    assert!(
        spans <= agreed,
        "{spans} spans `fetch` overlap where {agreed} requests may be in flight: is the wait for a slot, or for a retry, in the \
         span?"
    );
    assert!(spans >= site, "the site had {site} requests to answer at once, the trace shows {spans}: it leaves some out");
    assert!(spans >= agreed - 1, "{spans} requests in flight at the most, where {agreed} are allowed and 30 pages were known");
}

fn options() -> Options {
    Options { in_flight: 6, retries: 2, backoff: Duration::from_millis(5) }
}

/// When the site's clock began, on the clock of the recording: somewhere between these two.
struct Clock {
    earliest: Duration,
    latest: Duration,
}

/// A crawl, seen from both sides.
struct Traced {
    recording: Recording,
    record: Record,
    clock: Clock,
    corpus: Corpus,
}

fn traced() -> Traced {
    let latency = Duration::from_millis(6)..=Duration::from_millis(16);
    let plan = Plan { pages: 30, fan_out: 30, latency, busy: 3, broken: 1, dead: 1, ..Plan::default() };
    let site = Site::start(&plan).expect("a site on loopback");
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (ended, recording) = trace::record(|| {
        {
            let _span = lab::span!("clock");
            site.reset();
        }
        runtime.block_on(async { timeout(Duration::from_secs(10), crawl(site.url().clone(), &options())).await.is_ok() })
    });
    runtime.shutdown_background();
    assert!(ended, "the crawl was not over after 10 s; the tests in behaviour.rs say more");
    assert!(recording.named("fetch").next().is_some(), "no span is named `fetch`: see `ask`");
    let clock = recording.named("clock").next().map(|span| Clock { earliest: span.start, latest: span.end });
    Traced { recording, record: site.record(), clock: clock.expect("recorded above"), corpus: site.corpus().clone() }
}

fn path(span: &Span) -> &str {
    span.fields.get("path").map_or("(a span without the field `path`)", String::as_str)
}
