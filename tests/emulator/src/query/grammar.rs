//! Grammar of conditions.

use serde_json::Value;
use winnow::ascii::{Caseless, digit1, float, hex_digit1, multispace0};
use winnow::combinator::{
    alt, cut_err, delimited, eof, fail, not, opt, peek, preceded, repeat, separated, terminated,
};
use winnow::error::ContextError;
use winnow::prelude::*;
use winnow::token::{any, none_of, one_of, take, take_until, take_while};

use super::expression::{ArithmeticOperator, ComparisonOperator, Expression, Function, Members};

/// Deepest nesting of an expression: more than a person writes, less than the stack holds.
const DEPTH: usize = 48;

/// Words that are names only in double brackets.
const RESERVED: [&str; 9] = ["AND", "OR", "NOT", "IN", "NIN", "SELECT", "FROM", "WHERE", "GROUP"];

/// Parses a condition, or returns the offset of the first text that does not belong to one.
pub(super) fn parse_condition(text: &str) -> Result<Expression, usize> {
    parse_whole(text, condition)
}

/// Parses a whole text by a grammar, or returns the offset of the first text that does not belong to it.
pub(super) fn parse_whole<T>(
    text: &str,
    mut grammar: impl FnMut(&mut &str) -> ModalResult<T>,
) -> Result<T, usize> {
    let mut whole =
        |input: &mut &str| terminated(|i: &mut &str| grammar(i), (multispace0, eof)).parse_next(input);
    whole.parse(text).map_err(|error| {
        let rest = &text[error.offset()..];
        error.offset() + rest.len() - rest.trim_start().len()
    })
}

/// Parses a condition.
pub(super) fn condition(input: &mut &str) -> ModalResult<Expression> {
    disjunction(input, DEPTH)
}

fn disjunction(input: &mut &str, depth: usize) -> ModalResult<Expression> {
    let part = |input: &mut &str| conjunction(input, depth);
    separated(1.., part, keyword("OR")).map(|parts| single_or(parts, Expression::Any)).parse_next(input)
}

fn conjunction(input: &mut &str, depth: usize) -> ModalResult<Expression> {
    let part = |input: &mut &str| negation(input, depth);
    separated(1.., part, keyword("AND")).map(|parts| single_or(parts, Expression::All)).parse_next(input)
}

fn single_or(mut parts: Vec<Expression>, join: impl FnOnce(Vec<Expression>) -> Expression) -> Expression {
    if parts.len() == 1 { parts.remove(0) } else { join(parts) }
}

fn negation(input: &mut &str, depth: usize) -> ModalResult<Expression> {
    if opt(keyword("NOT")).parse_next(input)?.is_none() {
        return comparison(input, depth);
    }
    let depth = deeper(input, depth)?;
    let operand = cut_err(|input: &mut &str| negation(input, depth)).parse_next(input)?;
    Ok(Expression::Not(Box::new(operand)))
}

fn comparison(input: &mut &str, depth: usize) -> ModalResult<Expression> {
    let left = sum(input, depth)?;
    let mut operand = cut_err(|input: &mut &str| sum(input, depth));
    if let Some(operator) = opt(comparison_operator).parse_next(input)? {
        let right = operand.parse_next(input)?;
        return Ok(Expression::Comparison(operator, Box::new((left, right))));
    }
    let membership = alt((keyword("IN").value(false), keyword("NIN").value(true)));
    let Some(negated) = opt(membership).parse_next(input)? else { return Ok(left) };
    let values = cut_err(delimited(symbol("["), separated(1.., operand, symbol(",")), symbol("]")))
        .parse_next(input)?;
    Ok(Expression::Membership { operand: Box::new(left), values: Members::new(values), negated })
}

fn comparison_operator(input: &mut &str) -> ModalResult<ComparisonOperator> {
    alt((
        symbol("!=").value(ComparisonOperator::NotEqual),
        symbol("<>").value(ComparisonOperator::NotEqual),
        symbol("<=").value(ComparisonOperator::LessOrEqual),
        symbol(">=").value(ComparisonOperator::GreaterOrEqual),
        symbol("=").value(ComparisonOperator::Equal),
        symbol("<").value(ComparisonOperator::Less),
        symbol(">").value(ComparisonOperator::Greater),
    ))
    .parse_next(input)
}

fn sum(input: &mut &str, depth: usize) -> ModalResult<Expression> {
    let operator =
        alt((symbol("+").value(ArithmeticOperator::Add), symbol("-").value(ArithmeticOperator::Subtract)));
    chain(input, operator, |input| product(input, depth))
}

fn product(input: &mut &str, depth: usize) -> ModalResult<Expression> {
    let operator = alt((
        symbol("*").value(ArithmeticOperator::Multiply),
        symbol("/").value(ArithmeticOperator::Divide),
        symbol("%").value(ArithmeticOperator::Remainder),
    ));
    chain(input, operator, |input| unary(input, depth))
}

/// Parses operands with operators of the same rank between them.
fn chain<'a>(
    input: &mut &'a str,
    operator: impl ModalParser<&'a str, ArithmeticOperator, ContextError>,
    mut operand: impl FnMut(&mut &'a str) -> ModalResult<Expression>,
) -> ModalResult<Expression> {
    let mut operator = opt(operator);
    let first = operand(input)?;
    let mut rest = Vec::new();
    while let Some(operator) = operator.parse_next(input)? {
        rest.push((operator, cut_err(&mut operand).parse_next(input)?));
    }
    Ok(if rest.is_empty() { first } else { Expression::Arithmetic(Box::new(first), rest) })
}

fn unary(input: &mut &str, depth: usize) -> ModalResult<Expression> {
    if opt(symbol("-")).parse_next(input)?.is_none() {
        return primary(input, depth);
    }
    let depth = deeper(input, depth)?;
    Ok(Expression::Negative(Box::new(unary(input, depth)?)))
}

