//! The page of an order, in words.

use std::time::Duration;

use askama::Template;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::words::Spoken;
use tollgate_payment::model::payment::{Payment, PaymentMethod, PaymentStatus};
use tollgate_payment::model::plan::{Plan, PlanMeter};
use tollgate_payment::shapes::NextStep;
use tollgate_payment::{Offer, Purchase, Question};

use super::super::frame::Frame;
use super::super::visit::Visit;
use super::super::written::Written;
use super::device::{Device, Ways};
use super::status_name;

/// Why a way to pay led nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Its rail gave no answer, or a no.
    Busy,
    /// The plan is not on sale any more.
    OffSale,
    /// What the buyer has by now goes before.
    NotNow,
}

impl Told {
    const ALL: [Self; 3] = [Self::Busy, Self::OffSale, Self::NotNow];

    /// Other words say nothing.
    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|told| told.as_str() == word)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::OffSale => "off_sale",
            Self::NotNow => "not_now",
        }
    }
}

/// Whether the buyer wanted to know now, and what was last asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    /// They only look.
    Unwanted,
    /// The provider was not asked yet.
    NeverYet,
    /// This was.
    Last(Question),
}

/// What a page is made from.
pub(super) struct Shown<'a> {
    pub(super) link: &'a str,
    pub(super) order: &'a Payment,
    pub(super) bought: Option<Purchase>,
    /// While it can be paid.
    pub(super) left: Option<Duration>,
    pub(super) step: NextStep,
    pub(super) ways: Ways,
    pub(super) asked: Asked,
    /// The buyer comes from the provider.
    pub(super) is_back: bool,
    pub(super) told: Option<Told>,
}

#[derive(Template)]
#[template(path = "checkout.html")]
pub(super) struct CheckoutPage<'a> {
    frame: Frame,
    link: &'a str,
    // What is bought.
    title: String,
    kind: String,
    period: Option<String>,
    units: Vec<String>,
    seller: Option<String>,
    price: Option<String>,
    credit: Option<String>,
    amount: String,
    order_no: String,
    until: Option<Moment>,
    // How it stands.
    status: PaymentStatus,
    status_text: String,
    /// Why it cannot be paid, and what became of money for it.
    reason: Option<String>,
    notice: Option<Notice>,
    /// Seconds, and as they are written.
    countdown: Option<(u64, String)>,
    // How it can be paid.
    code: Option<Code>,
    scan: String,
    /// For WeChat's bridge.
    bridge: Option<String>,
    own: Option<Button>,
    anew: Option<Button>,
    others: Vec<Button>,
    above: String,
    /// That a rail works elsewhere only, and the address to open there.
    elsewhere: Option<(String, String)>,
    // What there is once it is paid.
    paid: Option<Paid>,
    return_url: Option<&'a str>,
}

/// A moment, for programs and for readers.
struct Moment {
    iso: String,
    text: String,
}

/// A code to scan.
struct Code {
    /// Where it leads, for whoever looks at it on what would scan it.
    opens: Option<String>,
    /// Behind a word: the button is for who looks at it here.
    is_folded: bool,
}

/// A way to pay.
struct Button {
    method: &'static str,
    client: &'static str,
    text: String,
}

/// What was just done, or not.
struct Notice {
    is_bad: bool,
    text: String,
    at: Option<Moment>,
}

/// What was had for the money.
struct Paid {
    id: String,
    at: Option<Moment>,
    from: Option<Moment>,
    /// With a beginning: `None` is for ever.
    to: Option<Moment>,
    refunded: Option<String>,
    refunding: Option<String>,
}

impl Button {
    fn of(offer: Offer, text: String) -> Self {
        Self {
            method: offer.method.as_str(),
            client: offer.scene.as_str(),
            text,
        }
    }
}

impl CheckoutPage<'_> {
    /// The page looks again by itself.
    fn waits(&self) -> bool {
        self.status == PaymentStatus::Pending
    }

    fn is_paid(&self) -> bool {
        self.status == PaymentStatus::Completed
    }
}

