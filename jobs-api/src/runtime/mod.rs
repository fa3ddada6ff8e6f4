//! The part of the crate that generated code names.

pub(crate) mod aliases;
pub(crate) mod attempt;
mod known;
mod request_id;
mod rows;
mod segment;
mod timestamp;

pub(crate) use self::attempt::Attempt;
pub(crate) use self::known::{read_known, text_or_number};
pub use self::request_id::RequestId;
pub(crate) use self::rows::read_rows;
pub use self::rows::{Rows, UnreadableRow};
pub(crate) use self::segment::encode_segment;
pub use self::timestamp::Timestamp;
