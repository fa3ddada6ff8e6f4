//! The part of the crate that generated code names.

pub(crate) mod aliases;
pub(crate) mod attempt;
mod request_id;
mod rows;
mod segment;
mod timestamp;
mod whole_number;

pub(crate) use self::attempt::Attempt;
pub use self::request_id::RequestId;
pub use self::rows::{Rows, UnreadableRow};
pub(crate) use self::segment::encode_segment;
pub use self::timestamp::Timestamp;
pub(crate) use self::whole_number::read_whole_number;
