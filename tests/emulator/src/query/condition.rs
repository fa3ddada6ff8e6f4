//! Conditions: which devices a job targets, which documents a statement selects.

use serde_json::Value;

use super::evaluate::evaluate;
use super::expression::Expression;
use super::grammar::parse_condition;
use super::operand::{Document, Operand};

/// Start of the reason for which a job fails whose condition cannot be parsed.
const FAILURE: &str = "Failed to parse the query condition";

/// Members of a twin that a path may begin with.
const TWIN_COLUMNS: [&str; 20] = [
    "deviceId",
    "moduleId",
    "tags",
    "properties",
    "configurations",
    "etag",
    "version",
    "deviceEtag",
    "status",
    "statusReason",
    "statusUpdateTime",
    "connectionState",
    "lastActivityTime",
    "cloudToDeviceMessageCount",
    "authenticationType",
    "x509Thumbprint",
    "capabilities",
    "modelId",
    "deviceScope",
    "parentScopes",
];

/// Columns of a row of `devices.jobs`.
const ROW_COLUMNS: [&str; 11] = [
    "deviceId",
    "moduleId",
    "jobId",
    "jobType",
    "status",
    "startTimeUtc",
    "endTimeUtc",
    "createdDateTimeUtc",
    "lastUpdatedDateTimeUtc",
    "outcome",
    "error",
];

/// Returns true if a job with this query condition would target the device of this twin.
///
/// # Errors
///
/// The condition cannot be parsed; the error is the reason that the job would fail with.
pub fn condition_selects(condition: &str, twin: &Value) -> Result<bool, String> {
    Condition::of_job(condition).map(|condition| condition.selects(twin))
}

/// Columns that paths are resolved against.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Columns {
    /// Perhaps after `devices` or `devices.modules`.
    Twin,
    /// After `devices.jobs`, which must be written.
    Rows,
}

/// A parsed condition.
#[derive(Clone, Debug)]
pub(crate) struct Condition(Option<Expression>);

impl Condition {
    /// Selects everything.
    pub(crate) fn everything() -> Self {
        Self(None)
    }

    /// Parses the query condition of a job; the error is meant for its `failureReason`.
    pub(crate) fn of_job(text: &str) -> Result<Self, String> {
        if text.trim() == "*" {
            return Ok(Self::everything());
        }
        let expression = parse_condition(text).map_err(|offset| syntax_error(FAILURE, text, offset))?;
        Self::resolved(expression, Columns::Twin).map_err(|error| format!("{FAILURE}: {error}"))
    }

    /// Makes a condition of an expression whose paths begin with these columns.
    pub(super) fn resolved(mut expression: Expression, columns: Columns) -> Result<Self, String> {
        expression.try_change_paths(&mut |path| resolve(path, columns))?;
        Ok(Self(Some(expression)))
    }

    /// Returns true if the condition is true for the document, not undefined or another value.
    pub(crate) fn selects(&self, document: &impl Document) -> bool {
        let is_true = |expression| matches!(evaluate(expression, document), Some(Operand::Bool(true)));
        self.0.as_ref().is_none_or(is_true)
    }

    /// Returns the text that this column of a selected document must equal.
    pub(super) fn required_text(&self, column: &[&str]) -> Option<&str> {
        self.0.as_ref()?.required_text(column)
    }
}

/// Turns a path as written into that of the document; the first name is read without regard to case.
pub(super) fn resolve(path: &mut Vec<String>, columns: Columns) -> Result<(), String> {
    let (names, prefixes): (&[&str], &[&[&str]]) = match columns {
        Columns::Twin => (&TWIN_COLUMNS, &[&["devices", "modules"], &["devices"], &[]]),
        Columns::Rows => (&ROW_COLUMNS, &[&["devices", "jobs"]]),
    };
    let column = prefixes.iter().find_map(|prefix| {
        let (start, rest) = path.split_at_checked(prefix.len())?;
        let is_prefixed = start.iter().zip(*prefix).all(|(name, prefix)| name.eq_ignore_ascii_case(prefix));
        let name = names.iter().find(|name| rest.first().is_some_and(|own| name.eq_ignore_ascii_case(own)));
        name.filter(|_| is_prefixed).map(|name| (prefix.len(), *name))
    });
    let (prefix, name) = column.ok_or_else(|| format!("unknown column '{}'", path.join(".")))?;
    path.drain(..prefix);
    name.clone_into(&mut path[0]);
    Ok(())
}

