//! Authorization: shared access policies and their signatures, bearer tokens and their roles.

mod authorizer;
mod issuer;
mod permission;
mod policy;
mod signature;

pub(crate) use authorizer::Authorizer;
pub use issuer::{Issuer, Role};
pub(crate) use permission::Permission;
pub use policy::{Policy, PolicyKey};
