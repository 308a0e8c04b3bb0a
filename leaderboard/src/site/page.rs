//! The frame of every page.

use super::markup::Markup;

/// No inline script or style, nothing from another place, no forms that send.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'";

/// What differs between pages.
pub(super) struct Page<'a> {
    /// The page's own title.
    pub(super) title: &'a str,
    /// The site's title.
    pub(super) site: &'a str,
    /// How many folders deep it lies.
    pub(super) depth: usize,
    /// Its sections: anchor and name.
    pub(super) sections: &'a [(&'static str, &'a str)],
}

impl Page<'_> {
    /// The way to the site's root: ``, `../`, `../../` …
    pub(super) fn root(&self) -> String {
        "../".repeat(self.depth)
    }

    /// The whole document around `content`.
    pub(super) fn render(&self, content: impl FnOnce(&mut Markup)) -> String {
        let mut page = Markup::default();
        self.head(&mut page);
        page.literal("<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n");
        self.bar(&mut page);
        page.literal("<main id=\"main\">\n");
        content(&mut page);
        page.literal("\n</main>\n<footer><p>Made by retally ").text(env!("CARGO_PKG_VERSION"));
        page.literal(" from signed submissions. Names and dates are those that submitters gave.</p></footer>\n</body>\n</html>\n");
        page.into_string()
    }

    fn head(&self, page: &mut Markup) {
        let root = self.root();
        page.literal("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        let policy: &dyn std::fmt::Display = &CONTENT_SECURITY_POLICY;
        page.open("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", policy)]);
        page.literal(
            "\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n",
        );
        page.open(
            "meta",
            &[("name", &"generator"), ("content", &concat!("retally ", env!("CARGO_PKG_VERSION")))],
        );
        let is_front = self.title == self.site;
        page.literal("\n<title>").text(self.title);
        if !is_front {
            page.literal(" · ").text(self.site);
        }
        page.literal("</title>\n");
        let asset = |name: &str| format!("{root}assets/{name}");
        page.open(
            "link",
            &[("rel", &"icon"), ("type", &"image/svg+xml"), ("href", &asset("icon.svg"))],
        );
        page.literal("\n").open("link", &[("rel", &"stylesheet"), ("href", &asset("site.css"))]);
        let feed = format!("{root}feed.xml");
        page.literal("\n").open(
            "link",
            &[
                ("rel", &"alternate"),
                ("type", &"application/atom+xml"),
                ("title", &self.site),
                ("href", &feed),
            ],
        );
        page.literal("\n").open("script", &[("src", &asset("site.js"))]);
        page.literal("</script>\n</head>\n");
    }

    fn bar(&self, page: &mut Markup) {
        page.literal("<header class=\"bar\">\n");
        let front = format!("{}index.html", self.root());
        page.element("a", &[("class", &"brand"), ("href", &front)], self.site);
        page.literal("\n<nav aria-label=\"Sections\">\n<ul>\n");
        for (anchor, name) in self.sections {
            page.literal("<li>");
            page.element("a", &[("href", &format_args!("#{anchor}"))], name).literal("</li>\n");
        }
        page.literal(
            "</ul>\n</nav>\n\
             <button type=\"button\" id=\"theme\" aria-pressed=\"false\" hidden>Dark theme</button>\n</header>\n",
        );
    }
}