fn primary(input: &mut &str, depth: usize) -> ModalResult<Expression> {
    multispace0.parse_next(input)?;
    let nested = |input: &mut &str| {
        let depth = deeper(input, depth)?;
        disjunction(input, depth)
    };
    let parentheses = delimited('(', cut_err(nested), cut_err(symbol(")")));
    alt((
        parentheses,
        array,
        literal.map(Expression::Literal),
        |i: &mut &str| call(i, depth),
        path.map(Expression::Path),
    ))
    .parse_next(input)
}

fn array(input: &mut &str) -> ModalResult<Expression> {
    let constant = preceded(multispace0, literal);
    let items: Vec<Option<Value>> =
        delimited('[', separated(0.., constant, symbol(",")), symbol("]")).parse_next(input)?;
    Ok(Expression::Literal(Some(items.into_iter().flatten().collect())))
}

fn call(input: &mut &str, depth: usize) -> ModalResult<Expression> {
    let function = alt((
        Caseless("IS_DEFINED").value(Function::IsDefined),
        Caseless("STARTSWITH").value(Function::StartsWith),
        Caseless("ENDSWITH").value(Function::EndsWith),
    ));
    let function = terminated(function, symbol("(")).parse_next(input)?;
    let depth = deeper(input, depth)?;
    let mut operand = cut_err(|input: &mut &str| sum(input, depth));
    let operands = match function {
        Function::IsDefined => {
            vec![cut_err(preceded(multispace0, path)).map(Expression::Path).parse_next(input)?]
        }
        _ => {
            let text = operand.parse_next(input)?;
            cut_err(symbol(",")).parse_next(input)?;
            vec![text, operand.parse_next(input)?]
        }
    };
    cut_err(symbol(")")).parse_next(input)?;
    Ok(Expression::Call(function, operands))
}

/// Returns the depth that is left one level further down.
fn deeper(input: &mut &str, depth: usize) -> ModalResult<usize> {
    match depth.checked_sub(1) {
        Some(depth) => Ok(depth),
        None => cut_err(fail).parse_next(input),
    }
}

pub(super) fn path(input: &mut &str) -> ModalResult<Vec<String>> {
    (name, repeat(0.., preceded('.', cut_err(alt((bracketed, member))))))
        .map(|(first, rest): (String, Vec<String>)| std::iter::once(first).chain(rest).collect())
        .parse_next(input)
}

pub(super) fn bracketed(input: &mut &str) -> ModalResult<String> {
    delimited("[[", take_until(1.., "]]"), "]]").map(str::to_owned).parse_next(input)
}

pub(super) fn name(input: &mut &str) -> ModalResult<String> {
    unreserved(undashed).parse_next(input)
}

/// Parses a name after a dot. A hyphen before a letter, a digit or `_` belongs to it.
fn member(input: &mut &str) -> ModalResult<String> {
    let dashed = repeat::<_, _, (), _, _>(0.., ('-', take_while(1.., is_name_character)));
    unreserved((undashed, dashed).take()).parse_next(input)
}

fn undashed<'a>(input: &mut &'a str) -> ModalResult<&'a str> {
    let first = one_of(|c: char| c.is_alphabetic() || c == '_' || c == '$');
    (first, take_while(0.., is_name_character)).take().parse_next(input)
}

fn unreserved<'a>(
    name: impl ModalParser<&'a str, &'a str, ContextError>,
) -> impl ModalParser<&'a str, String, ContextError> {
    name.verify(|name: &str| !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name))).map(str::to_owned)
}

fn is_name_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

pub(super) fn symbol<'a>(symbol: &'static str) -> impl ModalParser<&'a str, &'a str, ContextError> {
    preceded(multispace0, symbol)
}

pub(super) fn keyword<'a>(word: &'static str) -> impl ModalParser<&'a str, (), ContextError> {
    (multispace0, bare_word(word)).void()
}

fn bare_word<'a>(word: &'static str) -> impl ModalParser<&'a str, &'a str, ContextError> {
    terminated(Caseless(word), not(one_of(|c: char| c.is_alphanumeric() || c == '_' || c == '.')))
}

/// Parses a constant; `None` for `undefined`.
fn literal(input: &mut &str) -> ModalResult<Option<Value>> {
    let quoted = |quote: char| {
        delimited(quote, repeat(0.., character(quote)), cut_err(quote)).map(|text: String| text.into())
    };
    let hexadecimal = preceded(
        alt(("0x", "0X")),
        cut_err(hex_digit1.verify_map(|digits| i64::from_str_radix(digits, 16).ok())),
    );
    let whole = terminated(digit1, not(one_of(['.', 'e', 'E'])))
        .verify_map(|digits: &str| digits.parse::<i64>().ok());
    let fraction = preceded(peek(one_of('0'..='9')), float).verify(|number: &f64| number.is_finite());
    alt((
        quoted('\'').map(Some),
        quoted('"').map(Some),
        bare_word("undefined").value(None),
        bare_word("true").value(Some(true.into())),
        bare_word("false").value(Some(false.into())),
        bare_word("null").value(Some(Value::Null)),
        hexadecimal.map(|number| Some(number.into())),
        whole.map(|number| Some(number.into())),
        fraction.map(|number: f64| Some(number.into())),
    ))
    .parse_next(input)
}

/// Parses one character of a string, as it is or escaped with a backslash.
fn character<'a>(quote: char) -> impl ModalParser<&'a str, char, ContextError> {
    let code = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    let unicode = preceded('u', cut_err(take(4_usize).verify_map(code)));
    alt((none_of([quote, '\\']), preceded('\\', alt((unicode, any)))))
}