impl<'a> Shown<'a> {
    pub(super) fn page(&self, visit: &Visit) -> CheckoutPage<'a> {
        let order = self.order;
        let words = visit.words();
        let plan = self.bought.as_ref().map(|bought| &bought.plan);
        let mut frame = Frame::plain(visit, String::new());
        let written = frame.written();
        let title = plan.map_or_else(|| order.description.clone(), |plan| written.plan(plan));
        frame.title.clone_from(&title);
        let status = order.state.status();
        let can_pay = self.left.is_some();
        let code = self.code();
        let is_over =
            status == PaymentStatus::Failed || (!can_pay && status == PaymentStatus::Pending);
        let again = is_over && order.plan.is_some();
        let offers = if can_pay || again {
            &self.ways.others[..]
        } else {
            &[]
        };
        let rail = |offer: Offer| {
            let name = format!("checkout.rail_{}", offer.method.as_str());
            Button::of(offer, words.say(&name))
        };
        CheckoutPage {
            link: self.link,
            kind: words.say(&format!("checkout.purpose_{}", order.purpose.as_str())),
            period: self.bought.as_ref().map(|bought| period(bought, words)),
            units: plan.map_or_else(Vec::new, |plan| units(plan, written, words)),
            seller: visit.house.seller.name.clone(),
            price: self.bought.as_ref().map(|bought| price(bought, written)),
            credit: self.credit(written),
            amount: written.price(order.amount),
            order_no: order.order_no().as_str().to_owned(),
            until: can_pay.then(|| moment(order.expires_at, written)),
            status_text: self.status_text(words),
            reason: is_over.then(|| self.reason(words)),
            notice: self.notice(written, words),
            countdown: self.left.map(|left| (left.as_secs().max(1), clock(left))),
            scan: words.say(&self.scan()),
            bridge: self.bridge(),
            own: self.own(code.as_ref(), words),
            anew: self
                .ways
                .anew
                .filter(|_| again)
                .map(|offer| Button::of(offer, words.say(self.anew_name()))),
            others: offers.iter().copied().map(rail).collect(),
            above: words.say(if again {
                "checkout.again"
            } else {
                "checkout.others"
            }),
            elsewhere: self.elsewhere(visit, words),
            paid: self.paid(written),
            return_url: order.return_url.as_deref().filter(|url| is_web(url)),
            code,
            title,
            status,
            frame,
        }
    }

    /// What can be scanned here, or by another device.
    fn code(&self) -> Option<Code> {
        self.left?;
        let content = self.step.qr_content.as_deref()?;
        // Inside of WeChat a finger that stays on it is the scan.
        let is_folded = match self.ways.device {
            Device::Desk => false,
            Device::Phone => true,
            Device::Wechat => self.order.method != PaymentMethod::Wechat,
        };
        Some(Code {
            opens: is_web(content).then(|| content.to_owned()),
            is_folded,
        })
    }

    fn own(&self, code: Option<&Code>, words: Spoken) -> Option<Button> {
        self.left?;
        let own = self.ways.own?;
        let beside = code.is_some_and(|code| !code.is_folded);
        // The code that is there already leads nowhere else.
        if self.bridge().is_some() || (beside && own.scene == self.order.scene) {
            return None;
        }
        let pay = format!("checkout.pay_{}", own.method.as_str());
        // Beside a code that is to be scanned it is the other way.
        let name = if beside { "checkout.on_page" } else { &pay };
        Some(Button::of(own, words.say(name)))
    }

    fn scan(&self) -> String {
        match (self.ways.device, self.order.method) {
            (Device::Wechat, PaymentMethod::Wechat) => "checkout.hold_wechat".to_owned(),
            (_, method) => format!("checkout.scan_{}", method.as_str()),
        }
    }

    /// What is handed to WeChat's bridge, where the host has said who the buyer is there.
    fn bridge(&self) -> Option<String> {
        self.left?;
        let params = self.step.params.as_ref()?;
        let here = self.ways.device == Device::Wechat;
        here.then(|| serde_json::to_string(params).unwrap_or_default())
    }

    /// What to do about a rail that works outside of here.
    fn elsewhere(&self, visit: &Visit, words: Spoken) -> Option<(String, String)> {
        self.left.filter(|_| self.ways.elsewhere)?;
        if self.bridge().is_some() {
            return None;
        }
        let method = self.order.method.as_str();
        let address = format!("{}/checkout/{}", visit.house.public_url, self.link);
        Some((words.say(&format!("checkout.elsewhere_{method}")), address))
    }

    fn anew_name(&self) -> &'static str {
        match self.ways.device {
            Device::Desk => "checkout.new_code",
            Device::Phone | Device::Wechat => "checkout.pay_anew",
        }
    }

    fn credit(&self, written: Written) -> Option<String> {
        let credit = self.bought.as_ref()?.credit?;
        (credit.minor() > 0).then(|| format!("−{}", written.price(credit)))
    }

    fn status_text(&self, words: Spoken) -> String {
        words.say(match self.order.state.status() {
            PaymentStatus::Pending if self.left.is_none() => "checkout.closing",
            PaymentStatus::Pending if self.is_back => "checkout.checking",
            status => status_name(status),
        })
    }

    fn reason(&self, words: Spoken) -> String {
        let why = match self.order.failure_code.as_deref() {
            // Its rail may still say that it is paid.
            _ if self.order.is_open() => "checkout.why_late",
            Some("declined") => "checkout.why_declined",
            Some("expired") | None => "checkout.why_expired",
            Some(_) => "checkout.why_failed",
        };
        match self.order.plan {
            Some(_) => words.say(why),
            // Nothing says what it was for: its host has to order it again.
            None => format!("{} {}", words.say(why), words.say("checkout.order_again")),
        }
    }

    fn notice(&self, written: Written, words: Spoken) -> Option<Notice> {
        if let Some(told) = self.told {
            let text = words.say(&format!("checkout.told_{}", told.as_str()));
            return Some(Notice {
                is_bad: true,
                text,
                at: None,
            });
        }
        let (name, question) = match self.asked {
            _ if !self.order.is_open() => return None,
            Asked::Unwanted => return None,
            Asked::NeverYet => ("checkout.too_soon", None),
            Asked::Last(question) if question.is_answered => ("checkout.not_paid", Some(question)),
            Asked::Last(question) => ("checkout.no_answer", Some(question)),
        };
        Some(Notice {
            is_bad: false,
            text: words.say(name),
            at: question.map(|question| moment(question.asked_at, written)),
        })
    }

    fn paid(&self, written: Written) -> Option<Paid> {
        let order = self.order;
        let status = order.state.status();
        if !matches!(status, PaymentStatus::Completed | PaymentStatus::Refunded) {
            return None;
        }
        let sum = |minor: i64| {
            let sum = tollgate_kernel::money::Money::new(minor, order.amount.currency());
            (minor > 0).then(|| written.price(sum))
        };
        let day = |at: Timestamp| Moment {
            iso: at.to_string(),
            text: written.date(at),
        };
        let holds = self.bought.as_ref().and_then(|bought| bought.holds);
        Some(Paid {
            id: order.id.to_string(),
            at: order.paid_at.map(|at| moment(at, written)),
            from: holds.map(|(from, _)| day(from)),
            to: holds.and_then(|(_, to)| to).map(day),
            refunded: sum(order.refunded_minor),
            refunding: sum(order.refunding_minor),
        })
    }
}

