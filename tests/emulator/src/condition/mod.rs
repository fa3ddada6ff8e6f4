//! Query conditions: which devices a job runs on, which rows a query gives.
//!
//! The documented language in full: paths, literals, arrays, arithmetic, comparisons, IN and NIN, AND,
//! OR and NOT, IS_DEFINED, and `*` alone. What cannot be read is a reason for the job to fail.

mod evaluate;
mod parse;

use serde_json::Value;

use self::evaluate::evaluate;
use self::parse::{Expression, parse};

/// How the reason of a job begins whose condition cannot be read.
const FAILURE: &str = "Failed to parse the query condition";

/// The members of a twin that a path may begin with.
const TWIN_MEMBERS: [&str; 16] = [
    "deviceId",
    "moduleId",
    "tags",
    "properties",
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
    "capabilities",
    "deviceScope",
];

/// Whether a job with this query condition would run on the device of this twin.
///
/// # Errors
///
/// The condition cannot be read; the reason is the one that the job would fail with.
pub fn condition_selects(condition: &str, twin: &Value) -> Result<bool, String> {
    Condition::on_twin(condition).map(|condition| condition.selects(twin))
}

/// A condition in the form that can be evaluated.
#[derive(Clone, Debug)]
pub(crate) struct Condition(Option<Expression>);

impl Condition {
    /// Selects everything.
    pub(crate) fn everything() -> Self {
        Self(None)
    }

    /// Reads a condition on a twin; the reason of a failure is meant for a job's `failureReason`.
    pub(crate) fn on_twin(text: &str) -> Result<Self, String> {
        if text.trim() == "*" {
            return Ok(Self::everything());
        }
        Self::read(text, |path| {
            let member = TWIN_MEMBERS.iter().find(|member| member.eq_ignore_ascii_case(&path[0]))?;
            Some(std::iter::once((*member).to_owned()).chain(path[1..].iter().cloned()).collect())
        })
    }

    /// Reads a condition on rows, whose columns all carry the name of the collection.
    pub(crate) fn on_rows(text: &str, collection: &[&str]) -> Result<Self, String> {
        Self::read(text, |path| {
            let (prefix, column) = path.split_at_checked(collection.len())?;
            let is_ours = prefix.iter().zip(collection).all(|(a, b)| a.eq_ignore_ascii_case(b));
            (is_ours && !column.is_empty()).then(|| column.to_vec())
        })
    }

    /// Reads a condition whose paths `resolve` turns into those of the document.
    fn read(text: &str, resolve: impl Fn(&[String]) -> Option<Vec<String>>) -> Result<Self, String> {
        let mut expression = parse(text).map_err(|offset| {
            let rest: String = text[offset..].chars().take(20).collect();
            let position = text[..offset].chars().count();
            format!("{FAILURE}: unexpected '{rest}' at position {position}")
        })?;
        for path in expression.paths_mut() {
            *path = resolve(path).ok_or_else(|| format!("{FAILURE}: unknown column '{}'", path.join(".")))?;
        }
        Ok(Self(Some(expression)))
    }

    /// Whether the condition selects `document`: whether it is true, neither false nor anything else.
    pub(crate) fn selects(&self, document: &Value) -> bool {
        let is_true = |expression| evaluate(expression, document) == Some(Value::Bool(true));
        self.0.as_ref().is_none_or(is_true)
    }
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
        Condition::on_twin(condition).unwrap().selects(&twin)
    }

    #[test]
    fn the_documented_forms_select() {
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
        ] {
            assert!(selects(condition), "{condition}");
        }
    }

    #[test]
    fn what_is_not_true_does_not_select() {
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
    fn anything_else_is_a_reason_to_fail() {
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
            "IS_DEFINED('a')",
            "* AND tags.a = 1",
            "tags.a = 1 = 2",
            "tags.a = '\\u00G0'",
            "NOT",
            "0x",
        ] {
            let reason = Condition::on_twin(condition).unwrap_err();
            assert!(reason.starts_with("Failed to parse the query condition: "), "{condition}: {reason}");
        }
    }

    #[test]
    fn depth_does_not_exhaust_the_stack() {
        for deep in ["(", "NOT ", "-", "- ", "[", "tags.a = (", "1 + ("] {
            assert!(Condition::on_twin(&deep.repeat(100_000)).is_err());
        }
        let long = "tags.floor = 2 AND ".repeat(10_000) + "tags.on";
        assert!(selects(&long));
    }

    #[test]
    fn a_reason_tells_where() {
        let reason = Condition::on_twin("tags.a = 'ä' SELECT").unwrap_err();
        assert_eq!(reason, "Failed to parse the query condition: unexpected 'SELECT' at position 13");
    }

    #[test]
    fn columns_of_rows_carry_the_collections_name() {
        let collection = ["devices", "jobs"];
        let condition = Condition::on_rows("devices.jobs.jobId = 'a'", &collection).unwrap();
        assert!(condition.selects(&json!({ "jobId": "a" })));
        assert!(Condition::on_rows("jobId = 'a'", &collection).is_err());
    }
}
