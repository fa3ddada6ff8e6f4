//! Evaluation of an expression on a document.
//!
//! `None` is the language's `undefined`: an absent member, and an operation without a meaning, such as
//! the comparison of a string with a number.

use std::cmp::Ordering;

use serde_json::Value;

use super::expression::{ArithmeticOperator, ComparisonOperator, Expression, Function, Members};
use super::operand::{Document, Operand};

pub(crate) fn evaluate<'a, D: Document>(expression: &'a Expression, document: &'a D) -> Option<Operand<'a>> {
    let value = |expression: &'a Expression| evaluate(expression, document);
    match expression {
        Expression::Literal(literal) => literal.as_ref().map(Operand::from),
        Expression::Path(path) => document.member(path),
        Expression::Not(operand) => Some(Operand::Bool(!value(operand)?.as_bool()?)),
        Expression::Negative(operand) => number(-value(operand)?.as_f64()?),
        Expression::All(parts) => connect(parts.iter().map(value), false),
        Expression::Any(parts) => connect(parts.iter().map(value), true),
        Expression::Arithmetic(first, rest) => {
            let first = value(first)?.as_f64()?;
            let result = rest.iter().try_fold(first, |left, (operator, operand)| {
                calculate(*operator, left, value(operand)?.as_f64()?)
            });
            number(result?)
        }
        Expression::Comparison(operator, sides) => {
            let ordering = value(&sides.0)?.compare(&value(&sides.1)?)?;
            Some(Operand::Bool(holds(*operator, ordering)))
        }
        Expression::Membership { operand, values, negated } => {
            let operand = value(operand)?;
            let found = match values {
                Members::Texts(texts) => operand.as_str().is_some_and(|text| texts.contains(text)),
                Members::Expressions(values) => {
                    values.iter().filter_map(value).any(|one| operand.compare(&one) == Some(Ordering::Equal))
                }
            };
            Some(Operand::Bool(found != *negated))
        }
        Expression::Call(Function::IsDefined, operands) => {
            Some(Operand::Bool(value(operands.first()?).is_some()))
        }
        Expression::Call(function, operands) => {
            let (text, part) = (value(operands.first()?)?, value(operands.get(1)?)?);
            let (text, part) = (text.as_str()?, part.as_str()?);
            Some(Operand::Bool(match function {
                Function::StartsWith => text.starts_with(part),
                _ => text.ends_with(part),
            }))
        }
    }
}

/// Evaluates AND or OR: one value decides; otherwise an undefined operand leaves the whole undefined.
fn connect<'a>(mut values: impl Iterator<Item = Option<Operand<'a>>>, decisive: bool) -> Option<Operand<'a>> {
    let mut all_known = true;
    let is_decided = values.any(|value| {
        let value = value.and_then(|value| value.as_bool());
        all_known &= value.is_some();
        value == Some(decisive)
    });
    (is_decided || all_known).then_some(Operand::Bool(is_decided == decisive))
}

fn calculate(operator: ArithmeticOperator, left: f64, right: f64) -> Option<f64> {
    let result = match operator {
        ArithmeticOperator::Add => left + right,
        ArithmeticOperator::Subtract => left - right,
        ArithmeticOperator::Multiply => left * right,
        ArithmeticOperator::Divide => left / right,
        ArithmeticOperator::Remainder => left % right,
    };
    result.is_finite().then_some(result)
}

fn holds(operator: ComparisonOperator, ordering: Ordering) -> bool {
    match operator {
        ComparisonOperator::Equal => ordering.is_eq(),
        ComparisonOperator::NotEqual => ordering.is_ne(),
        ComparisonOperator::Less => ordering.is_lt(),
        ComparisonOperator::LessOrEqual => ordering.is_le(),
        ComparisonOperator::Greater => ordering.is_gt(),
        ComparisonOperator::GreaterOrEqual => ordering.is_ge(),
    }
}

fn number<'a>(number: f64) -> Option<Operand<'a>> {
    number.is_finite().then_some(Operand::Number(number))
}

/// Returns a number as JSON, whole if it is.
pub(super) fn json_number(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT { (number as i64).into() } else { number.into() }
}
