//! What is legal on the web and seldom tried: markup, addresses and files that a hasty crawler gets wrong.
//!
//! A link to `/trap/..` stands where a parser sees none: whoever asks for it has searched text instead of reading a document.

use url::Url;

use super::contents::HTML;

/// The page that links to all others.
pub(super) const HUB: &str = "/odd/";

/// Address, media type and body of each.
pub(super) fn all(site: &Url, neighbour: &Url) -> Vec<(String, &'static str, String)> {
    // Without its closing slash, so that a path can follow.
    let site_origin = site.as_str().trim_end_matches('/');
    let port = site.port().unwrap_or(80);
    let page = |name: &str, title: &str, body: &str| {
        let html = format!("<!doctype html><html><head><title>{title}</title></head><body>\n{body}\n</body></html>\n");
        (format!("{HUB}{name}"), HTML, html)
    };
    let plain = |name: &str, body: &str| (format!("{HUB}{name}"), "text/plain; charset=utf-8", body.to_owned());
    vec![
        page(
            "",
            "Odd &amp; legal",
            "<a href='quotes.html'>single quotes</a> <a href=places>no quotes, no extension</a>
             <A HREF=\"shouting.html\">upper case</A> <a class=x\n  href = \"spaced.html\"\n>spaces</a>
             <a href=\"  trimmed.html  \">spaces inside</a> <a href=\"/odd&#47;escaped.html\">an escape</a>
             <a href=\"café.html\">not ASCII</a> <a href=\"list.html?page=1&amp;by=name\">a query</a>
             <a href=\"base/\">a base</a> <a href=\"self.html\">itself</a> <a href=\"elsewhere.html\">elsewhere</a>
             <a href=\"notes.txt\">text</a> <a href=\"named-like-a-page.html\">more text</a> <a href=\"data.json\">data</a>
             <a href=\"empty.html\">empty</a> <a href=\"untitled.html\">untitled</a> <a href=\"unclosed.html\">unclosed</a>",
        ),
        page(
            "quotes.html",
            "Quotes",
            "<!-- <a href=\"/trap/comment.html\">a comment</a> -->
             <script>document.write('<a href=\"/trap/script.html\">a script</a>');</script>
             <textarea><a href=\"/trap/textarea.html\">typed</a></textarea>
             <pre>&lt;a href=\"/trap/escaped.html\"&gt;</pre>
             <a data-href=\"/trap/data.html\">not a link</a> <a name=\"href=/trap/name.html\">nor this</a>
             <p title='<a href=\"/trap/attribute.html\">'>nor this</p>
             <a title='a > b' href='quoted.html'>but this</a>",
        ),
        page("quoted.html", "Quoted", ""),
        page("places", "A page without an extension", "<a href=\"./a/../b/./../placed.html\">dots</a>"),
        page("placed.html", "Dots", "<a href=\"../../../../\">above the root is the root</a>"),
        page("shouting.html", "<a href=\"/trap/title.html\">A title is text</a>", ""),
        page("spaced.html", "  \n Spaced \t\n", ""),
        page("trimmed.html", "Trimmed", ""),
        page("escaped.html", "Escaped", ""),
        page("caf%C3%A9.html", "Café", ""),
        page("list.html?page=1&by=name", "List, page 1", "<a href=\"?page=2&amp;by=name\">next</a>"),
        page("list.html?page=2&by=name", "List, page 2", "<a href=\"?page=1&amp;by=name\">back</a> <a href=\"?\">no query</a>"),
        page("list.html?", "List, an empty query is not none", "<a href=\"list.html\">all</a>"),
        page("list.html", "List", ""),
        (
            format!("{HUB}base/"),
            HTML,
            format!(
                "<!doctype html><html><head><base href=\"{HUB}base/of/links/\"><title>Base</title></head><body>\
                 <a href=\"leaf.html\">below the base</a> <a href=\"../../up.html\">above it</a> \
                 <a href=\"#top\">of the base, not of the page</a></body></html>"
            ),
        ),
        page("base/of/links/", "The base itself", ""),
        page("base/of/links/leaf.html", "A leaf", ""),
        page("base/up.html", "Up", ""),
        page(
            "self.html",
            "Itself",
            "<a href=\"self.html\">me</a> <a href=\"\">me</a> <a href=\"#me\">me</a> <a href=\"./self.html#me\">me</a>
             <a href=\"/odd/self.html\">me</a> <a href=\"../odd/self.html\">me</a>",
        ),
        page(
            "elsewhere.html",
            "Elsewhere",
            &format!(
                "<a href=\"{neighbour}index.html\">another port</a> <a href=\"http://localhost:{port}/odd/\">another name</a>
                 <a href=\"https://127.0.0.1:{port}/odd/\">another scheme</a> <a href=\"//localhost:{port}/\">the same scheme</a>
                 <a href=\"mailto:nobody@localhost\">mail</a> <a href=\"javascript:void(0)\">a script</a>
                 <a href=\"http://[::1/\">no address at all</a> <a href=\"{site_origin}/odd/back.html\">back</a>"
            ),
        ),
        page("back.html", "Back", ""),
        plain("notes.txt", "Write <a href=\"/trap/text.html\">like this</a> to make a link.\n"),
        plain("named-like-a-page.html", "<html><a href=\"/trap/text-named-html.html\">not a page</a></html>\n"),
        (format!("{HUB}data.json"), "application/json", "{\"html\":\"<a href='/trap/json.html'>\"}\n".to_owned()),
        (format!("{HUB}empty.html"), HTML, String::new()),
        (format!("{HUB}untitled.html"), HTML, "<p>Nothing <a href=/odd/below.html>more".to_owned()),
        page("below.html", "Below", ""),
        (
            format!("{HUB}unclosed.html"),
            HTML,
            "<title>Unclosed</title><table><tr><td><a href=in-a-table.html>in a table<p><b>and</b><div>open".to_owned(),
        ),
        page("in-a-table.html", "In a table", ""),
    ]
}
