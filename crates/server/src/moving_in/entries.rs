//! What an entry says, from the text of its fields.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use tollgate_auth::{BroughtKey, BroughtUser};
use tollgate_kernel::clock::Timestamp;
use tollgate_payment::BroughtBonus;
use tollgate_payment::model::foreign_term::ForeignTerm;
use tollgate_payment::model::quota::{Cost, Units};

use super::{Balance, Entry, Kind, Move, Of, Refused, Subscription};

/// What is not empty of it.
pub(super) type Fields = BTreeMap<String, String>;

/// The fields of an entry: those that it must have, and all.
pub(super) fn columns(kind: Kind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        Kind::Users => (
            &["email", "username"],
            &[
                "email",
                "username",
                "hashed_password",
                "email_verified",
                "is_active",
                "locale",
            ],
        ),
        Kind::ApiKeys => (
            &["email", "sha256", "name"],
            &["email", "sha256", "name", "key_prefix", "expires_at"],
        ),
        Kind::Subscriptions => (
            &["email", "plan_slug"],
            &[
                "email",
                "plan_slug",
                "status",
                "current_period_start",
                "current_period_end",
                "anchor_at",
                "paid",
            ],
        ),
        Kind::Balances => (
            &["email", "quota_type"],
            &[
                "email",
                "quota_type",
                "quota_used",
                "bonus_units",
                "reason",
                "expires_at",
            ],
        ),
    }
}

impl Move {
    /// Takes an entry in, or notes what is wrong with it.
    pub(super) fn bring(&mut self, kind: Kind, place: String, fields: &Fields) {
        let understood = match kind {
            Kind::Users => user(fields).map(|what| self.users.push(at(&place, what))),
            Kind::ApiKeys => key(fields).map(|what| self.api_keys.push(at(&place, what))),
            Kind::Subscriptions => subscription(fields).map(|what| match what {
                Some(what) => self.subscriptions.push(at(&place, what)),
                None => self.is_over(kind),
            }),
            Kind::Balances => balance(fields).map(|what| self.balances.push(at(&place, what))),
        };
        if let Err(why) = understood {
            self.refuse(kind, place, why);
        }
    }

    pub(super) fn is_over(&mut self, kind: Kind) {
        let over = self.over.entry(kind).or_default();
        *over = over.saturating_add(1);
    }

    pub(super) fn refuse(&mut self, kind: Kind, place: String, why: String) {
        self.refused.push((kind, Refused { place, why }));
    }
}

fn at<T>(place: &str, what: T) -> Entry<T> {
    Entry {
        place: place.to_owned(),
        what,
    }
}

fn user(fields: &Fields) -> Result<BroughtUser, String> {
    Ok(BroughtUser {
        email: required(fields, "email")?,
        username: required(fields, "username")?,
        hashed_password: fields.get("hashed_password").cloned(),
        email_verified: flag(fields, "email_verified")?.unwrap_or(false),
        is_active: flag(fields, "is_active")?.unwrap_or(true),
        locale: optional(fields, "locale")?.unwrap_or_default(),
    })
}

fn key(fields: &Fields) -> Result<BroughtKey, String> {
    let mut sha256 = [0; 32];
    let text: String = required(fields, "sha256")?;
    hex::decode_to_slice(&text, &mut sha256)
        .map_err(|_| "sha256 must be 64 hexadecimal digits".to_owned())?;
    let shown = fields.get("key_prefix").map(String::as_str);
    Ok(BroughtKey {
        email: required(fields, "email")?,
        sha256,
        shown: shown.unwrap_or("imported").to_owned(),
        name: required(fields, "name")?,
        expires_at: moment(fields, "expires_at")?,
    })
}

/// `None`: it was over there.
fn subscription(fields: &Fields) -> Result<Option<Of<Subscription>>, String> {
    let email = required(fields, "email")?;
    let plan_slug = required(fields, "plan_slug")?;
    let cancelled = match fields.get("status").map(String::as_str) {
        None | Some("active") => false,
        Some("cancelled") => true,
        Some("expired") => return Ok(None),
        Some(_) => return Err("status must be active, cancelled or expired".to_owned()),
    };
    Ok(Some(Of {
        email,
        what: Subscription {
            plan_slug,
            term: ForeignTerm {
                starts_at: moment(fields, "current_period_start")?,
                ends_at: moment(fields, "current_period_end")?,
                anchor_at: moment(fields, "anchor_at")?,
            },
            cancelled,
            paid: fields.get("paid").cloned(),
        },
    }))
}

