//! The crawl as a measurable program: the axis is how many requests may be in flight.

use std::{
    collections::{BTreeSet, VecDeque},
    fs, io,
    path::Path,
    process::ExitCode,
    time::Duration,
};

use crawler::{Options, Page, Report, address, client};
use lab::{
    site::{Plan, Site},
    workload::{self, Axis, Setup, Spec, Workload},
};
use reqwest::header;
use scraper::{Html, Selector};
use tokio::runtime::{Builder, Runtime};
use url::Url;

struct Crawl {
    site: Site,
    runtime: Runtime,
    options: Options,
}

impl Workload for Crawl {
    type Input = Url;
    type Output = Report;

    fn spec() -> Spec {
        Spec { name: "crawler".into(), size_unit: "pages".into(), cost_unit: None, axis: Axis::InFlight, quick: 40, full: 180 }
    }

    fn prepare(setup: &Setup) -> Self {
        let latency = Duration::from_millis(2)..=Duration::from_millis(14);
        let plan = Plan { seed: setup.seed, pages: setup.size as usize, latency, fan_out: 8, ..Plan::default() };
        let site = Site::start(&plan).expect("a site on loopback");
        let runtime = Builder::new_multi_thread().thread_name("crawler").enable_all().build().expect("threads for a runtime");
        let options = Options { in_flight: setup.threads, retries: 3, backoff: Duration::from_millis(5) };
        Self { site, runtime, options }
    }

    fn input(&self) -> Url {
        self.site.reset();
        self.site.url().clone()
    }

    /// One request after the other, with the same client and the same parser.
    fn baseline(&self, start: Url) -> Report {
        self.runtime.block_on(one_by_one(start))
    }

    fn submission(&self, start: Url) -> Report {
        self.runtime.block_on(crawler::crawl(start, &self.options))
    }

    /// Without the lengths: a page that names the site's port is one byte longer if the port is.
    fn digest(&self, report: &Report) -> u64 {
        let pages: Vec<_> = report.pages.iter().map(|(address, page)| (address, &page.title, &page.links)).collect();
        workload::digest_of(&(pages, report.failed.keys().collect::<Vec<_>>()))
    }

    /// The address to start from, on loopback: this process serves the site.
    fn export(&self, file: &Path) -> io::Result<()> {
        fs::write(file, self.site.url().as_str())
    }

    /// A line for each page, in any order, as JSON: `["/address?query","title",["/link",..]]`, as in a [`Page`]. Whoever had more
    /// requests in flight than was agreed has run another race.
    fn import(&self, file: &Path, threads: usize) -> io::Result<Report> {
        let most = self.site.record().max_in_flight();
        if most > threads {
            return Err(io::Error::other(format!("{most} requests were in flight where {threads} were agreed")));
        }
        let pages = workload::json_lines(file)?.into_iter();
        let pages =
            pages.map(|(address, title, links): (String, String, BTreeSet<String>)| (address, Page { title, links, bytes: 0 }));
        Ok(Report { pages: pages.collect(), ..Report::default() })
    }
}

async fn one_by_one(start: Url) -> Report {
    let client = client();
    let selector = |text| Selector::parse(text).expect("a selector of this file");
    let (title, anchor) = (selector("title"), selector("a[href]"));
    let mut report = Report::default();
    let mut seen = BTreeSet::from([address(&start)]);
    let mut queue = VecDeque::from([start]);
    while let Some(url) = queue.pop_front() {
        let response = client.get(url.clone()).send().await.expect("the site answers");
        assert_eq!(response.status(), 200, "nothing fails on this site");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        let body = response.bytes().await.expect("the whole page");
        let document = Html::parse_document(&String::from_utf8_lossy(&body));
        let title = document.select(&title).next().map(|title| title.text().collect::<String>()).unwrap_or_default();
        let links = document.select(&anchor).filter_map(|anchor| url.join(anchor.attr("href")?).ok());
        let links: Vec<Url> = links.filter(|link| link.origin() == url.origin()).collect();
        let page = Page { title: title.trim().into(), links: links.iter().map(address).collect(), bytes: body.len() };
        report.pages.insert(address(&url), page);
        queue.extend(links.into_iter().filter(|link| seen.insert(address(link))));
    }
    report
}

fn main() -> ExitCode {
    workload::main::<Crawl>()
}
