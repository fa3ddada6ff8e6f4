//! The query language: conditions of jobs, and statements of `POST /devices/query`.

mod aggregate;
mod condition;
mod evaluate;
mod expression;
mod grammar;
mod operand;
mod statement;
mod statement_grammar;

pub(crate) use aggregate::Aggregation;
pub(crate) use condition::Condition;
pub use condition::condition_selects;
pub(crate) use operand::{Document, Operand, walk};
pub(crate) use statement::{Collection, Projection, Statement, parse_targets, project};
