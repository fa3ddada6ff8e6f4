//! Query conditions: which devices a job runs on.
//!
//! Understood are `*` alone, `deviceId` and `tags.<path>` compared with `= <literal>` or
//! `IN [<literal>, …]`, AND, OR and parentheses. Anything else is a reason for the job to fail.

use serde_json::Value;
use winnow::ascii::{Caseless, dec_int, float, multispace0};
use winnow::combinator::{alt, cut_err, delimited, eof, not, opt, preceded, repeat, separated, terminated};
use winnow::error::ContextError;
use winnow::prelude::*;
use winnow::token::{any, none_of, one_of, take, take_while};

/// How the reason of a job begins whose condition cannot be read.
const FAILURE: &str = "Failed to parse the query condition";

/// A condition in the form that can be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    Everything,
    /// The value at the path is one of these.
    IsIn(Vec<String>, Vec<Value>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
}

impl Condition {
    /// Reads a condition on a twin; the reason of a failure is meant for a job's `failureReason`.
    pub(crate) fn on_twin(text: &str) -> Result<Self, String> {
        if text.trim() == "*" {
            return Ok(Self::Everything);
        }
        Self::parse(text, |path| path == ["deviceId"] || path.len() > 1 && path[0] == "tags")
    }

    /// Reads a condition on rows, whose columns all carry the name of the collection.
    pub(crate) fn on_rows(text: &str, collection: &[&str]) -> Result<Self, String> {
        let condition = Self::parse(text, |path| {
            path.len() == collection.len() + 1
                && path.iter().zip(collection).all(|(a, b)| a.eq_ignore_ascii_case(b))
        })?;
        Ok(condition.without_prefix(collection.len()))
    }

    fn parse(text: &str, is_known: impl Fn(&[String]) -> bool) -> Result<Self, String> {
        let condition = terminated(disjunction, (multispace0, eof)).parse(text).map_err(|error| {
            let rest: String = text[error.offset()..].chars().take(20).collect();
            let position = text[..error.offset()].chars().count();
            format!("{FAILURE}: unexpected '{rest}' at position {position}")
        })?;
        match condition.paths().into_iter().find(|path| !is_known(path)) {
            Some(path) => Err(format!("{FAILURE}: unknown column '{}'", path.join("."))),
            None => Ok(condition),
        }
    }

    /// Whether the condition selects `document`.
    pub(crate) fn selects(&self, document: &Value) -> bool {
        match self {
            Self::Everything => true,
            Self::IsIn(path, values) => {
                let found = path.iter().try_fold(document, |value, key| value.get(key));
                found.is_some_and(|found| values.iter().any(|value| is_equal(found, value)))
            }
            Self::And(parts) => parts.iter().all(|part| part.selects(document)),
            Self::Or(parts) => parts.iter().any(|part| part.selects(document)),
        }
    }

    fn paths(&self) -> Vec<&[String]> {
        match self {
            Self::Everything => Vec::new(),
            Self::IsIn(path, _) => vec![path],
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::paths).collect(),
        }
    }

    fn without_prefix(self, length: usize) -> Self {
        let strip = |parts: Vec<Self>| parts.into_iter().map(|part| part.without_prefix(length)).collect();
        match self {
            Self::Everything => Self::Everything,
            Self::IsIn(path, values) => Self::IsIn(path[length..].to_vec(), values),
            Self::And(parts) => Self::And(strip(parts)),
            Self::Or(parts) => Self::Or(strip(parts)),
        }
    }
}

fn is_equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// How deep parentheses may nest: enough for any hand, too little for the stack to run out.
const DEPTH: usize = 64;

fn disjunction(input: &mut &str) -> ModalResult<Condition> {
    nested_disjunction(input, DEPTH)
}

fn nested_disjunction(input: &mut &str, depth: usize) -> ModalResult<Condition> {
    let conjunction = |input: &mut &str| {
        let term = |input: &mut &str| term(input, depth);
        separated(1.., term, keyword("AND")).map(|parts| single_or(parts, Condition::And)).parse_next(input)
    };
    separated(1.., conjunction, keyword("OR")).map(|parts| single_or(parts, Condition::Or)).parse_next(input)
}

fn single_or(mut parts: Vec<Condition>, join: impl FnOnce(Vec<Condition>) -> Condition) -> Condition {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}

fn term(input: &mut &str, depth: usize) -> ModalResult<Condition> {
    multispace0.parse_next(input)?;
    if opt('(').parse_next(input)?.is_some() {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(winnow::error::ErrMode::Cut(ContextError::new()));
        };
        let inner = |input: &mut &str| nested_disjunction(input, depth);
        return cut_err(terminated(inner, symbol(')'))).parse_next(input);
    }
    let path: Vec<String> = separated(1.., name, '.').parse_next(input)?;
    let values = alt((
        preceded(symbol('='), cut_err(literal)).map(|value| vec![value]),
        preceded(keyword("IN"), cut_err(list)),
    ))
    .parse_next(input)?;
    Ok(Condition::IsIn(path, values))
}

