//! The crawl as a stream of futures: `FuturesUnordered`, topped up to as many requests as may be in flight.

use std::{
    collections::{BTreeSet, VecDeque},
    fs, io,
    path::Path,
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use lab::workload::Setup;
use reqwest::{Client, redirect};
use scraper::{Html, Selector};
use tokio::runtime::{Builder, Runtime};
use url::{Position, Url};

use crate::Contender;

/// Address, title, links: as the exercise's workload reads it.
type Page = (String, String, BTreeSet<String>);

struct Crawl {
    start: Url,
    in_flight: usize,
    runtime: Runtime,
    pages: Vec<Page>,
}

pub fn futures_unordered(setup: &Setup, input: &Path) -> io::Result<Box<dyn Contender>> {
    let start = Url::parse(fs::read_to_string(input)?.trim()).map_err(io::Error::other)?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    Ok(Box::new(Crawl { start, in_flight: setup.threads, runtime, pages: Vec::new() }))
}

impl Contender for Crawl {
    fn ready(&mut self) {
        self.pages = Vec::new();
    }

    fn run(&mut self) {
        self.pages = self.runtime.block_on(crawl(self.start.clone(), self.in_flight));
    }

    fn output(&self) -> Vec<u8> {
        let line = |page: &Page| serde_json::to_string(page).expect("strings become JSON") + "\n";
        self.pages.iter().map(line).collect::<String>().into()
    }
}

async fn crawl(start: Url, in_flight: usize) -> Vec<Page> {
    let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(Duration::from_secs(10));
    let client = client.build().expect("a client without TLS needs nothing that can fail");
    let mut seen = BTreeSet::from([address(&start)]);
    let (mut queue, mut pages, mut asked) = (VecDeque::from([start]), Vec::new(), FuturesUnordered::new());
    loop {
        while asked.len() < in_flight
            && let Some(url) = queue.pop_front()
        {
            asked.push(tokio::spawn(ask(client.clone(), url)));
        }
        let Some(answer) = asked.next().await else { return pages };
        let (page, links) = answer.expect("a request does not panic");
        pages.push(page);
        queue.extend(links.into_iter().filter(|link| seen.insert(address(link))));
    }
}

/// One page: asked for, read to its end, and parsed, on whatever thread is free.
async fn ask(client: Client, url: Url) -> (Page, Vec<Url>) {
    let response = client.get(url.clone()).send().await.expect("the site answers");
    let body = response.error_for_status().expect("nothing fails on this site").bytes().await.expect("the whole page");
    let selector = |text| Selector::parse(text).expect("a selector of this file");
    let document = Html::parse_document(&String::from_utf8_lossy(&body));
    let title = document.select(&selector("title")).next().map(|title| title.text().collect::<String>()).unwrap_or_default();
    let anchors = selector("a[href]");
    let links = document.select(&anchors).filter_map(|anchor| url.join(anchor.attr("href")?).ok());
    let links: Vec<Url> = links.filter(|link| link.origin() == url.origin()).collect();
    ((address(&url), title.trim().into(), links.iter().map(address).collect()), links)
}

fn address(url: &Url) -> String {
    url[Position::BeforePath..Position::AfterQuery].to_owned()
}
