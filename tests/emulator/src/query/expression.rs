//! Expressions of the query language.

use std::collections::HashSet;

use serde_json::Value;

/// An expression. Chains of operators are flat: their length does not add to its depth.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    /// A constant; `None` for `undefined`.
    Literal(Option<Value>),
    Path(Vec<String>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    /// Operands joined by AND.
    All(Vec<Expression>),
    /// Operands joined by OR.
    Any(Vec<Expression>),
    /// Operands joined by operators of the same rank, evaluated from the left.
    Arithmetic(Box<Expression>, Vec<(ArithmeticOperator, Expression)>),
    Comparison(ComparisonOperator, Box<(Expression, Expression)>),
    Membership {
        operand: Box<Expression>,
        values: Members,
        negated: bool,
    },
    Call(Function, Vec<Expression>),
}

/// The list of IN and NIN.
#[derive(Clone, Debug)]
pub(crate) enum Members {
    /// String constants only, as long lists of device ids are.
    Texts(HashSet<String>),
    Expressions(Vec<Expression>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ArithmeticOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ComparisonOperator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Function {
    IsDefined,
    StartsWith,
    EndsWith,
}

impl Members {
    pub(crate) fn new(values: Vec<Expression>) -> Self {
        let text = |value: &Expression| match value {
            Expression::Literal(Some(Value::String(text))) => Some(text.clone()),
            _ => None,
        };
        match values.iter().map(text).collect() {
            Some(texts) => Self::Texts(texts),
            None => Self::Expressions(values),
        }
    }
}

impl Expression {
    /// Applies `change` to every path within, until it fails.
    pub(crate) fn try_change_paths<E>(
        &mut self,
        change: &mut impl FnMut(&mut Vec<String>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut each =
            |parts: &mut [Self]| parts.iter_mut().try_for_each(|part| part.try_change_paths(change));
        match self {
            Self::Literal(_) => Ok(()),
            Self::Path(path) => change(path),
            Self::Not(operand) | Self::Negative(operand) => operand.try_change_paths(change),
            Self::All(parts) | Self::Any(parts) | Self::Call(_, parts) => each(parts),
            Self::Arithmetic(first, rest) => {
                first.try_change_paths(change)?;
                rest.iter_mut().try_for_each(|(_, operand)| operand.try_change_paths(change))
            }
            Self::Comparison(_, sides) => {
                sides.0.try_change_paths(change)?;
                sides.1.try_change_paths(change)
            }
            Self::Membership { operand, values, .. } => {
                if let Members::Expressions(values) = values {
                    each(values)?;
                }
                operand.try_change_paths(change)
            }
        }
    }

    /// Returns the text that the whole can only be true for if `path` equals it.
    pub(crate) fn required_text(&self, path: &[&str]) -> Option<&str> {
        let is_path = |side: &Self| matches!(side, Self::Path(own) if own.iter().eq(path));
        match self {
            Self::All(parts) => parts.iter().find_map(|part| part.required_text(path)),
            Self::Comparison(ComparisonOperator::Equal, sides) => match &**sides {
                (column, Self::Literal(Some(Value::String(text))))
                | (Self::Literal(Some(Value::String(text))), column)
                    if is_path(column) =>
                {
                    Some(text)
                }
                _ => None,
            },
            _ => None,
        }
    }
}
