//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use std::collections::{BTreeMap, BTreeSet};

use crawler::{Failure, Options, Page, Report, crawl, read_page};
use url::Url;

const _: fn(&Url, &str) -> (String, Vec<Url>) = read_page;
const _: fn(&Report) -> &BTreeMap<String, Page> = |report| &report.pages;
const _: fn(&Report) -> &BTreeMap<String, Failure> = |report| &report.failed;
const _: fn(&Page) -> (&String, &BTreeSet<String>, usize) = |page| (&page.title, &page.links, page.bytes);

async fn _crawl(start: Url, options: &Options) -> Report {
    crawl(start, options).await
}
