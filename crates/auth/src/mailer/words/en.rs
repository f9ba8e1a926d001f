//! English.

use super::{Around, Piece, Words};

pub(super) static WORDS: Words = Words {
    lang: "en",
    hello: Around {
        before: "Hello ",
        after: ",",
    },
    hello_stranger: "Hello,",
    colon: ": ",
    link_life: Around {
        before: "The link works once, within ",
        after: " minutes.",
    },
    link_until: Around {
        before: "The link works until ",
        after: ".",
    },
    or_copy: "Or copy this address into your browser:",
    when: "When",
    device: "Device",
    address: "Network address",
    new_address: "New address",
    footer: "This letter was sent automatically. Replies are not read.",
    verify_email: Piece {
        title: "Confirm your e-mail address",
        opening: &[
            "An account was opened with this e-mail address. If it was you, please confirm that the address is yours.",
        ],
        button: "Confirm this address",
        closing: &["If it was not you, ignore this letter and do not open the link."],
    },
    reset_password: Piece {
        title: "Choose a new password",
        opening: &["A new password was asked for, for the account with this e-mail address."],
        button: "Choose a new password",
        closing: &[
            "If it was not you, ignore this letter: your password stays as it is. Never pass the link on.",
        ],
    },
    confirm_new_email: Piece {
        title: "Confirm your new e-mail address",
        opening: &[
            "This e-mail address is to become the address of an account. It counts once you have confirmed it.",
        ],
        button: "Confirm the new address",
        closing: &["If you know nothing of this, ignore this letter and do not open the link."],
    },
    email_change_asked: Piece {
        title: "A new e-mail address was asked for",
        opening: &[
            "Another e-mail address was asked for, for your account. Until it is confirmed, the present one stays.",
        ],
        button: "",
        closing: &[
            "If it was not you, change your password now and end all other sign-ins: somebody knows your password.",
        ],
    },
    email_changed: Piece {
        title: "Your e-mail address was changed",
        opening: &[
            "Your account has a new e-mail address. Letters about the account no longer come here.",
        ],
        button: "",
        closing: &["If it was not you, turn to the operator of this service at once."],
    },
    new_sign_in: Piece {
        title: "New sign-in to your account",
        opening: &["Somebody signed in to your account from a device not seen before."],
        button: "",
        closing: &[
            "If it was you, there is nothing to do. If not, change your password now and end all other sign-ins.",
        ],
    },
    password_changed: Piece {
        title: "Your password was changed",
        opening: &["Your account has a new password."],
        button: "",
        closing: &[
            "If it was not you, ask for a new password on the sign-in page at once: the letter for it comes to this address.",
        ],
    },
    sessions_ended: Piece {
        title: "You were signed out for your safety",
        opening: &[
            "A used sign-in token came back. That happens when somebody has copied it, so the sign-in it belongs to was ended.",
        ],
        button: "",
        closing: &["Please sign in again. If you cannot explain it, change your password as well."],
    },
    invite: Piece {
        title: "You are invited",
        opening: &["You are invited to open an account."],
        button: "Open an account",
        closing: &["If you did not expect this, ignore this letter."],
    },
    endpoint: "Endpoint",
    endpoint_disabled: Piece {
        title: "An endpoint for events was switched off",
        opening: &[
            "It refused for good, or took nothing for five days. Your application hears nothing of payments and plans there any more.",
        ],
        button: "",
        closing: &[
            "Mend it and switch it on again: what has waited is sent then. The tries are listed with its deliveries.",
        ],
    },
    plan: "Plan",
    ends_at: "Ends",
    amount_due: "For another term",
    yuan: "CN¥",
    subscription_expiring: Piece {
        title: "Your plan ends soon",
        opening: &[
            "Your plan is paid until the moment below. It does not renew by itself: nothing is taken from your account.",
        ],
        button: "Pay another term",
        closing: &[
            "A further term begins where the present one ends, however early you pay. If you do not want one, there is nothing to do.",
        ],
    },
};