fn list(input: &mut &str) -> ModalResult<Vec<Value>> {
    delimited(symbol('['), separated(1.., literal, symbol(',')), symbol(']')).parse_next(input)
}

fn name(input: &mut &str) -> ModalResult<String> {
    let first = one_of(|c: char| c.is_alphabetic() || c == '_');
    let rest = take_while(0.., |c: char| c.is_alphanumeric() || c == '_' || c == '-');
    (first, rest).take().map(str::to_owned).parse_next(input)
}

fn symbol<'a>(symbol: char) -> impl ModalParser<&'a str, char, ContextError> {
    preceded(multispace0, symbol)
}

fn keyword<'a>(word: &'static str) -> impl ModalParser<&'a str, (), ContextError> {
    let end = not(one_of(|c: char| c.is_alphanumeric() || c == '_'));
    (multispace0, Caseless(word), end).void()
}

fn literal(input: &mut &str) -> ModalResult<Value> {
    let word = |text, value: Value| keyword(text).value(value);
    let quoted =
        |quote: char| delimited(quote, repeat(0.., character(quote)), quote).map(|text: String| text.into());
    let literal = alt((
        quoted('\''),
        quoted('"'),
        word("true", true.into()),
        word("false", false.into()),
        word("null", Value::Null),
        terminated(dec_int, not(one_of(['.', 'e', 'E']))).map(|number: i64| number.into()),
        float.verify(|number: &f64| number.is_finite()).map(|number: f64| number.into()),
    ));
    preceded(multispace0, literal).parse_next(input)
}

/// One character of a string, written as itself or with a backslash.
fn character<'a>(quote: char) -> impl ModalParser<&'a str, char, ContextError> {
    let unicode = preceded('u', take(4_usize))
        .verify_map(|digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32));
    alt((none_of([quote, '\\']), preceded('\\', alt((unicode, any)))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selects(condition: &str) -> bool {
        let twin = json!({
            "deviceId": "pump-1",
            "tags": { "building": "43", "floor": 2, "spare": null, "place": { "room": "it's \"B\"" }, "on": true },
        });
        Condition::on_twin(condition).unwrap().selects(&twin)
    }

    #[test]
    fn the_documented_forms_select() {
        for condition in [
            "*",
            " * ",
            "deviceId = 'pump-1'",
            "deviceId='pump-1'",
            "deviceId IN ['pump-0', 'pump-1']",
            "deviceId in [\"pump-1\"]",
            "tags.building = '43'",
            "tags.floor = 2",
            "tags.floor = 2.0",
            "tags.on = TRUE",
            "tags.spare = null",
            r#"tags.place.room = 'it\'s "B"'"#,
            r#"tags.place.room = "it's \"\u0042\"""#,
            "tags.floor = 1 OR tags.floor = 2 AND tags.building = '43'",
            "(tags.floor = 1 or tags.floor = 2) and (tags.building = '43')",
        ] {
            assert!(selects(condition), "{condition}");
        }
    }

    #[test]
    fn what_does_not_hold_does_not_select() {
        for condition in [
            "deviceId = 'PUMP-1'",
            "tags.building = 43",
            "tags.floor = '2'",
            "tags.none = null",
            "tags.floor = 2 AND (tags.building = '44' OR tags.building = '45')",
        ] {
            assert!(!selects(condition), "{condition}");
        }
    }

    #[test]
    fn anything_else_is_a_reason_to_fail() {
        for condition in [
            "SELECT * FROM devices",
            "",
            "tags.building",
            "tags.building = ",
            "tags.building = '43",
            "tags.building = 43 AND",
            "tags.building = 43 tags.floor = 2",
            "(tags.building = '43'",
            "building = '43'",
            "tags = '43'",
            "deviceId IN ('pump-1')",
            "deviceId IN []",
            "tags.floor > 1",
            "NOT tags.on = true",
            "tags.spare = nan",
        ] {
            let reason = Condition::on_twin(condition).unwrap_err();
            assert!(reason.starts_with("Failed to parse the query condition: "), "{condition}: {reason}");
        }
        assert!(Condition::on_twin(&"(".repeat(100_000)).is_err());
    }

    #[test]
    fn a_reason_tells_where() {
        let reason = Condition::on_twin("tags.ä = 1 SELECT").unwrap_err();
        assert_eq!(reason, "Failed to parse the query condition: unexpected 'SELECT' at position 11");
    }

    #[test]
    fn columns_of_rows_carry_the_collections_name() {
        let collection = ["devices", "jobs"];
        let condition = Condition::on_rows("devices.jobs.jobId = 'a'", &collection).unwrap();
        assert!(condition.selects(&json!({ "jobId": "a" })));
        assert!(Condition::on_rows("jobId = 'a'", &collection).is_err());
    }
}
