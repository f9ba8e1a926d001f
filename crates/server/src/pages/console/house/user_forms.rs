//! What staff can do for one person: the forms of their page, each behind its own word.

use tollgate_auth::model::role::Role;
use tollgate_auth::model::user::User;
use tollgate_kernel::permission::{ADMIN, USERS_WRITE};

use super::super::super::frame::Frame;
use super::form::{Choice, Faults, Field, Shown, Typed};
use super::staff::Staff;
use super::users::PATH;

/// Which form was sent, and came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Nothing,
    Active,
    Roles,
    SignOut,
    Factor,
    Plan,
    Units,
}

/// What came back with it.
pub(super) struct Back<'a> {
    pub(super) sent: Sent,
    pub(super) typed: &'a Typed,
    pub(super) faults: Faults,
}

/// What forms are made from.
pub(super) struct About<'a> {
    pub(super) user: &'a User,
    pub(super) has_factor: bool,
    pub(super) plans: Vec<(String, String)>,
    pub(super) confirm: Option<String>,
    /// Of the form that gives a plan, and of the one that gives units.
    pub(super) keys: [String; 2],
}

pub(super) fn forms<P>(
    frame: &Frame,
    staff: &Staff<P>,
    about: &About<'_>,
    back: &Back<'_>,
) -> Vec<Shown> {
    let may_touch = staff.holds(USERS_WRITE)
        && (staff.holds(ADMIN) || (!about.user.is_superuser && about.user.roles.is_empty()));
    let mut forms = Vec::new();
    if may_touch {
        forms.push(active_form(frame, about, back));
        forms.push(sign_out_form(frame, about, back));
    }
    if staff.holds(USERS_WRITE) {
        forms.push(plan_form(frame, about, back));
        forms.push(units_form(frame, about, back));
    }
    if staff.holds(ADMIN) {
        forms.push(roles_form(frame, about, back));
        if about.has_factor {
            let form = form(about, back, Sent::Factor, frame.say("people.remove_factor"));
            forms.push(form.look(" danger").confirm(about.confirm.clone()));
        }
    }
    forms.into_iter().map(|form| finished(form, back)).collect()
}

impl Sent {
    /// Of the form, and the end of its address.
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Active => "active",
            Self::Roles => "roles",
            Self::SignOut => "sign-out",
            Self::Factor => "second-factor",
            Self::Plan => "grant-plan",
            Self::Units => "grant-units",
        }
    }
}

fn form(about: &About<'_>, _: &Back<'_>, which: Sent, word: String) -> Shown {
    let action = format!("{PATH}/{}/{}", about.user.id, which.name());
    Shown::new(which.name(), action, word.clone())
        .look(" quiet")
        .folded(word)
}

/// With what is to be mended, where it is the one that came back.
pub(super) fn finished(form: Shown, back: &Back<'_>) -> Shown {
    if form.id == back.sent.name() {
        form.faults(&back.faults)
    } else {
        form
    }
}

fn typed<'a>(back: &'a Back<'_>, which: Sent, nothing: &'a Typed) -> &'a Typed {
    if back.sent == which {
        back.typed
    } else {
        nothing
    }
}

fn reason(frame: &Frame, typed: &Typed) -> Field {
    Field::line("reason", frame.say("house.reason"), typed)
}

pub(super) fn active_form(frame: &Frame, about: &About<'_>, back: &Back<'_>) -> Shown {
    let nothing = Typed::default();
    let (word, value, look) = if about.user.is_active {
        ("people.deactivate", "no", " danger")
    } else {
        ("people.activate", "yes", "")
    };
    form(about, back, Sent::Active, frame.say(word))
        .look(look)
        .hidden("active", value)
        .fields([reason(frame, typed(back, Sent::Active, &nothing))
            .hint(frame.say("people.deactivate_hint"))])
}

pub(super) fn sign_out_form(frame: &Frame, about: &About<'_>, back: &Back<'_>) -> Shown {
    let nothing = Typed::default();
    let typed = typed(back, Sent::SignOut, &nothing);
    form(about, back, Sent::SignOut, frame.say("people.sign_out"))
        .look(" danger")
        .fields([
            Field::check("keys", frame.say("people.end_keys"), typed.is("keys")),
            reason(frame, typed),
        ])
}

pub(super) fn plan_form(frame: &Frame, about: &About<'_>, back: &Back<'_>) -> Shown {
    let nothing = Typed::default();
    let typed = typed(back, Sent::Plan, &nothing);
    let choices = about.plans.iter();
    let choices = choices.map(|(slug, name)| Choice::new(slug, name, typed.get("plan_slug")));
    form(about, back, Sent::Plan, frame.say("people.give_plan"))
        .hidden("key", &about.keys[0])
        .fields([
            Field::choice("plan_slug", frame.say("people.plan"), choices.collect()),
            Field::line("terms", frame.say("people.terms"), typed)
                .of("number")
                .hint(frame.say("people.terms_hint")),
            reason(frame, typed).required(),
        ])
}

pub(super) fn units_form(frame: &Frame, about: &About<'_>, back: &Back<'_>) -> Shown {
    let nothing = Typed::default();
    let typed = typed(back, Sent::Units, &nothing);
    form(about, back, Sent::Units, frame.say("people.give_units"))
        .hidden("key", &about.keys[1])
        .fields([
            Field::line("units", frame.say("people.units"), typed)
                .of("number")
                .required(),
            Field::line("meter", frame.say("people.meter"), typed)
                .hint(frame.say("people.meter_hint")),
            Field::line("expires_at", frame.say("people.until"), typed)
                .of("date")
                .hint(frame.say("people.until_hint")),
            reason(frame, typed)
                .required()
                .hint(frame.say("people.reason_hint")),
        ])
}

pub(super) fn roles_form(frame: &Frame, about: &About<'_>, back: &Back<'_>) -> Shown {
    let nothing = Typed::default();
    let is_back = back.sent == Sent::Roles;
    let typed = typed(back, Sent::Roles, &nothing);
    let boxes = Role::ALL.map(|role| {
        let name = format!("role_{}", role.as_str());
        let is_on = if is_back {
            typed.is(&name)
        } else {
            about.user.roles.contains(&role)
        };
        Field::check(
            &name,
            frame.say(&format!("people.role_{}", role.as_str())),
            is_on,
        )
    });
    form(about, back, Sent::Roles, frame.say("people.set_roles"))
        .fields(boxes)
        .fields([reason(frame, typed)])
        .confirm(about.confirm.clone())
}
