//! What a right crawl finds, worked out from the bytes that are served.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use scraper::{Html, Selector};
use url::Url;

use super::contents::{Answer, Contents, HTML};

/// What a right crawl finds. Addresses are paths, with their query if they have one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Everything that answers 200 in the end.
    pub pages: BTreeMap<String, ExpectedPage>,
    /// Everything that does not: the status, or `None` where the connection breaks. Redirects are neither here nor there.
    pub failed: BTreeMap<String, Option<u16>>,
    /// How many times each address is asked for.
    pub requests: BTreeMap<String, u32>,
}

/// What is to be read in a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedPage {
    /// The text of its `<title>`, trimmed; empty where it has none, and in files that are not HTML.
    pub title: String,
    /// The addresses on this site that its `<a href>` lead to.
    pub links: BTreeSet<String>,
    /// The length of its body.
    pub bytes: usize,
}

impl Expected {
    /// The addresses of all pages.
    pub fn addresses(&self) -> BTreeSet<String> {
        self.pages.keys().cloned().collect()
    }
}

pub(super) fn walk(contents: &Contents, start: &Url, retries: u32) -> Expected {
    let mut expected = Expected::default();
    let mut queue = VecDeque::from([start.path().to_owned()]);
    let mut seen: BTreeSet<String> = queue.iter().cloned().collect();
    while let Some(address) = queue.pop_front() {
        let mut found = BTreeSet::new();
        let mut requests = 1;
        match contents.get(&address) {
            None => drop(expected.failed.insert(address.clone(), Some(404))),
            Some(resource) if resource.busy > retries => {
                requests = retries + 1;
                expected.failed.insert(address.clone(), Some(503));
            }
            Some(resource) => {
                requests = resource.busy + 1;
                match &resource.answer {
                    Answer::Broken => drop(expected.failed.insert(address.clone(), Some(500))),
                    Answer::CutOff => drop(expected.failed.insert(address.clone(), None)),
                    Answer::Moved { to } => found.extend(resolve(start, &address, to)),
                    Answer::Content { kind, body } => {
                        let mut page = ExpectedPage { bytes: body.len(), ..ExpectedPage::default() };
                        if *kind == HTML {
                            (page.title, page.links) = read(start, &address, &String::from_utf8_lossy(body));
                        }
                        found.clone_from(&page.links);
                        expected.pages.insert(address.clone(), page);
                    }
                }
            }
        }
        expected.requests.insert(address, requests);
        queue.extend(found.into_iter().filter(|link| seen.insert(link.clone())));
    }
    expected
}

fn read(site: &Url, address: &str, html: &str) -> (String, BTreeSet<String>) {
    let document = Html::parse_document(html);
    let select = |selector: &str| Selector::parse(selector).expect("a selector of this file");
    let title = document.select(&select("title")).next().map(|title| title.text().collect::<String>()).unwrap_or_default();
    let base = document.select(&select("base[href]")).next().and_then(|base| base.attr("href")).unwrap_or_default();
    let base = site.join(address).and_then(|page| page.join(base)).unwrap_or_else(|_| site.clone());
    let anchors = select("a[href]");
    let links = document.select(&anchors).filter_map(|anchor| resolve(site, base.as_str(), anchor.attr("href")?)).collect();
    (title.trim().to_owned(), links)
}

/// The address that `link` on the page `from` leads to, if that is on the site.
fn resolve(site: &Url, from: &str, link: &str) -> Option<String> {
    let url = site.join(from).ok()?.join(link).ok()?;
    (url.origin() == site.origin()).then(|| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
}
