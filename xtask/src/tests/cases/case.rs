//! The two kinds of case.

use serde_json::Value;

/// A change that is refused, with the start of the message.
pub(super) struct Refused {
    pub(super) name: &'static str,
    pub(super) change: fn(&mut Value),
    pub(super) message: &'static str,
}

/// A change that gives a client.
#[derive(Clone, Copy)]
pub(super) struct Accepted {
    pub(super) name: &'static str,
    pub(super) change: fn(&mut Value),
    /// Parts of the client's source; white space does not count.
    pub(super) holds: &'static [&'static str],
    /// Parts that the source must not have.
    pub(super) lacks: &'static [&'static str],
    /// The lines about breaking, behavioural and untyped changes, all of them.
    pub(super) severe: &'static [&'static str],
    /// Some of the lines about other changes.
    pub(super) mild: &'static [&'static str],
    /// The body of a user's function that compiles with the client before the change only.
    pub(super) breaks: &'static str,
}

/// A case that changes nothing and expects nothing.
pub(super) const CASE: Accepted =
    Accepted { name: "", change: |_| {}, holds: &[], lacks: &[], severe: &[], mild: &[], breaks: "" };
