//! Statements of `POST /devices/query`, checked against what each collection allows.

use serde_json::{Map, Value};

use super::condition::{Columns, Condition, resolve, syntax_error};
use super::operand::Document;
use super::statement_grammar::{AggregateFunction, Column, parse_statement};
use crate::limits::QUERY_LENGTH;

/// Collection that a statement selects from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Collection {
    Devices,
    Modules,
    Jobs,
}

/// A statement.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) top: Option<u64>,
    pub(crate) projection: Projection,
    pub(crate) collection: Collection,
    pub(crate) condition: Condition,
}

/// The SELECT list.
#[derive(Clone, Debug)]
pub(crate) enum Projection {
    /// `*`
    Everything,
    Columns(Vec<Selected>),
    /// Aggregate functions, perhaps with GROUP BY.
    Aggregate(Aggregate),
}

/// A selected column with the name it gets.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    pub(super) path: Vec<String>,
    pub(super) name: String,
}

/// A list with aggregate functions.
#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    pub(super) columns: Vec<(Selected, Option<AggregateFunction>)>,
    pub(super) group_by: Vec<Vec<String>>,
}

impl Statement {
    /// Parses a statement; the error is meant for the caller.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > QUERY_LENGTH {
            return Err(format!("The query is longer than {QUERY_LENGTH} characters"));
        }
        let select = parse_statement(text)
            .map_err(|offset| syntax_error("Failed to parse the query", text, offset))?;
        let collection = collection(&select.collection)?;
        let columns = match collection {
            Collection::Jobs => Columns::Rows,
            _ => Columns::Twin,
        };
        let mut condition = Condition::everything();
        if let Some(expression) = select.condition {
            condition = Condition::resolved(expression, columns)?;
        }
        let is_plain = select.columns.is_none() && select.group_by.is_empty();
        if collection == Collection::Jobs && !(is_plain && select.top.is_none()) {
            return Err("FROM devices.jobs allows only SELECT *, without TOP and GROUP BY".into());
        }
        let projection = projection(select.columns, select.group_by, columns)?;
        Ok(Self { top: select.top, projection, collection, condition })
    }

    /// Returns the id that a selected row must have in its column `jobId`.
    pub(crate) fn required_job(&self) -> Option<&str> {
        self.condition.required_text(&["jobId"])
    }
}

fn collection(path: &[String]) -> Result<Collection, String> {
    let names: Vec<String> = path.iter().map(|name| name.to_ascii_lowercase()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names[..] {
        ["devices"] => Ok(Collection::Devices),
        ["devices", "modules"] => Ok(Collection::Modules),
        ["devices", "jobs"] => Ok(Collection::Jobs),
        _ => Err(format!(
            "unknown collection '{}': expected devices, devices.modules or devices.jobs",
            path.join(".")
        )),
    }
}

fn projection(
    columns: Option<Vec<Column>>,
    group_by: Vec<Vec<String>>,
    of: Columns,
) -> Result<Projection, String> {
    let mut group_by = group_by;
    for path in &mut group_by {
        resolve(path, of)?;
    }
    let Some(columns) = columns else {
        return match group_by.is_empty() {
            true => Ok(Projection::Everything),
            false => Err("SELECT * cannot be grouped: select the columns of GROUP BY".into()),
        };
    };
    let mut selected = Vec::new();
    for mut column in columns {
        if !column.path.is_empty() {
            resolve(&mut column.path, of)?;
        }
        let name = column.alias.or_else(|| column.path.last().cloned());
        let path = column.path;
        selected.push((Selected { path, name: name.unwrap_or_else(|| "count".into()) }, column.function));
    }
    if group_by.is_empty() && selected.iter().all(|(_, function)| function.is_none()) {
        return Ok(Projection::Columns(selected.into_iter().map(|(column, _)| column).collect()));
    }
    let stray =
        selected.iter().find(|(column, function)| function.is_none() && !group_by.contains(&column.path));
    match stray {
        Some((column, _)) => {
            Err(format!("the column '{}' must be in GROUP BY or in an aggregate", column.path.join(".")))
        }
        None => Ok(Projection::Aggregate(Aggregate { columns: selected, group_by })),
    }
}

/// Parses the query condition of a job; the error is meant for its `failureReason`.
///
/// The service documents only a condition on devices, but is seen to take `FROM devices.modules WHERE …`
/// for methods as well.
pub(crate) fn parse_targets(text: &str) -> Result<(Collection, Condition), String> {
    let is_from = text.trim_start().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("FROM "));
    if !is_from {
        return Ok((Collection::Devices, Condition::of_job(text)?));
    }
    let statement = Statement::parse(&format!("SELECT * {text}"))?;
    match statement.collection {
        Collection::Modules => Ok((Collection::Modules, statement.condition)),
        _ => Err("Failed to parse the query condition: only FROM devices.modules is allowed".into()),
    }
}