fn balance(fields: &Fields) -> Result<Of<Balance>, String> {
    let used = number(fields, "quota_used")?;
    let used = used.map(Units::new).transpose();
    let used = used.map_err(|_| "quota_used must be 0 to 1000000000".to_owned())?;
    let bonus = number(fields, "bonus_units")?.map(Cost::new).transpose();
    let bonus = bonus.map_err(|_| "bonus_units must be 1 to 1000000000".to_owned())?;
    if used.is_none() && bonus.is_none() {
        return Err("it says neither quota_used nor bonus_units".to_owned());
    }
    let expires_at = moment(fields, "expires_at")?;
    let reason = fields.get("reason");
    let bonus = match bonus {
        Some(units) => Some(BroughtBonus {
            units,
            reason: reason
                .ok_or("bonus_units need a reason, which the person reads")?
                .clone(),
            expires_at,
        }),
        None if reason.is_some() || expires_at.is_some() => {
            return Err("reason and expires_at are said of bonus_units".to_owned());
        }
        None => None,
    };
    Ok(Of {
        email: required(fields, "email")?,
        what: Balance {
            meter: required(fields, "quota_type")?,
            used,
            bonus,
        },
    })
}

fn required<T: FromStr>(fields: &Fields, name: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    optional(fields, name)?.ok_or_else(|| format!("{name} is missing"))
}

fn optional<T: FromStr>(fields: &Fields, name: &str) -> Result<Option<T>, String>
where
    T::Err: std::fmt::Display,
{
    let text = fields.get(name);
    text.map(|text| text.parse().map_err(|error| format!("{name}: {error}")))
        .transpose()
}

fn number(fields: &Fields, name: &str) -> Result<Option<i64>, String> {
    let text = fields.get(name);
    text.map(|text| {
        text.parse()
            .map_err(|_| format!("{name} must be a whole number"))
    })
    .transpose()
}

/// As Python, databases and people write it.
pub(super) fn flag(fields: &Fields, name: &str) -> Result<Option<bool>, String> {
    let Some(text) = fields.get(name) else {
        return Ok(None);
    };
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" => Ok(Some(true)),
        "false" | "f" | "0" | "no" => Ok(Some(false)),
        _ => Err(format!("{name} must be true or false")),
    }
}

/// RFC 3339, or as databases write it: without an offset it is UTC, and a day begins at midnight.
pub(super) fn moment(fields: &Fields, name: &str) -> Result<Option<Timestamp>, String> {
    let Some(text) = fields.get(name) else {
        return Ok(None);
    };
    let with_offset = |text: &str| {
        let parsed = DateTime::parse_from_rfc3339(text)
            .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z"));
        parsed.ok().map(|at| at.to_utc())
    };
    let naive = |text: &str| {
        let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
        let parsed = |format: &&str| NaiveDateTime::parse_from_str(text, format).ok();
        formats.iter().find_map(parsed).map(|at| at.and_utc())
    };
    let day = |text: &str| {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        day.and_hms_opt(0, 0, 0).map(|at| at.and_utc())
    };
    let at: Option<DateTime<Utc>> = with_offset(text)
        .or_else(|| naive(text))
        .or_else(|| day(text));
    at.map(|at| Some(Timestamp::from_utc(at)))
        .ok_or_else(|| format!("{name} must be a moment like 2026-01-31T08:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Fields {
        [("at".to_owned(), text.to_owned())].into()
    }

    #[test]
    fn moments_are_read_as_databases_and_people_write_them() {
        for (text, micros) in [
            ("2026-01-31T08:00:00Z", 1_769_846_400_000_000),
            ("2026-01-31T16:00:00+08:00", 1_769_846_400_000_000),
            ("2026-01-31 08:00:00", 1_769_846_400_000_000),
            ("2026-01-31 08:00:00.000000", 1_769_846_400_000_000),
            ("2026-01-31T08:00:00.5", 1_769_846_400_500_000),
            ("2026-01-31 16:00:00+08", 1_769_846_400_000_000),
            ("2026-01-31", 1_769_817_600_000_000),
        ] {
            let at = moment(&said(text), "at").expect("a moment").expect("one");
            assert_eq!(at.micros(), micros, "{text}");
        }
        for text in [
            "31.01.2026",
            "1769846400",
            "2026-02-30",
            "soon",
            "2026-01-31T25:00:00Z",
        ] {
            assert!(moment(&said(text), "at").is_err(), "{text}");
        }
    }

    #[test]
    fn flags_are_read_as_python_and_databases_write_them() {
        for (text, is) in [("1", true), ("True", true), ("f", false), ("no", false)] {
            assert_eq!(flag(&said(text), "at"), Ok(Some(is)), "{text}");
        }
        assert!(flag(&said("2"), "at").is_err());
    }
}
