//! `/console/settings`: with what the service was started, without secrets; its rails; its letters. And what its doctor
//! finds.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};
use tollgate_auth::mailer::{Letter, samples};
use tollgate_auth::model::user::Locale;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::input::PathText;
use tollgate_kernel::problem::{Code, Problem};

use super::super::super::Installation;
use super::super::super::frame::Frame;
use super::super::Console;
use super::callbacks::{Address, addresses};
use super::staff::{Admin, Staff};
use crate::config::Shown;
use crate::doctor::{Finding, Health, examine};
use crate::mail;

const PATH: &str = "/console/settings";
/// A letter in a frame of its own: nothing is loaded, its own look is in it.
const LETTER_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

#[derive(Template)]
#[template(path = "house_settings.html")]
struct SettingsPage {
    frame: Frame,
    rails: Vec<Rail>,
    settings: Vec<Setting>,
    letters: Vec<Post>,
}

struct Rail {
    address: Address,
    /// What is to be done about it.
    warnings: Vec<String>,
}

struct Setting {
    name: String,
    value: String,
    from: String,
}

/// A kind of letter, in both languages.
struct Post {
    kind: &'static str,
    texts: Vec<(&'static str, String, String)>,
}

#[derive(Template)]
#[template(path = "house_doctor.html")]
struct DoctorPage {
    frame: Frame,
    rows: Vec<Row>,
    is_fit: bool,
    verdict: String,
}

struct Row {
    look: &'static str,
    word: String,
    subject: String,
    detail: String,
}

fn installation<P>(staff: &Staff<P>) -> Result<&Installation, Problem> {
    let installation = staff.visit().house.installation.as_deref();
    installation.ok_or_else(|| Problem::new(Code::NotFound))
}

fn setting(shown: &Shown) -> Setting {
    Setting {
        name: shown.name.clone(),
        value: shown.value.clone(),
        from: shown.from.to_string(),
    }
}

fn letters(installation: &Installation, public_url: &str, at: Timestamp) -> Vec<Post> {
    let house = mail::house(&installation.config, public_url);
    let [zh, en] = [Locale::Zh, Locale::En].map(|locale| samples(public_url, locale, at));
    let both = zh.iter().zip(&en);
    both.map(|(zh, en)| {
        let text = |tag: &'static str, letter: &Letter| {
            let written = house.write(letter);
            (tag, written.subject, written.text)
        };
        Post {
            kind: zh.content.kind(),
            texts: vec![text("zh", zh), text("en", en)],
        }
    })
    .collect()
}

/// `GET /console/settings`
pub(super) async fn page(
    State(console): State<Console>,
    staff: Staff<Admin>,
) -> Result<Response, Problem> {
    let frame = staff.frame(PATH, staff.visit().say("console.settings"));
    let installation = installation(&staff)?;
    let public_url = &staff.visit().house.public_url;
    let warnings = console.payment.warnings();
    let rails = addresses(&console, &frame, public_url)
        .into_iter()
        .map(|address| Rail {
            warnings: warnings
                .iter()
                .filter(|warning| {
                    let named = warning.to_string().to_lowercase();
                    named.contains(address.rail)
                })
                .map(|warning| warning.text().get(frame.language).to_owned())
                .collect(),
            address,
        });
    super::super::super::page(&SettingsPage {
        rails: rails.collect(),
        settings: installation.config.shown.iter().map(setting).collect(),
        letters: letters(installation, public_url, staff.visit().house.clock.now()),
        frame,
    })
}

/// `GET /console/settings/letters/{kind}`: as its reader sees it; `zh` in front of the kind, or `en`.
pub(super) async fn letter(
    staff: Staff<Admin>,
    PathText(name): PathText,
) -> Result<Response, Problem> {
    let installation = installation(&staff)?;
    let public_url = &staff.visit().house.public_url;
    let missing = || Problem::new(Code::NotFound);
    let (tag, kind) = name.split_once('-').ok_or_else(missing)?;
    let locale: Locale = tag.parse().map_err(|_| missing())?;
    let all = samples(public_url, locale, staff.visit().house.clock.now());
    let letter = all.iter().find(|letter| letter.content.kind() == kind);
    let letter = letter.ok_or_else(missing)?;
    let written = mail::house(&installation.config, public_url).write(letter);
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(LETTER_POLICY),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Html(written.html)).into_response())
}

fn finding(frame: &Frame, finding: Finding) -> Row {
    let (look, word) = match finding.health {
        Health::Good => ("ok", "installation.good"),
        Health::Warning => ("warn", "installation.warning"),
        Health::Bad => ("bad", "installation.bad"),
    };
    Row {
        look,
        word: frame.say(word),
        subject: finding.subject,
        detail: finding.detail.get(frame.language).to_owned(),
    }
}

fn verdict(frame: &Frame, bad: usize) -> String {
    match bad {
        0 => frame.say("installation.fit"),
        _ => frame.words().with("installation.unfit", &[("count", &bad)]),
    }
}

/// `GET /console/doctor`: the installation is looked at, which takes a moment.
pub(super) async fn doctor(staff: Staff<Admin>) -> Result<Response, Problem> {
    let frame = staff.frame(PATH, staff.visit().say("installation.doctor"));
    let installation = installation(&staff)?;
    let entropy = &staff.visit().house.entropy;
    let findings = examine(&installation.config, &staff.visit().house.clock, entropy).await;
    let bad = findings
        .iter()
        .filter(|finding| finding.health == Health::Bad)
        .count();
    super::super::super::page(&DoctorPage {
        is_fit: bad == 0,
        verdict: verdict(&frame, bad),
        rows: findings
            .into_iter()
            .map(|one| finding(&frame, one))
            .collect(),
        frame,
    })
}

#[cfg(test)]
mod samples_of_pages {
    use super::super::super::super::samples::{self, HOSTILE, LONG, LONG_ZH, ROWS};
    use super::*;

    #[test]
    fn settings_and_doctor_render_from_their_samples() {
        for (tag, language) in samples::languages() {
            for count in ROWS {
                let visit = samples::visit(language);
                let frame = Frame::plain(&visit, "x".to_owned());
                let text = |at: usize| [LONG, LONG_ZH, HOSTILE][at % 3].to_owned();
                let page = SettingsPage {
                    rails: (0..count.min(3))
                        .map(|at| Rail {
                            address: Address {
                                rail: "alipay",
                                name: text(at),
                                url: format!("https://{LONG}.example/payments/webhooks/alipay"),
                            },
                            warnings: vec![text(at); at],
                        })
                        .collect(),
                    settings: (0..count)
                        .map(|at| Setting {
                            name: "WECHAT_PUBLIC_KEY_PATH".to_owned(),
                            value: text(at),
                            from: text(at + 1),
                        })
                        .collect(),
                    letters: (0..count.min(12))
                        .map(|at| Post {
                            kind: "verify_email",
                            texts: vec![("zh", text(at), text(at)), ("en", text(at), text(at))],
                        })
                        .collect(),
                    frame: frame.clone(),
                };
                samples::render(&format!("console-settings-{count}-{tag}"), &page);
                let page = DoctorPage {
                    rows: (0..count)
                        .map(|at| Row {
                            look: ["ok", "warn", "bad"][at % 3],
                            word: frame.say("installation.good"),
                            subject: text(at),
                            detail: text(at),
                        })
                        .collect(),
                    is_fit: count < 3,
                    verdict: verdict(&frame, count / 3),
                    frame,
                };
                samples::render(&format!("console-doctor-{count}-{tag}"), &page);
            }
        }
    }
}
