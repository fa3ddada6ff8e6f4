//! From a condition's text to its expression.

use serde_json::Value;
use winnow::ascii::{Caseless, digit1, float, hex_digit1, multispace0};
use winnow::combinator::{
    alt, cut_err, delimited, eof, fail, not, opt, peek, preceded, repeat, separated, terminated,
};
use winnow::error::ContextError;
use winnow::prelude::*;
use winnow::token::{any, none_of, one_of, take, take_until, take_while};

/// How deep an expression may nest: enough for any hand, too little for the stack to run out.
const DEPTH: usize = 48;

/// Words that are no names unless they stand in brackets.
const RESERVED: [&str; 9] = ["AND", "OR", "NOT", "IN", "NIN", "SELECT", "FROM", "WHERE", "GROUP"];

#[derive(Clone, Debug)]
pub(crate) enum Expression {
    /// A constant; none for `undefined`.
    Literal(Option<Value>),
    Path(Vec<String>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Binary(Operator, Box<(Expression, Expression)>),
    IsIn {
        operand: Box<Expression>,
        values: Vec<Expression>,
        negated: bool,
    },
    Call(Function, Vec<Expression>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
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

impl Expression {
    pub(crate) fn paths_mut(&mut self) -> Vec<&mut Vec<String>> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Path(path) => vec![path],
            Self::Not(operand) | Self::Negative(operand) => operand.paths_mut(),
            Self::All(parts) | Self::Any(parts) | Self::Call(_, parts) => {
                parts.iter_mut().flat_map(Self::paths_mut).collect()
            }
            Self::Binary(_, sides) => {
                let (left, right) = &mut **sides;
                left.paths_mut().into_iter().chain(right.paths_mut()).collect()
            }
            Self::IsIn { operand, values, .. } => {
                let values = values.iter_mut().flat_map(Self::paths_mut);
                operand.paths_mut().into_iter().chain(values).collect()
            }
        }
    }
}

/// Reads the whole text, or gives the offset at which it cannot be read on.
pub(crate) fn parse(text: &str) -> Result<Expression, usize> {
    let mut whole = |input: &mut &str| {
        terminated(|i: &mut &str| disjunction(i, DEPTH), (multispace0, eof)).parse_next(input)
    };
    whole.parse(text).map_err(|error| {
        let rest = &text[error.offset()..];
        error.offset() + rest.len() - rest.trim_start().len()
    })
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
        return Ok(Expression::Binary(operator, Box::new((left, right))));
    }
    let membership = alt((keyword("IN").value(false), keyword("NIN").value(true)));
    let Some(negated) = opt(membership).parse_next(input)? else { return Ok(left) };
    let values = cut_err(delimited(symbol("["), separated(1.., operand, symbol(",")), symbol("]")))
        .parse_next(input)?;
    Ok(Expression::IsIn { operand: Box::new(left), values, negated })
}

fn comparison_operator(input: &mut &str) -> ModalResult<Operator> {
    alt((
        symbol("!=").value(Operator::NotEqual),
        symbol("<>").value(Operator::NotEqual),
        symbol("<=").value(Operator::LessOrEqual),
        symbol(">=").value(Operator::GreaterOrEqual),
        symbol("=").value(Operator::Equal),
        symbol("<").value(Operator::Less),
        symbol(">").value(Operator::Greater),
    ))
    .parse_next(input)
}

fn sum(input: &mut &str, depth: usize) -> ModalResult<Expression> {
    let operator = alt((symbol("+").value(Operator::Add), symbol("-").value(Operator::Subtract)));
    chain(input, operator, |input| product(input, depth))
}

fn product(input: &mut &str, depth: usize) -> ModalResult<Expression> {
    let operator = alt((
        symbol("*").value(Operator::Multiply),
        symbol("/").value(Operator::Divide),
        symbol("%").value(Operator::Remainder),
    ));
    chain(input, operator, |input| unary(input, depth))
}

/// Operands with operators of the same rank between them, which take from the left.
fn chain<'a>(
    input: &mut &'a str,
    operator: impl ModalParser<&'a str, Operator, ContextError>,
    mut operand: impl FnMut(&mut &'a str) -> ModalResult<Expression>,
) -> ModalResult<Expression> {
    let mut operator = opt(operator);
    let mut left = operand(input)?;
    while let Some(operator) = operator.parse_next(input)? {
        let right = cut_err(&mut operand).parse_next(input)?;
        left = Expression::Binary(operator, Box::new((left, right)));
    }
    Ok(left)
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

/// One level further down, if there is one.
fn deeper(input: &mut &str, depth: usize) -> ModalResult<usize> {
    match depth.checked_sub(1) {
        Some(depth) => Ok(depth),
        None => cut_err(fail).parse_next(input),
    }
}

fn path(input: &mut &str) -> ModalResult<Vec<String>> {
    let bracketed = delimited("[[", take_until(1.., "]]"), "]]").map(str::to_owned);
    (name, repeat(0.., preceded('.', cut_err(alt((bracketed, name))))))
        .map(|(first, rest): (String, Vec<String>)| std::iter::once(first).chain(rest).collect())
        .parse_next(input)
}

fn name(input: &mut &str) -> ModalResult<String> {
    let first = one_of(|c: char| c.is_alphabetic() || c == '_' || c == '$');
    let rest = take_while(0.., |c: char| c.is_alphanumeric() || c == '_');
    (first, rest)
        .take()
        .verify(|name: &str| !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name)))
        .map(str::to_owned)
        .parse_next(input)
}

fn symbol<'a>(symbol: &'static str) -> impl ModalParser<&'a str, &'a str, ContextError> {
    preceded(multispace0, symbol)
}

fn keyword<'a>(word: &'static str) -> impl ModalParser<&'a str, (), ContextError> {
    (multispace0, bare_word(word)).void()
}

fn bare_word<'a>(word: &'static str) -> impl ModalParser<&'a str, &'a str, ContextError> {
    terminated(Caseless(word), not(one_of(|c: char| c.is_alphanumeric() || c == '_' || c == '.')))
}

/// A constant; none for `undefined`.
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

/// One character of a string, written as itself or with a backslash.
fn character<'a>(quote: char) -> impl ModalParser<&'a str, char, ContextError> {
    let code = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    let unicode = preceded('u', cut_err(take(4_usize).verify_map(code)));
    alt((none_of([quote, '\\']), preceded('\\', alt((unicode, any)))))
}
