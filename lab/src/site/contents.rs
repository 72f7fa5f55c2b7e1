//! Every answer of a site, made before it serves the first.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    time::Duration,
};

use hyper::body::Bytes;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_pcg::Pcg64Mcg;
use url::Url;

use super::{Corpus, Plan, corpus, oddities};

pub(super) const HTML: &str = "text/html; charset=utf-8";

/// What an address answers in the end.
#[derive(Debug)]
pub(super) enum Answer {
    Content { kind: &'static str, body: Bytes },
    Moved { to: String },
    Broken,
    CutOff,
}

#[derive(Debug)]
pub(super) struct Resource {
    pub(super) answer: Answer,
    pub(super) latency: Duration,
    /// How many times it answers 503 before.
    pub(super) busy: u32,
    pub(super) retry_after_seconds: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Contents {
    resources: HashMap<String, Resource>,
    /// The body of every error: a page with a link that nobody should follow.
    pub(super) trap: Bytes,
    /// The latency of an address that is not there.
    pub(super) shortest: Duration,
}

impl Contents {
    pub(super) fn new(plan: &Plan, site: &Url, neighbour: &Url) -> io::Result<(Corpus, Self)> {
        assert!(plan.fan_out > 0, "a page links to one other at the least");
        let mut random = Pcg64Mcg::seed_from_u64(plan.seed);
        let (corpus, pages) = corpus::pages(plan, &mut random)?;
        let mut draft = Draft::new(plan, site, neighbour, &pages);
        draft.add_tree(&pages, &mut random);
        let addresses: Vec<&str> = pages.iter().map(|page| page.address.as_str()).collect();
        draft.add_faults(&addresses, &mut random);
        if plan.redirects {
            draft.add_redirects(addresses.first().copied().unwrap_or("/"));
        }
        if plan.oddities {
            draft.add_oddities();
        }
        Ok((corpus, draft.finish(&addresses, &mut random)))
    }

    /// What is at `address`, a path with its query if it has one.
    pub(super) fn get(&self, address: &str) -> Option<&Resource> {
        self.resources.get(address)
    }
}

/// A page that is being written: its text, and what it will link to below that.
struct Sheet {
    html: String,
    links: Vec<String>,
}

struct Draft<'a> {
    plan: &'a Plan,
    site: &'a Url,
    neighbour: &'a Url,
    /// Kept in order, so that the seed gives each the same latency every time.
    sheets: BTreeMap<String, Sheet>,
    others: BTreeMap<String, Answer>,
    /// Below which the tree of pages hangs: the last page of the chain, or the home page.
    root: String,
}

impl<'a> Draft<'a> {
    fn new(plan: &'a Plan, site: &'a Url, neighbour: &'a Url, pages: &[corpus::Page]) -> Self {
        let mut draft = Self { plan, site, neighbour, sheets: BTreeMap::new(), others: BTreeMap::new(), root: "/".into() };
        draft.sheets.insert("/".into(), sheet("Home"));
        for page in pages {
            let base = draft.url(&page.address);
            let served = |path: &str| path == "/" || pages.iter().any(|page| page.address == path);
            let html = corpus::turn_links(&page.html, &base, neighbour, served);
            draft.sheets.insert(page.address.clone(), Sheet { html, links: Vec::new() });
        }
        draft
    }

    fn url(&self, address: &str) -> Url {
        self.site.join(address).expect("addresses of a site are paths")
    }

    /// Adds a link to the page at `from`, or to the home page if there is none.
    fn link(&mut self, from: &str, to: String) {
        let from = if self.sheets.contains_key(from) { from } else { "/" };
        self.sheets.get_mut(from).expect("there is a home page").links.push(to);
    }

    /// Chain and tree: whatever the documentation links to, each page is found, and `chain` and `fan_out` set the pace.
    fn add_tree(&mut self, pages: &[corpus::Page], random: &mut Pcg64Mcg) {
        for step in 1..=self.plan.chain {
            let address = format!("/chain/{step}.html");
            self.link(&self.root.clone(), address.clone());
            self.sheets.insert(address.clone(), sheet(&format!("Step {step}")));
            self.root = address;
        }
        let root = self.root.clone();
        for (child, page) in pages.iter().enumerate() {
            let parent =
                child.checked_sub(self.plan.fan_out).map_or(root.as_str(), |parent| &pages[parent / self.plan.fan_out].address);
            let (from, to) = (self.url(parent), self.url(&page.address));
            let link = match random.random_range(0..4) {
                0 => page.address.clone(),
                1 => from.make_relative(&to).expect("both are on one site"),
                2 => to.to_string(),
                _ => format!("{}#main", page.address),
            };
            self.link(parent, link.clone());
            if random.random_bool(0.25) {
                self.link(parent, format!("{}#again", page.address));
            }
        }
    }

