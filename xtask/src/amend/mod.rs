//! Amendments to the generated syntax tree: what the document says and the generator cannot write.

mod bodies;
mod deprecation;
mod docs;
mod nulls;
mod numbers;
mod readers;

pub(crate) use bodies::apply as apply_bodies;
pub(crate) use deprecation::apply as apply_deprecation;
pub(crate) use docs::lay_out as lay_out_docs;
pub(crate) use nulls::read_as_empty as read_nulls_as_empty;
pub(crate) use numbers::read_by_value as read_numbers_by_value;
pub(crate) use readers::{read_numbers_as_text, refuse_unknown_members};