/// Says where a text stops being part of the language.
pub(super) fn syntax_error(what: &str, text: &str, offset: usize) -> String {
    let rest: String = text[offset..].chars().take(20).collect();
    let position = text[..offset].chars().count();
    format!("{what}: unexpected '{rest}' at position {position}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selects(condition: &str) -> bool {
        let twin = json!({
            "deviceId": "pump-1",
            "connectionState": "Connected",
            "tags": { "building": "43", "floor": 2, "spare": null, "on": true, "group": 1, "a-b": { "c.d": 7 },
                      "place": { "room": "it's \"B\"" }, "list": [1, 2], "back\\slash": "\\" },
            "properties": { "desired": { "interval": 30.5, "$version": 7 }, "reported": { "t": -3 } },
        });
        Condition::of_job(condition).unwrap().selects(&twin)
    }

    #[test]
    fn documented_forms_select() {
        for condition in [
            "*",
            " * ",
            "deviceId = 'pump-1'",
            "DEVICEID='pump-1'",
            "deviceId IN ['pump-0', 'pump-1']",
            "deviceId in [\"pump-1\"]",
            "deviceId NIN ['pump-0']",
            "tags.building = '43'",
            "tags.building <> '44' AND tags.building != '44'",
            "tags.floor = 2 and tags.floor = 2.0 and tags.floor = 0x2",
            "tags.on",
            "tags.on = TRUE",
            "tags.spare = null",
            "IS_DEFINED(tags.spare)",
            "NOT is_defined(tags.none)",
            "tags.[[group]] = 1 AND tags.[[a-b]].[[c.d]] = 7",
            r"tags.[[back\slash]] = '\\'",
            r#"tags.place.room = 'it\'s "B"'"#,
            r#"tags.place.room = "it's \"\u0042\"""#,
            "tags.place.room = 'it\\u0027s \"B\"'",
            "properties.desired.interval > 30 AND properties.desired.interval <= 30.5",
            "properties.desired.$version >= 7",
            "properties.reported.t < -2 and properties.reported.t = -3",
            "1 + 2 * 3 = 7 AND (1 + 2) * 3 = 9 AND 7 % 4 - 1 = 2 AND 7 / 2 = 3.5",
            "-tags.floor = -2 AND - -2 = 2",
            "tags.building < '5' AND 'a' < 'b' AND false < true",
            "tags.floor = 1 OR tags.floor = 2 AND tags.building = '43'",
            "(tags.floor = 1 or tags.floor = 2) and (tags.building = '43')",
            "NOT tags.floor = 1 AND NOT NOT tags.on",
            "STARTSWITH(deviceId, 'pump') AND ENDSWITH(deviceId, '-1')",
            "connectionState = 'Connected'",
            "tags.none = 1 OR tags.on",
            "1e3 = 1000 AND 1.5E-1 = 0.15",
            "tags.a-b.[[c.d]] = 7 AND tags.floor -1 = 1 AND tags.floor - 1 = 1 AND 3-tags.floor = 1",
            "devices.deviceId = 'pump-1' AND DEVICES.modules.tags.floor = 2",
        ] {
            assert!(selects(condition), "{condition}");
        }
    }

    #[test]
    fn conditions_that_are_not_true_select_nothing() {
        for condition in [
            "deviceId = 'PUMP-1'",
            "tags.building = 43",
            "tags.building != 43",
            "tags.floor = '2'",
            "tags.none = null",
            "tags.none != 1",
            "NOT tags.none = 1",
            "tags.none NIN [1]",
            "tags.floor = undefined",
            "tags.list = [1, 2]",
            "tags.place = tags.place",
            "tags.building",
            "1",
            "1 / 0 = 1",
            "'a' + 'b' = 'ab'",
            "STARTSWITH(tags.floor, '2')",
            "tags.floor = 2 AND (tags.building = '44' OR tags.building = '45')",
        ] {
            assert!(!selects(condition), "{condition}");
        }
    }

    #[test]
    fn other_texts_fail_with_a_reason() {
        for condition in [
            "SELECT * FROM devices",
            "",
            "tags.building = ",
            "tags.building = '43",
            "tags.building = '43' AND",
            "tags.building = '43' tags.floor = 2",
            "(tags.building = '43'",
            "building = '43'",
            "deviceId IN ('pump-1')",
            "deviceId IN []",
            "tags.a == 1",
            "tags..a = 1",
            "tags.[[a] = 1",
            "tags.a = nan",
            "tags.a = inf",
            "STARTS_WITH(deviceId, 'p')",
            "devices.jobs.jobId = 'a'",
            "devices = 1",
            "tags.a- = 1",
            "IS_DEFINED('a')",
            "* AND tags.a = 1",
            "tags.a = 1 = 2",
            "tags.a = '\\u00G0'",
            "NOT",
            "0x",
        ] {
            let reason = Condition::of_job(condition).unwrap_err();
            assert!(reason.starts_with("Failed to parse the query condition: "), "{condition}: {reason}");
        }
    }

    #[test]
    fn depth_and_length_do_not_exhaust_the_stack() {
        for deep in ["(", "NOT ", "-", "- ", "[", "tags.a = (", "1 + ("] {
            assert!(Condition::of_job(&deep.repeat(100_000)).is_err());
        }
        let long = "tags.floor = 2 AND ".repeat(10_000) + "tags.on";
        assert!(selects(&long));
        for operator in ["+", "-", "*", "%"] {
            let long = format!("1{} >= 0", format!("{operator}1").repeat(5_000));
            assert!(Condition::of_job(&long).is_ok());
            selects(&long);
        }
    }

    #[test]
    fn reason_gives_the_position() {
        let reason = Condition::of_job("tags.a = 'ä' SELECT").unwrap_err();
        assert_eq!(reason, "Failed to parse the query condition: unexpected 'SELECT' at position 13");
    }
}
