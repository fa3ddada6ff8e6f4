//! What an expression is worth for a document. `None` is the language's `undefined`: what is not there,
//! and what makes no sense, such as the comparison of a string with a number.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::parse::{Expression, Function, Operator};

pub(crate) fn evaluate(expression: &Expression, document: &Value) -> Option<Value> {
    let value = |expression: &Expression| evaluate(expression, document);
    match expression {
        Expression::Literal(literal) => literal.clone(),
        Expression::Path(path) => path.iter().try_fold(document, |value, key| value.get(key)).cloned(),
        Expression::Not(operand) => Some((!value(operand)?.as_bool()?).into()),
        Expression::Negative(operand) => number(-value(operand)?.as_f64()?),
        Expression::All(parts) => connective(parts.iter().map(value), false),
        Expression::Any(parts) => connective(parts.iter().map(value), true),
        Expression::Binary(operator, sides) => binary(*operator, &value(&sides.0)?, &value(&sides.1)?),
        Expression::IsIn { operand, values, negated } => {
            let operand = value(operand)?;
            let found =
                values.iter().filter_map(value).any(|one| compare(&operand, &one) == Some(Ordering::Equal));
            Some((found != *negated).into())
        }
        Expression::Call(Function::IsDefined, operands) => Some(value(operands.first()?).is_some().into()),
        Expression::Call(function, operands) => {
            let (text, part) = (value(operands.first()?)?, value(operands.get(1)?)?);
            let (text, part) = (text.as_str()?, part.as_str()?);
            Some(match function {
                Function::StartsWith => text.starts_with(part).into(),
                _ => text.ends_with(part).into(),
            })
        }
    }
}

/// AND or OR: one value decides; otherwise what is undefined leaves the whole undefined.
fn connective(mut values: impl Iterator<Item = Option<Value>>, decisive: bool) -> Option<Value> {
    let mut all_known = true;
    let decided = values.any(|value| {
        let value = value.and_then(|value| value.as_bool());
        all_known &= value.is_some();
        value == Some(decisive)
    });
    (decided || all_known).then(|| (decided == decisive).into())
}

fn binary(operator: Operator, left: &Value, right: &Value) -> Option<Value> {
    let numbers = || Some((left.as_f64()?, right.as_f64()?));
    let ordering = || compare(left, right);
    match operator {
        Operator::Add => numbers().and_then(|(a, b)| number(a + b)),
        Operator::Subtract => numbers().and_then(|(a, b)| number(a - b)),
        Operator::Multiply => numbers().and_then(|(a, b)| number(a * b)),
        Operator::Divide => numbers().and_then(|(a, b)| number(a / b)),
        Operator::Remainder => numbers().and_then(|(a, b)| number(a % b)),
        Operator::Equal => Some((ordering()? == Ordering::Equal).into()),
        Operator::NotEqual => Some((ordering()? != Ordering::Equal).into()),
        Operator::Less => Some((ordering()? == Ordering::Less).into()),
        Operator::LessOrEqual => Some((ordering()? != Ordering::Greater).into()),
        Operator::Greater => Some((ordering()? == Ordering::Greater).into()),
        Operator::GreaterOrEqual => Some((ordering()? != Ordering::Less).into()),
    }
}

/// How two primitives of the same type compare.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        _ => None,
    }
}

fn number(number: f64) -> Option<Value> {
    number.is_finite().then(|| json!(number))
}
