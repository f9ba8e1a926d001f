//! Every word of the letters, one catalogue for each language. A word that one of them lacks does not
//! compile; a test finds the empty ones.

mod en;
mod zh;

use super::Content;
use crate::model::user::Locale;

/// A catalogue.
pub(super) struct Words {
    /// As written in `lang`.
    pub(super) lang: &'static str,
    /// To somebody whose name is known to belong to the address.
    pub(super) hello: Around,
    /// To an address that nobody has confirmed: there a name is what a stranger typed.
    pub(super) hello_stranger: &'static str,
    /// Between a label and its value.
    pub(super) colon: &'static str,
    /// Between them stand the minutes.
    pub(super) link_life: Around,
    /// Between them stands a moment.
    pub(super) link_until: Around,
    pub(super) or_copy: &'static str,
    pub(super) when: &'static str,
    pub(super) device: &'static str,
    pub(super) address: &'static str,
    pub(super) new_address: &'static str,
    pub(super) footer: &'static str,
    pub(super) verify_email: Piece,
    pub(super) reset_password: Piece,
    pub(super) confirm_new_email: Piece,
    pub(super) email_change_asked: Piece,
    pub(super) email_changed: Piece,
    pub(super) new_sign_in: Piece,
    pub(super) password_changed: Piece,
    pub(super) sessions_ended: Piece,
    pub(super) invite: Piece,
    pub(super) endpoint: &'static str,
    pub(super) endpoint_disabled: Piece,
    pub(super) plan: &'static str,
    pub(super) ends_at: &'static str,
    pub(super) amount_due: &'static str,
    /// Before an amount in the currency of China.
    pub(super) yuan: &'static str,
    pub(super) subscription_expiring: Piece,
}

/// What one kind of letter says.
pub(super) struct Piece {
    /// Also the headline.
    pub(super) title: &'static str,
    /// Before facts and link.
    pub(super) opening: &'static [&'static str],
    /// On the button; empty in letters without a link.
    pub(super) button: &'static str,
    /// After facts and link.
    pub(super) closing: &'static [&'static str],
}

/// Words around a value.
pub(super) struct Around {
    before: &'static str,
    after: &'static str,
}

impl Around {
    pub(super) fn put(&self, value: &str) -> String {
        format!("{}{value}{}", self.before, self.after)
    }
}

pub(super) fn words(locale: Locale) -> &'static Words {
    match locale {
        Locale::Zh => &zh::WORDS,
        Locale::En => &en::WORDS,
    }
}

impl Words {
    pub(super) fn piece(&self, content: &Content) -> &Piece {
        match content {
            Content::VerifyEmail { .. } => &self.verify_email,
            Content::ResetPassword { .. } => &self.reset_password,
            Content::ConfirmNewEmail { .. } => &self.confirm_new_email,
            Content::EmailChangeAsked { .. } => &self.email_change_asked,
            Content::EmailChanged { .. } => &self.email_changed,
            Content::NewSignIn { .. } => &self.new_sign_in,
            Content::PasswordChanged { .. } => &self.password_changed,
            Content::SessionsEnded { .. } => &self.sessions_ended,
            Content::Invite { .. } => &self.invite,
            Content::EndpointDisabled { .. } => &self.endpoint_disabled,
            Content::SubscriptionExpiring { .. } => &self.subscription_expiring,
        }
    }

    /// `¥99.00` where it is the house's currency, `CN¥99.00` abroad.
    pub(super) fn money(&self, currency: &str, amount: &str) -> String {
        match currency {
            "CNY" => format!("{}{amount}", self.yuan),
            "USD" => format!("${amount}"),
            other => format!("{other} {amount}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tollgate_kernel::clock::Timestamp;

    use super::*;
    use crate::mailer::samples;

    /// All of a catalogue: the texts that belong to no kind of letter, and the kinds. Taken apart
    /// without `..`, so that a new member cannot be forgotten here.
    fn all(words: &Words) -> ([&'static str; 20], [&Piece; 11]) {
        let Words {
            lang,
            hello,
            hello_stranger,
            colon,
            link_life,
            link_until,
            or_copy,
            when,
            device,
            address,
            new_address,
            footer,
            verify_email,
            reset_password,
            confirm_new_email,
            email_change_asked,
            email_changed,
            new_sign_in,
            password_changed,
            sessions_ended,
            invite,
            endpoint,
            endpoint_disabled,
            plan,
            ends_at,
            amount_due,
            yuan,
            subscription_expiring,
        } = words;
        let texts = [
            lang,
            hello.before,
            hello.after,
            hello_stranger,
            colon,
            link_life.before,
            link_life.after,
            link_until.before,
            link_until.after,
            or_copy,
            when,
            device,
            address,
            new_address,
            footer,
            endpoint,
            plan,
            ends_at,
            amount_due,
            yuan,
        ];
        let pieces = [
            verify_email,
            reset_password,
            confirm_new_email,
            email_change_asked,
            email_changed,
            new_sign_in,
            password_changed,
            sessions_ended,
            invite,
            endpoint_disabled,
            subscription_expiring,
        ];
        (texts, pieces)
    }

    #[test]
    fn no_word_is_missing_in_either_language() {
        let (zh, en) = (words(Locale::Zh), words(Locale::En));
        for (zh, en) in all(zh).0.into_iter().zip(all(en).0) {
            assert!(
                !zh.is_empty() && !en.is_empty() && zh != en,
                "{zh:?} {en:?}"
            );
        }
        let mut titles = HashSet::new();
        for letter in samples("https://pay.example", Locale::En, Timestamp::EPOCH) {
            let kind = letter.content.kind();
            let (zh, en) = (zh.piece(&letter.content), en.piece(&letter.content));
            for piece in [zh, en] {
                assert!(titles.insert(piece.title), "{kind}");
                assert!(
                    !piece.opening.is_empty() && !piece.closing.is_empty(),
                    "{kind}"
                );
                let lines = piece.opening.iter().chain(piece.closing);
                assert!(lines.into_iter().all(|line| !line.is_empty()), "{kind}");
                let has_link = letter.content.link().is_some();
                assert_eq!(!piece.button.is_empty(), has_link, "{kind}");
            }
            let shape = |piece: &Piece| (piece.opening.len(), piece.closing.len());
            assert_eq!(shape(zh), shape(en), "{kind}");
            assert!(!zh.title.is_ascii(), "{kind}");
            assert!(en.title.is_ascii(), "{kind}");
        }
        // Every kind has its sample.
        for piece in all(zh).1.into_iter().chain(all(en).1) {
            assert!(titles.remove(piece.title), "{}", piece.title);
        }
    }
}
