//! Authentication: credentials, the tokens they issue and the hub's clock that tokens are signed by.
//!
//! A [`Credential`] holds an issuer, which keeps its last token and replaces it before it expires. An
//! [`Authorizer`] provides the token for one hub, by the clock of that hub. Nothing here knows about
//! requests: the pipeline asks for a token, and reports a rejected one.

mod authorizer;
mod connection_string;
mod credential;
#[cfg(feature = "entra")]
mod entra;
mod error;
mod host;
mod hub_clock;
mod issuer;
mod redaction;
mod sas;
mod token;
#[cfg(feature = "entra")]
mod token_cache;

pub(crate) use self::authorizer::Authorizer;
pub use self::connection_string::{ConnectionString, ConnectionStringError};
pub use self::credential::{Credential, RotatingCredential};
pub use self::error::{CredentialError, TokenError};
pub(crate) use self::error::{causes, messages};
#[cfg(feature = "entra")]
pub(crate) use self::host::has_only;
pub(crate) use self::host::{HOST_NAME_RULE, is_host_name, without_port};
pub(crate) use self::redaction::REDACTED;
#[cfg(feature = "entra")]
pub(crate) use self::redaction::redact_tokens;
pub(crate) use self::token::AccessToken;