    fn add_faults(&mut self, addresses: &[&str], random: &mut Pcg64Mcg) {
        let faults = [("broken", self.plan.broken), ("gone", self.plan.dead), ("torn", self.plan.cut_off)];
        for (name, count) in faults {
            for number in 1..=count {
                let address = format!("/{name}/{number}.html");
                let from = if addresses.is_empty() { "/" } else { addresses[random.random_range(0..addresses.len())] };
                self.link(from, address.clone());
                match name {
                    "broken" => drop(self.others.insert(address, Answer::Broken)),
                    "torn" => drop(self.others.insert(address, Answer::CutOff)),
                    _ => {}
                }
            }
        }
        if self.plan.slow.is_some() {
            self.link("/", SLOW.into());
            self.sheets.insert(SLOW.into(), sheet("A slow page"));
        }
    }

    fn add_redirects(&mut self, known: &str) {
        let away = format!("{}away.html", self.neighbour);
        let moved = [
            ("only-way", "here.html"),
            ("known", known),
            ("twice", "/moved/once-more"),
            ("once-more", "/moved/there.html"),
            ("round", "/moved/round-and-round"),
            ("round-and-round", "/moved/round"),
            ("away", &away),
        ];
        for (name, to) in moved {
            self.others.insert(format!("/moved/{name}"), Answer::Moved { to: to.into() });
        }
        for name in ["only-way", "known", "twice", "round", "away"] {
            self.link(&self.root.clone(), format!("/moved/{name}"));
        }
        self.sheets.insert("/moved/here.html".into(), sheet("Found through a redirect"));
        self.sheets.insert("/moved/there.html".into(), sheet("Found through two redirects"));
    }

    fn add_oddities(&mut self) {
        self.link(&self.root.clone(), oddities::HUB.into());
        for (address, kind, body) in oddities::all(self.site, self.neighbour) {
            self.others.insert(address, Answer::Content { kind, body: body.into() });
        }
    }

    fn finish(self, addresses: &[&str], random: &mut Pcg64Mcg) -> Contents {
        let plan = self.plan;
        let sheets = self.sheets.into_iter().map(|(address, sheet)| {
            let body = bind(sheet).into();
            (address, Answer::Content { kind: HTML, body })
        });
        let answers: BTreeMap<String, Answer> = sheets.chain(self.others).collect();
        let latency = |random: &mut Pcg64Mcg| {
            let micros = |latency: &Duration| latency.as_micros() as u64;
            Duration::from_micros(random.random_range(micros(plan.latency.start())..=micros(plan.latency.end())))
        };
        let mut resources: HashMap<String, Resource> = answers
            .into_iter()
            .map(|(address, answer)| {
                let latency = latency(random);
                let latency = plan.slow.filter(|_| address == SLOW).unwrap_or(latency);
                (address, Resource { answer, latency, busy: 0, retry_after_seconds: None })
            })
            .collect();
        let mut shuffled = addresses.to_vec();
        shuffled.shuffle(random);
        for address in shuffled.into_iter().take(plan.busy) {
            let resource = resources.get_mut(address).expect("every page is a resource");
            resource.busy = random.random_range(plan.busy_times.clone());
            resource.retry_after_seconds = plan.retry_after_seconds;
        }
        let trap = bind(Sheet { html: sheet("Not here").html, links: vec!["/trap/error-page.html".into()] }).into();
        Contents { resources, trap, shortest: *plan.latency.start() }
    }
}

const SLOW: &str = "/slow.html";

fn sheet(title: &str) -> Sheet {
    let html = format!(
        "<!DOCTYPE HTML>\n<html lang=\"en\">\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n</body>\n</html>\n"
    );
    Sheet { html, links: Vec::new() }
}

/// Puts the links of a page at its end.
fn bind(Sheet { mut html, links }: Sheet) -> String {
    let mut further = String::from("<nav>\n");
    for link in links {
        further.push_str(&format!("<a href=\"{link}\">further reading</a>\n"));
    }
    further.push_str("</nav>\n");
    html.insert_str(html.rfind("</body>").unwrap_or(html.len()), &further);
    html
}