/// Returns the selected columns of a document; absent ones are left out.
pub(crate) fn project(columns: &[Selected], document: &impl Document) -> Value {
    let members = columns.iter().filter_map(|column| {
        document.member(&column.path).map(|value| (column.name.clone(), value.into_json()))
    });
    Value::Object(members.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn statements_are_parsed_by_grammar_not_by_blanks() {
        for text in [
            "SELECT * FROM devices",
            "select*from devices where tags.a='SELECT * FROM'",
            "SELECT\n*\tFROM devices.jobs WHERE devices.jobs.jobId='a'",
            "SELECT TOP 5 * FROM devices",
            "SELECT deviceId, tags.a AS [[group]] FROM devices.modules",
            "SELECT COUNT() AS n, tags.a AS a FROM devices WHERE tags.b > 1 GROUP BY tags.a",
            "SELECT AVG(properties.reported.t) AS t FROM devices",
        ] {
            Statement::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    #[test]
    fn statements_out_of_the_language_are_refused_with_a_reason() {
        for (text, reason) in [
            ("SELECT * FROM devices WHERE", "unexpected '' at position 27"),
            ("SELECT FROM devices", "unexpected 'FROM devices' at position 7"),
            ("DELETE FROM devices", "unexpected 'DELETE FROM devices' at position 0"),
            ("SELECT * FROM hubs", "unknown collection 'hubs'"),
            ("SELECT * FROM devices WHERE building = '43'", "unknown column 'building'"),
            ("SELECT * FROM devices.jobs WHERE jobId = 'a'", "unknown column 'jobId'"),
            (
                "SELECT * FROM devices.jobs WHERE devices.jobs.name = 'a'",
                "unknown column 'devices.jobs.name'",
            ),
            ("SELECT devices.jobs.jobId FROM devices.jobs", "allows only SELECT *"),
            ("SELECT TOP 1 * FROM devices.jobs", "allows only SELECT *"),
            ("SELECT tags.a, COUNT() AS n FROM devices", "'tags.a' must be in GROUP BY"),
            ("SELECT * FROM devices GROUP BY tags.a", "cannot be grouped"),
            ("SELECT SUM() AS n FROM devices", "unexpected ') AS n FROM devices'"),
            ("SELECT * FROM devices; DROP", "unexpected '; DROP' at position 21"),
        ] {
            let error = Statement::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let long = format!("SELECT * FROM devices WHERE tags.a = '{}'", "x".repeat(QUERY_LENGTH));
        assert!(Statement::parse(&long).unwrap_err().contains("longer than 8192"));
    }

    #[test]
    fn required_job_is_found_in_any_order() {
        let job = |text: &str| {
            let statement = Statement::parse(&format!("SELECT * FROM devices.jobs WHERE {text}")).unwrap();
            statement.required_job().map(str::to_owned)
        };
        assert_eq!(job("devices.jobs.jobId = 'a'").as_deref(), Some("a"));
        assert_eq!(job("devices.jobs.status = 'failed' AND 'a' = devices.jobs.jobId").as_deref(), Some("a"));
        assert_eq!(job("devices.jobs.jobId = 'a' OR devices.jobs.jobId = 'b'"), None);
        assert_eq!(job("devices.jobs.jobId != 'a'"), None);
    }

    #[test]
    fn projection_names_columns_and_leaves_absent_ones_out() {
        let statement = Statement::parse("SELECT deviceId, tags.a AS b, tags.none FROM devices").unwrap();
        let Projection::Columns(columns) = statement.projection else { panic!("columns") };
        let twin = json!({ "deviceId": "d", "tags": { "a": [1] } });
        assert_eq!(project(&columns, &twin), json!({ "deviceId": "d", "b": [1] }));
    }
}