fn moment(at: Timestamp, written: Written) -> Moment {
    Moment {
        iso: at.to_string(),
        text: written.time(at),
    }
}

/// Nothing else is followed: a link that runs a script would run it here.
fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// `14:05`
fn clock(left: Duration) -> String {
    let seconds = left.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// `1 year`
pub(in super::super) fn cycle(plan: &Plan, words: Spoken) -> String {
    words.say(&format!("checkout.cycle_{}", plan.billing_cycle.as_str()))
}

/// The same, or several of them.
fn period(bought: &Purchase, words: Spoken) -> String {
    times(cycle(&bought.plan, words), bought.terms)
}

fn price(bought: &Purchase, written: Written) -> String {
    times(written.price(bought.plan.price), bought.terms)
}

fn times(what: String, terms: u32) -> String {
    if terms == 1 {
        return what;
    }
    format!("{what} × {terms}")
}

/// What each meter holds.
fn units(plan: &Plan, written: Written, words: Spoken) -> Vec<String> {
    let line = |meter: &PlanMeter| {
        let every = words.say(&format!("checkout.every_{}", meter.reset.as_str()));
        let name = written.meter(Some(&plan.texts), meter.meter.as_str());
        match meter.limit {
            None => words.with("checkout.unlimited", &[("meter", &name)]),
            Some(limit) => {
                let count = written.count(limit.get());
                words.with(
                    "checkout.units_line",
                    &[("count", &count), ("meter", &name), ("every", &every)],
                )
            }
        }
    };
    plan.meters.iter().map(line).collect()
}
