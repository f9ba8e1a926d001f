//! Every page renders from its samples: with nothing, one and a thousand rows, with long words, and with what people
//! write to break pages. Written to `PAGE_SAMPLES`, if it names a folder, for the browser to look at.

use std::path::Path;
use std::sync::Arc;

use askama::Template;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::text::Language;

use super::visit::{Theme, Visit};
use super::{House, Mounted};
use crate::config::Seller;

/// A very long word, as Germans build them.
pub(super) const LONG: &str =
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
/// No space in it to break a line at.
pub(super) const LONG_ZH: &str =
    "这是一个非常非常长的没有任何空格的中文套餐名称用来检查页面在最窄的手机上是否仍然不会横向滚动";
/// Markup, the end of an attribute, a mark that turns the line around.
pub(super) const HOSTILE: &str =
    "<script>alert(1)</script>\"><img src=x onerror=alert(1)>\u{202e}x";

/// How many rows a sample has.
pub(super) const ROWS: [usize; 3] = [0, 1, 1_000];

/// A visit that nobody made.
pub(super) fn visit(language: Language) -> Visit {
    let house = House {
        sandbox: true,
        zone: chrono_tz::Tz::Asia__Shanghai,
        public_url: "http://localhost:8080".to_owned(),
        // Whoever sets it may have copied it from anywhere.
        seller: Arc::new(Seller {
            name: Some(HOSTILE.to_owned()),
            details: vec![HOSTILE.to_owned(), LONG.to_owned()],
        }),
        origins: Vec::new(),
        secure: false,
        mounted: Mounted::Whole,
        entropy: Entropy::seeded(7),
        closing: tokio::sync::watch::channel(false).1,
        installation: None,
        clock: Clock::system(),
    };
    Visit::sample(house, language, Theme::System)
}

/// Renders a sample, and looks at what must be so on every page.
pub(super) fn render(name: &str, page: &impl Template) -> String {
    let html = page
        .render()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(html.contains("<h1"), "{name}: no heading");
    assert!(!html.contains("<script>"), "{name}: a script of somebody");
    assert!(!html.contains("<img src=x"), "{name}: markup of somebody");
    assert!(
        !html.contains(" style=\""),
        "{name}: a style that the policy refuses"
    );
    assert!(
        !html.contains(" onclick="),
        "{name}: a script that the policy refuses"
    );
    if let Ok(folder) = std::env::var("PAGE_SAMPLES") {
        let path = Path::new(&folder).join(format!("{name}.html"));
        std::fs::create_dir_all(&folder).expect("a folder for samples");
        std::fs::write(path, &html).expect("a sample is written");
    }
    html
}

/// Each language under its tag.
pub(super) fn languages() -> [(&'static str, Language); 2] {
    [("zh", Language::Zh), ("en", Language::En)]
}
