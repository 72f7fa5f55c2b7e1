//! A site against a client of a few lines that shares nothing with it.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
};

use super::{contents::Answer, *};

/// Asks for one address on a connection of its own. Returns the answer as text, head and body.
fn get(site: &Site, address: &str) -> String {
    get_from(site.url().port().unwrap(), address)
}

fn get_from(port: u16, address: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    write!(stream, "GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn quick() -> Plan {
    let instant = Duration::from_millis(1)..=Duration::from_millis(1);
    Plan { pages: 12, latency: instant, generated: true, ..Plan::default() }
}

fn with_everything() -> Plan {
    Plan { busy: 3, broken: 2, dead: 2, cut_off: 1, redirects: true, oddities: true, ..quick() }
}

/// Ports differ from one site to the next, and their digits with them.
fn without_sizes(mut expected: Expected) -> Expected {
    expected.pages.values_mut().for_each(|page| page.bytes = 0);
    expected
}

#[test]
fn every_page_of_the_plan_is_reached() {
    for plan in [quick(), Plan { generated: false, ..quick() }] {
        let expected = Site::start(&plan).unwrap().expected(0);
        assert_eq!(expected.pages.len(), plan.pages + 1, "the pages and the home page");
        assert!(expected.failed.is_empty(), "nothing was planned to fail: {:?}", expected.failed);
        assert!(expected.pages.values().all(|page| !page.title.is_empty() && page.bytes > 0));
    }
}

#[test]
fn equal_plans_are_equal_sites_and_other_seeds_are_others() {
    let expected = |plan: &Plan| without_sizes(Site::start(plan).unwrap().expected(2));
    let plan = Plan { generated: false, ..with_everything() };
    assert_eq!(expected(&plan), expected(&plan));
    assert_ne!(expected(&plan), expected(&Plan { seed: plan.seed + 1, ..plan.clone() }));
}

#[test]
fn a_site_says_where_its_pages_come_from() {
    assert_eq!(*Site::start(&quick()).unwrap().corpus(), Corpus::Generated);
    let real = Site::start(&Plan { generated: false, ..quick() }).unwrap();
    if let Corpus::RustDocumentation { root } = real.corpus() {
        assert!(root.join("book").is_dir());
        assert!(real.expected(0).pages.values().any(|page| page.title.contains("Rust")));
    }
}

#[test]
fn no_link_of_any_page_leads_out_of_this_machine() {
    let site = Site::start(&Plan { generated: false, pages: 60, ..with_everything() }).unwrap();
    let anchors = scraper::Selector::parse("a[href]").unwrap();
    let mut links = 0;
    for address in site.expected(9).pages.keys() {
        let Answer::Content { body, .. } = &site.contents.get(address).unwrap().answer else { unreachable!() };
        for anchor in scraper::Html::parse_document(&String::from_utf8_lossy(body)).select(&anchors) {
            let Ok(url) = site.url().join(anchor.attr("href").unwrap()) else { continue };
            if let Some(host) = url.host_str() {
                assert!(["127.0.0.1", "localhost"].contains(&host), "{address} links to {url}");
                links += 1;
            }
        }
    }
    assert!(links > 200, "only {links} links were looked at");
}

#[test]
fn busy_pages_are_busy_as_often_as_planned_and_again_after_a_reset() {
    let plan = Plan { pages: 1, busy: 1, busy_times: 2..=2, retry_after_seconds: Some(3), ..quick() };
    let site = Site::start(&plan).unwrap();
    let address = "/guide/chapter-1/section-1.html";
    for _ in 0..2 {
        let answers = [0; 3].map(|_| get(&site, address));
        for refusal in &answers[..2] {
            assert!(refusal.starts_with("HTTP/1.1 503") && refusal.contains("retry-after: 3\r\n"), "{refusal}");
        }
        assert!(answers[2].starts_with("HTTP/1.1 200"), "{}", answers[2]);
        let statuses: Vec<u16> = site.record().of(address).map(|request| request.status).collect();
        assert_eq!(statuses, [503, 503, 200]);
        site.reset();
    }
    assert_eq!(site.expected(1).failed[address], Some(503), "one retry is too few");
    assert_eq!(site.expected(2).requests[address], 3);
}

#[test]
fn every_fault_is_served_as_planned() {
    let site = Site::start(&with_everything()).unwrap();
    let torn = get(&site, "/torn/1.html");
    let (head, body) = torn.split_once("\r\n\r\n").unwrap();
    let promised: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && body.len() < promised, "{} of {promised} bytes came", body.len());
    assert!(get(&site, "/broken/1.html").starts_with("HTTP/1.1 500"));
    assert!(get(&site, "/gone/1.html").starts_with("HTTP/1.1 404"));
    assert!(get(&site, "/moved/only-way").contains("location: here.html\r\n"));
    assert!(get(&site, "/odd/notes.txt").contains("content-type: text/plain"));
    let complete: BTreeMap<String, bool> =
        site.record().requests.into_iter().map(|request| (request.address, request.complete)).collect();
    assert!(!complete["/torn/1.html"] && complete["/odd/notes.txt"]);
}

