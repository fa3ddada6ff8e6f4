//! Grammar of statements.

use winnow::ascii::{Caseless, digit1, multispace0};
use winnow::combinator::{alt, cut_err, fail, opt, preceded, separated, terminated};
use winnow::prelude::*;

use super::expression::Expression;
use super::grammar::{bracketed, condition, keyword, name, parse_whole, path, symbol};

/// Parses a statement, or returns the offset of the first text that does not belong to one.
pub(super) fn parse_statement(text: &str) -> Result<Select, usize> {
    parse_whole(text, select)
}

/// A statement as it was written.
#[derive(Clone, Debug)]
pub(super) struct Select {
    pub(super) top: Option<u64>,
    /// The selected columns; `None` for `*`.
    pub(super) columns: Option<Vec<Column>>,
    pub(super) collection: Vec<String>,
    pub(super) condition: Option<Expression>,
    pub(super) group_by: Vec<Vec<String>>,
}

/// One element of a SELECT list.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) function: Option<AggregateFunction>,
    /// Empty for `COUNT()`.
    pub(super) path: Vec<String>,
    pub(super) alias: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AggregateFunction {
    Count,
    Sum,
    Average,
    Minimum,
    Maximum,
}

fn select(input: &mut &str) -> ModalResult<Select> {
    keyword("SELECT").parse_next(input)?;
    let number = preceded(multispace0, digit1).try_map(str::parse::<u64>);
    let top = opt(preceded(keyword("TOP"), cut_err(number))).parse_next(input)?;
    let everything = symbol("*").value(None);
    let list = separated(1.., column, symbol(",")).map(Some);
    let columns = cut_err(alt((everything, list))).parse_next(input)?;
    cut_err(keyword("FROM")).parse_next(input)?;
    let collection = cut_err(preceded(multispace0, path)).parse_next(input)?;
    let condition = opt(preceded(keyword("WHERE"), cut_err(condition))).parse_next(input)?;
    let groups = cut_err(separated(1.., preceded(multispace0, path), symbol(",")));
    let group_by = opt(preceded((keyword("GROUP"), cut_err(keyword("BY"))), groups)).parse_next(input)?;
    Ok(Select { top, columns, collection, condition, group_by: group_by.unwrap_or_default() })
}

fn column(input: &mut &str) -> ModalResult<Column> {
    let function = alt((
        Caseless("COUNT").value(AggregateFunction::Count),
        Caseless("SUM").value(AggregateFunction::Sum),
        Caseless("AVG").value(AggregateFunction::Average),
        Caseless("MIN").value(AggregateFunction::Minimum),
        Caseless("MAX").value(AggregateFunction::Maximum),
    ));
    multispace0.parse_next(input)?;
    let function = opt(terminated(function, symbol("("))).parse_next(input)?;
    let path = match function {
        None => path.parse_next(input)?,
        Some(function) => {
            let operand = opt(preceded(multispace0, path)).parse_next(input)?;
            if operand.is_none() && function != AggregateFunction::Count {
                return cut_err(fail).parse_next(input);
            }
            cut_err(symbol(")")).parse_next(input)?;
            operand.unwrap_or_default()
        }
    };
    let alias = preceded(multispace0, alt((bracketed, name)));
    let alias = opt(preceded(keyword("AS"), cut_err(alias))).parse_next(input)?;
    Ok(Column { function, path, alias })
}
