//! The client as its users see it, and what an update of the spec changes for them.

mod changes;
mod items;
mod layer;
mod report;

pub(crate) use changes::{Change, compare};
pub(crate) use items::Surface;
pub(crate) use layer::{HandWritten, Task};
pub(crate) use report::Report;