#[test]
fn the_traps_stand_where_a_parser_sees_no_link() {
    let expected = Site::start(&with_everything()).unwrap().expected(2);
    assert!(expected.requests.keys().all(|address| !address.starts_with("/trap")), "{:?}", expected.requests.keys());
    for address in ["/odd/quoted.html", "/odd/list.html?page=2&by=name", "/odd/base/of/links/leaf.html", "/odd/caf%C3%A9.html"] {
        assert!(expected.pages.contains_key(address), "{address} is not found");
    }
    assert_eq!(expected.pages["/odd/"].title, "Odd & legal");
}

#[test]
fn whoever_leaves_the_site_is_counted() {
    let site = Site::start(&with_everything()).unwrap();
    let moved = get(&site, "/moved/away");
    let away = moved.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let away = Url::parse(away).unwrap();
    assert!(get_from(away.port().unwrap(), away.path()).starts_with("HTTP/1.1 421"));
    let record = site.record();
    assert_eq!(record.strayed, [away.to_string()]);
    assert_eq!(record.requests.len(), 1, "a stray request is no request to the site");
}

#[test]
fn overlap_is_counted_from_arrival_to_the_last_byte() {
    let request = |start, end: u64| Request {
        address: "/".into(),
        status: 200,
        start: Duration::from_millis(start),
        end: Some(Duration::from_millis(end)),
        complete: true,
    };
    let record = |requests| Record { requests, strayed: Vec::new() };
    assert_eq!(record(vec![request(0, 10), request(10, 20), request(20, 30)]).max_in_flight(), 1);
    assert_eq!(record(vec![request(0, 10), request(2, 20), request(9, 30), request(15, 16)]).max_in_flight(), 3);
    assert_eq!(record(Vec::new()).max_in_flight(), 0);
}

#[test]
fn a_reset_forgets_requests_that_are_still_being_answered() {
    let ledger = Arc::new(Ledger::default());
    let (old, before) = ledger.arrive("/a");
    assert_eq!(before, 0);
    ledger.reset();
    let (new, before) = ledger.arrive("/a");
    assert_eq!(before, 0, "the count begins again");
    old.status(500);
    drop(old);
    let record = ledger.record();
    assert_eq!((record.requests.len(), record.requests[0].status, record.requests[0].end), (1, 0, None));
    drop(new);
    assert!(ledger.record().requests[0].end.is_some());
}

#[test]
fn a_dropped_site_answers_no_more() {
    // The port is free again, and a site of another test may have it by then: three times in a row it has not.
    let is_deaf = || {
        let site = Site::start(&quick()).unwrap();
        let port = site.url().port().unwrap();
        assert!(get(&site, "/").starts_with("HTTP/1.1 200"));
        drop(site);
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
    };
    assert!((0..3).any(|_| is_deaf()), "somebody still listens");
}
