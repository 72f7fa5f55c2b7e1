//! Requests in flight, as far as a trace tells: from the first to the last moment that a thread looked at one.

use std::collections::BTreeMap;

use lab::trace::file::{Slice, Trace};
use serde_json::json;

use super::InFlight;
use crate::driver::Timed;

/// A request: its first and its last moment on a thread, and for how many moments it was there.
#[derive(Debug, Clone, Copy)]
struct Request {
    from: f64,
    to: f64,
    polls: usize,
}

/// Accounts for a run in `trace` that may have `allowed` requests in flight.
pub fn in_flight(trace: &Trace, run: &Timed, allowed: usize) -> InFlight {
    let go = super::account::go_us(trace, run);
    let rows = trace.threads();
    let slices: Vec<&Slice> = rows.iter().filter(|row| !row.is_critical_path()).flat_map(|row| &row.slices).collect();
    let within = |from: f64, to: f64| [(from - go) / 1e6, (to - go) / 1e6].map(|time| time.clamp(0.0, run.seconds));
    let (span, requests) = requests(&slices);
    let requests: Vec<[f64; 2]> = requests.iter().map(|request| within(request.from, request.to)).collect();
    let works = |slice: &&&Slice| slice.depth == 0 && !slice.waits();
    let work: Vec<_> = slices.iter().filter(works).map(|slice| within(slice.start_us, slice.end_us)).collect();
    let mut levels = levels(&[&requests, &work], run.seconds);
    let most = levels.keys().map(|level| level[0]).max().unwrap_or(0);
    let mut found = InFlight {
        allowed,
        wall: run.seconds,
        span,
        requests: requests.len(),
        at_a_time: vec![0.0; most + 1],
        working: 0.0,
        waiting: 0.0,
    };
    while let Some(([flying, working], time)) = levels.pop_first() {
        found.at_a_time[flying] += time;
        match (flying, working) {
            (_, 1..) => found.working += time,
            (1.., 0) => found.waiting += time,
            _ => {}
        }
    }
    found
}

/// The requests, and the name of their span: the one whose spans stayed in flight longest while no thread was in them.
fn requests(slices: &[&Slice]) -> (Option<String>, Vec<Request>) {
    let mut by_name: BTreeMap<&str, BTreeMap<String, Request>> = BTreeMap::new();
    let mut polled: BTreeMap<&str, f64> = BTreeMap::new();
    for slice in slices {
        let of_name = by_name.entry(&slice.name).or_default();
        let new = Request { from: slice.start_us, to: slice.end_us, polls: 0 };
        let request = of_name.entry(json!(slice.args).to_string()).or_insert(new);
        request.from = request.from.min(slice.start_us);
        request.to = request.to.max(slice.end_us);
        request.polls += 1;
        *polled.entry(&slice.name).or_default() += slice.end_us - slice.start_us;
    }
    // A span without arguments of its own that comes twice is two pieces of work, and not one request.
    let away = |name: &str, requests: &BTreeMap<String, Request>| {
        requests.values().map(|request| request.to - request.from).sum::<f64>() - polled[name]
    };
    let named = |requests: &BTreeMap<String, Request>| !requests.contains_key("{}") && requests.values().any(|r| r.polls > 1);
    let candidates = by_name.iter().filter(|(_, requests)| named(requests));
    let found = candidates.max_by(|a, b| away(a.0, a.1).total_cmp(&away(b.0, b.1)));
    found.map_or((None, Vec::new()), |(name, requests)| (Some((*name).to_owned()), requests.values().copied().collect()))
}

/// How long exactly so many intervals of each kind were open, over `wall` seconds.
fn levels<const N: usize>(kinds: &[&[[f64; 2]]; N], wall: f64) -> BTreeMap<[usize; N], f64> {
    let mut events: Vec<(f64, bool, usize)> = Vec::new();
    for (kind, intervals) in kinds.iter().enumerate() {
        events.extend(intervals.iter().flat_map(|[from, to]| [(*from, true, kind), (*to, false, kind)]));
    }
    // Beginnings first: no count falls below 0.
    events.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut levels = BTreeMap::new();
    let (mut now, mut since) = ([0; N], 0.0);
    for (time, begins, kind) in events {
        *levels.entry(now).or_default() += time - since;
        since = time;
        now[kind] = if begins { now[kind] + 1 } else { now[kind] - 1 };
    }
    *levels.entry(now).or_default() += wall - since;
    levels
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use lab::trace::file::{CLOCK_BASE, Event};

    use super::*;

    fn poll(name: &str, path: &str, tid: u64, from: f64, to: f64) -> [Event; 2] {
        [("B", from), ("E", to)].map(|(ph, ms)| {
            let mut event = Event::new(ph, name, 1, tid, 1e3 * ms);
            if !path.is_empty() {
                event.args.insert("path".into(), path.into());
            }
            event
        })
    }

    fn account(events: Vec<Event>) -> InFlight {
        let run = Timed {
            started: UNIX_EPOCH + Duration::from_millis(10),
            seconds: 0.1,
            digest: String::new(),
            waited: None,
            threads: BTreeMap::new(),
            digesting: 0.0,
        };
        in_flight(&Trace { events, other: [(CLOCK_BASE.to_owned(), 0.0.into())].into_iter().collect() }, &run, 4)
    }

    fn milliseconds(time: f64) -> f64 {
        (time * 1e6).round() / 1e3
    }

    #[test]
    fn a_request_is_in_flight_between_its_polls() {
        let polls = [
            poll("fetch", "/a", 1, 20.0, 21.0),
            poll("fetch", "/b", 1, 30.0, 31.0),
            poll("fetch", "/a", 2, 49.0, 50.0),
            poll("parse", "", 2, 60.0, 70.0),
            poll("parse", "", 2, 80.0, 81.0),
            poll("fetch", "/b", 1, 89.0, 90.0),
        ];
        let found = account(polls.concat());
        assert_eq!((found.span.as_deref(), found.requests), (Some("fetch"), 2));
        // /a from 10 to 40 of the run, /b from 20 to 80.
        assert_eq!(found.at_a_time.iter().copied().map(milliseconds).collect::<Vec<_>>(), [30.0, 50.0, 20.0]);
        assert_eq!([found.working, found.waiting, found.mean()].map(milliseconds), [15.0, 55.0, 900.0]);
    }

    #[test]
    fn a_trace_that_knows_no_request_does_not_invent_one() {
        let found = account([poll("work", "", 1, 20.0, 30.0), poll("work", "", 1, 50.0, 60.0)].concat());
        assert_eq!((found.span, found.requests), (None, 0));
        assert_eq!(milliseconds(found.at_a_time[0]), 100.0);
        assert_eq!(milliseconds(account(Vec::new()).at_a_time[0]), 100.0);
    }
}
