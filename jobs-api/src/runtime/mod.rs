//! The part of the crate that generated code names: it reads what the hub really writes.
//!
//! It knows no single operation, so that one that a spec update adds needs nothing here. A name that begins with
//! `query_` says that a POST changes nothing.
//!
//! Responses are read tolerantly. Members have aliases, a date may mean "never", a whole number may have a
//! fraction of zero, and an unreadable row leaves the others readable. Requests are read strictly. The
//! generated client carries an [`Attempt`], which records what passed.

pub(crate) mod aliases;
pub(crate) mod attempt;
mod members;
mod reply;
mod request_id;
mod rows;
mod segment;
mod timestamp;

pub(crate) use self::attempt::Attempt;
pub(crate) use self::members::{escape, read_known, read_whole_number, text_or_number};
pub use self::reply::{Failure, Reply, Sending};
pub(crate) use self::reply::{read_value, reply};
pub use self::request_id::RequestId;
pub(crate) use self::rows::read_rows;
pub use self::rows::{Rows, UnreadableRow};
pub(crate) use self::segment::{RESERVED, encode_segment};
pub use self::timestamp::Timestamp;
