//! What stands around every page: name, language, theme, account, tabs.

use tollgate_auth::model::user::User;
use tollgate_kernel::permission::{
    ADMIN, AUDIT_READ, PAYMENTS_READ, Permissions, USAGE_READ, USERS_READ,
};
use tollgate_kernel::text::Language;
use tollgate_kernel::words::Spoken;

use super::Mounted;
use super::visit::{Theme, Visit, Visitor};
use super::written::Written;
use crate::words::WORDS;

/// The tabs of who signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Subscription,
    Usage,
    Keys,
    Payments,
    /// Reached by the account's name.
    Settings,
    /// None of them: prices.
    None,
}

impl Tab {
    const SHOWN: [(Self, &'static str, &'static str); 5] = [
        (Self::Overview, "/portal", "tab.overview"),
        (
            Self::Subscription,
            "/portal/subscription",
            "tab.subscription",
        ),
        (Self::Usage, "/portal/usage", "tab.usage"),
        (Self::Keys, "/portal/keys", "tab.keys"),
        (Self::Payments, "/portal/payments", "tab.payments"),
    ];
}

/// The pages of staff, and the permission that each is for.
const CONSOLE: [(&str, &str, &str); 14] = [
    ("/console", "console.home", PAYMENTS_READ),
    ("/console/users", "console.users", USERS_READ),
    ("/console/plans", "console.plans", ADMIN),
    (
        "/console/subscriptions",
        "console.subscriptions",
        PAYMENTS_READ,
    ),
    (
        "/console/transactions",
        "console.transactions",
        PAYMENTS_READ,
    ),
    ("/console/refunds", "console.refunds", PAYMENTS_READ),
    ("/console/suspense", "console.suspense", PAYMENTS_READ),
    ("/console/usage", "console.usage", USAGE_READ),
    ("/console/callbacks", "console.callbacks", PAYMENTS_READ),
    ("/console/webhooks", "console.webhooks", ADMIN),
    ("/console/keys", "console.keys", ADMIN),
    ("/console/audit", "console.audit", AUDIT_READ),
    ("/console/jobs", "console.jobs", ADMIN),
    ("/console/settings", "console.settings", ADMIN),
];

/// A way to another page.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) href: String,
    pub(super) text: String,
    pub(super) is_here: bool,
}

/// What every template begins with.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) language: Language,
    pub(super) theme: Theme,
    /// Where the sandbox tells of itself, in one.
    pub(super) sandbox: Option<&'static str>,
    /// Where everything begins, if there is such a page here.
    pub(super) home: Option<&'static str>,
    /// What forms carry.
    pub(super) form_word: String,
    /// Who signed in.
    pub(super) account: Option<String>,
    /// Whether the way to the console is shown.
    pub(super) is_staff: bool,
    pub(super) tabs: Vec<Link>,
    /// The list of the console, on its pages.
    pub(super) console: Vec<Link>,
    pub(super) other_language: Link,
    pub(super) themes: Vec<Link>,
    /// Whoever asks a search engine finds the prices, and nothing else.
    pub(super) is_public: bool,
    mounted: Mounted,
    zone: chrono_tz::Tz,
}

impl Frame {
    /// Of a page that anybody may see.
    pub(super) fn plain(visit: &Visit, title: String) -> Self {
        let words = visit.words();
        let mounted = visit.house.mounted;
        let (other, name) = match visit.language {
            Language::Zh => ("en", WORDS.say(Language::En, "language.name")),
            Language::En => ("zh", WORDS.say(Language::Zh, "language.name")),
        };
        let themes = Theme::ALL.map(|theme| Link {
            href: visit.here_with("theme", theme.as_str()),
            text: words.say(&format!("theme.{}", theme.as_str())),
            is_here: theme == visit.theme,
        });
        Self {
            title,
            language: visit.language,
            theme: visit.theme,
            sandbox: visit.house.sandbox.then(|| mounted.sandbox()),
            home: mounted.home(),
            mounted,
            form_word: visit.form_word(),
            account: None,
            is_staff: false,
            tabs: Vec::new(),
            console: Vec::new(),
            other_language: Link {
                href: visit.here_with("lang", other),
                text: name.to_owned(),
                is_here: false,
            },
            themes: themes.into(),
            is_public: false,
            zone: visit.house.zone,
        }
    }

    /// Of a page of somebody who signed in.
    pub(super) fn of(visitor: &Visitor, tab: Tab, title: String) -> Self {
        Self::plain(&visitor.visit, title).with_account(&visitor.user, tab)
    }

    /// Of a page of staff at `path`. The list shows what `permissions` open.
    pub(super) fn of_console(
        visitor: &Visitor,
        permissions: &Permissions,
        path: &str,
        title: String,
    ) -> Self {
        let mut frame = Self::of(visitor, Tab::None, title);
        let words = frame.words();
        let open = CONSOLE.iter().filter(|(.., name)| permissions.hold(name));
        frame.tabs = Vec::new();
        frame.console = open
            .map(|(href, name, _)| Link {
                href: (*href).to_owned(),
                text: words.say(name),
                is_here: *href == path,
            })
            .collect();
        frame
    }

    /// With the account of who signed in.
    pub(super) fn with_account(mut self, user: &User, tab: Tab) -> Self {
        let words = self.words();
        let is_whole = self.mounted == Mounted::Whole;
        let tabs = Tab::SHOWN.into_iter();
        let tabs = tabs.filter(|(shown, ..)| is_whole || *shown == Tab::Keys);
        let tabs = tabs.map(|(shown, href, name)| Link {
            href: href.to_owned(),
            text: words.say(name),
            is_here: shown == tab,
        });
        self.tabs = tabs.collect();
        self.account = Some(user.username.clone());
        self.is_staff = is_whole && !user.permissions().names().is_empty();
        self
    }

    pub(super) fn words(&self) -> Spoken {
        WORDS.spoken(self.language)
    }

    /// A sentence, for templates.
    pub(super) fn say(&self, name: &str) -> String {
        self.words().say(name)
    }

    /// Money, numbers and times as this reader writes them.
    pub(super) fn written(&self) -> Written {
        Written {
            language: self.language,
            zone: self.zone,
        }
    }

    /// As in `lang`.
    pub(super) fn tag(&self) -> &'static str {
        self.language.tag()
    }
}
