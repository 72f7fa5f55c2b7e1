//! The pages before they are served: from the Rust documentation, or made up.

use std::{
    collections::{BTreeSet, VecDeque},
    env, fs, io,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use rand::{RngExt, seq::IndexedRandom};
use rand_pcg::Pcg64Mcg;
use url::Url;

use super::{Corpus, Plan};

/// The books whose pages are served: small pages with many links between them.
const BOOKS: [&str; 4] = ["book", "nomicon", "reference", "rust-by-example"];
/// Smaller files are stubs that redirect by script, larger ones are whole books on one page.
const FILE_BYTES: Range<u64> = 3_000..64_000;
/// Pages that are not meant to be read as they are.
const NOT_PAGES: [&str; 3] = ["404.html", "print.html", "toc.html"];

/// A page as its author left it.
pub(super) struct Page {
    /// Its path on the site: `/book/ch04-01-what-is-ownership.html`.
    pub(super) address: String,
    pub(super) html: String,
}

/// Picks up to `plan.pages` pages.
pub(super) fn pages(plan: &Plan, random: &mut Pcg64Mcg) -> io::Result<(Corpus, Vec<Page>)> {
    match documentation() {
        Some(root) if !plan.generated => {
            let pages = documented(&root, plan.pages, random)?;
            Ok((Corpus::RustDocumentation { root }, pages))
        }
        _ => Ok((Corpus::Generated, generated(plan.pages, random))),
    }
}

/// Where rustup has put the documentation of the compiler in use.
fn documentation() -> Option<PathBuf> {
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let answer = Command::new(compiler).args(["--print", "sysroot"]).output().ok()?;
    let sysroot = String::from_utf8(answer.stdout).ok()?;
    let root = Path::new(sysroot.trim()).join("share/doc/rust/html");
    BOOKS.iter().all(|book| root.join(book).is_dir()).then_some(root)
}

/// Follows the documentation's own links, breadth first, from a page of each book.
fn documented(root: &Path, wanted: usize, random: &mut Pcg64Mcg) -> io::Result<Vec<Page>> {
    let mut queue = VecDeque::new();
    for book in BOOKS {
        let names: BTreeSet<String> = fs::read_dir(root.join(book))?
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<_>>()?;
        let names: Vec<String> =
            names.into_iter().map(|name| format!("/{book}/{name}")).filter(|path| is_page(root, path)).collect();
        queue.extend(names.choose(random).cloned());
    }
    let mut seen: BTreeSet<String> = queue.iter().cloned().collect();
    let mut pages = Vec::new();
    while pages.len() < wanted
        && let Some(address) = queue.pop_front()
    {
        let html = String::from_utf8_lossy(&fs::read(root.join(&address[1..]))?).into_owned();
        let base = Url::parse(&format!("http://documentation{address}")).map_err(io::Error::other)?;
        for anchor in anchors(&html) {
            if let Ok(url) = base.join(&html[anchor])
                && url.origin() == base.origin()
                && is_page(root, url.path())
                && seen.insert(url.path().to_owned())
            {
                queue.push_back(url.path().to_owned());
            }
        }
        pages.push(Page { address, html });
    }
    Ok(pages)
}

fn is_page(root: &Path, address: &str) -> bool {
    let Some((book, _)) = address[1..].split_once('/') else { return false };
    let name = address.rsplit('/').next().unwrap_or_default();
    let size = || fs::metadata(root.join(&address[1..])).is_ok_and(|file| file.is_file() && FILE_BYTES.contains(&file.len()));
    BOOKS.contains(&book) && name.ends_with(".html") && !NOT_PAGES.contains(&name) && size()
}

/// Where the values of `href` stand in the anchors of a page, as mdBook and this module write them: in lower case and double
/// quotes. Good enough to prepare pages whose author is known; no way to read pages that anyone may have written.
fn anchors(html: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (tag, _) in html.match_indices("<a ") {
        let end = html[tag..].find('>').map_or(html.len(), |length| tag + length);
        if let Some(at) = html[tag..end].find("href=\"") {
            let start = tag + at + "href=\"".len();
            let length = html[start..].find('"').unwrap_or(0);
            found.push(start..start + length);
        }
    }
    found
}

/// Turns every link that leaves the site, or leads to a page that is not `served`, into one to the neighbour.
pub(super) fn turn_links(html: &str, base: &Url, neighbour: &Url, served: impl Fn(&str) -> bool) -> String {
    let mut turned = String::with_capacity(html.len() + 1024);
    let mut copied = 0;
    for anchor in anchors(html) {
        let Ok(url) = base.join(&html[anchor.clone()].replace("&amp;", "&")) else { continue };
        let here = url.origin() == base.origin();
        if !matches!(url.scheme(), "http" | "https") || (here && served(url.path())) {
            continue;
        }
        let host = if here { "doc.rust-lang.org" } else { url.host_str().unwrap_or_default() };
        turned.push_str(&html[copied..anchor.start]);
        turned.push_str(&format!("{neighbour}{host}{}", url.path()));
        copied = anchor.end;
    }
    turned.push_str(&html[copied..]);
    turned
}

const SECTIONS: usize = 8;
const WORDS: [&str; 24] = [
    "a", "the", "lock", "thread", "waits", "for", "value", "owner", "borrows", "until", "queue", "is", "empty", "and", "then",
    "sends", "every", "task", "its", "own", "result", "without", "copying", "memory",
];

/// A book of chapters and sections, about 20 kB a page.
fn generated(wanted: usize, random: &mut Pcg64Mcg) -> Vec<Page> {
    let address = |page: usize| format!("/guide/chapter-{}/section-{}.html", page / SECTIONS + 1, page % SECTIONS + 1);
    let relative = |page: usize| format!("..{}", &address(page)["/guide".len()..]);
    (0..wanted)
        .map(|page| {
            let (chapter, section) = (page / SECTIONS + 1, page % SECTIONS + 1);
            let mut html = format!(
                "<!DOCTYPE HTML>\n<html lang=\"en\">\n<head><meta charset=\"UTF-8\">\n<title>{chapter}.{section} - A generated guide\
                 </title>\n<link rel=\"stylesheet\" href=\"../book.css\"></head>\n<body>\n<main>\n<h1>Section {section}</h1>\n"
            );
            for paragraph in 0..60 {
                html.push_str("<p>");
                for _ in 0..40 {
                    html.push_str(WORDS.choose(random).expect("there are words"));
                    html.push(' ');
                }
                if paragraph % 12 == 0 {
                    let other = random.random_range(0..wanted);
                    html.push_str(&format!("see <a href=\"{}#part-{paragraph}\">there</a>", relative(other)));
                }
                if paragraph % 20 == 0 {
                    html.push_str("</p>\n<pre><code>let page = &quot;&lt;a href=&quot;/trap/code.html&quot;&gt;&quot;;</code></pre>\n<p>");
                }
                html.push_str("</p>\n");
            }
            if page + 1 < wanted {
                html.push_str(&format!("<a rel=\"next\" href=\"{}\">Next</a>\n", relative(page + 1)));
            }
            html.push_str("<a href=\"https://www.rust-lang.org/\">Rust</a>\n</main>\n</body>\n</html>\n");
            Page { address: address(page), html }
        })
        .collect()
}
