//! A sign-in as its owner sees it.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::SessionId;

/// A live sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// `sid` of its access tokens.
    pub id: SessionId,
    /// As the device calls itself.
    pub device: Option<String>,
    /// From where it began.
    pub address: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// When it was last renewed.
    pub last_seen_at: Timestamp,
    /// However often it is renewed.
    pub expires_at: Timestamp,
}

/// A sign-in as staff see it, live or over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastSignIn {
    /// Of the sign-in.
    pub id: SessionId,
    /// As the device calls itself.
    pub device: Option<String>,
    /// From where it began.
    pub address: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// When it was ended, if somebody did.
    pub ended_at: Option<Timestamp>,
}
