//! Fleets described in JSON.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::device::Device;
use super::method::MethodBehavior;
use super::module::Module;
use super::twin_limits::{check_properties, check_tags};

/// Most devices that one entry stands for.
const COUNT: u64 = 10_000_000;

/// Mistake in a fleet's description.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FleetError {
    place: String,
    reason: String,
}

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.reason),
            place => write!(f, "{place}: {}", self.reason),
        }
    }
}

impl std::error::Error for FleetError {}

/// Parses a fleet: `{"devices": [{"deviceId": "pump-1", …}]}`.
///
/// A device has a `deviceId` and, if wanted, `tags`, `desired`, `reported`, `configurations`, `modules`
/// (with `moduleId`, `tags`, `desired`, `reported`), `online`, `status`, `modelId`, `iotEdge` and
/// `methods`: by name, or `*` for the others, a `status`, a `payload` and a `delayMs`, which is a number
/// or a range `[least, most]`. With `count` an entry stands for so many devices, whose number replaces
/// `{n}` in the `deviceId`.
///
/// # Errors
///
/// The text is not JSON, a member is unknown or of the wrong type, a twin is beyond a limit; the error
/// gives the place.
pub fn parse_fleet(text: &str) -> Result<Vec<Device>, FleetError> {
    let json: Value = serde_json::from_str(text)
        .map_err(|error| FleetError { place: String::new(), reason: format!("not JSON: {error}") })?;
    let root = Node { value: &json, place: String::new() };
    let mut devices = Vec::new();
    for entry in root.object(&["devices"])?.required("devices")?.items()? {
        parse_entry(&entry, &mut devices)?;
    }
    Ok(devices)
}

/// Parses one device of a fleet.
pub(crate) fn parse_device(value: &Value) -> Result<Device, FleetError> {
    parse_one(&Node { value, place: String::new() })
}

fn parse_entry(entry: &Node<'_>, devices: &mut Vec<Device>) -> Result<(), FleetError> {
    let Some(count) = entry.value.get("count") else {
        devices.push(parse_one(entry)?);
        return Ok(());
    };
    let count = Node { value: count, place: entry.place_of("count") }.whole_number(1..=COUNT)?;
    let pattern = parse_one(entry)?;
    if count > 1 && !pattern.id.contains("{n}") {
        let place = entry.place_of("deviceId");
        return Err(FleetError { place, reason: "must hold {n} if there is a count above 1".into() });
    }
    for number in 1..=count {
        devices.push(pattern.clone().with_id(pattern.id.replace("{n}", &number.to_string())));
    }
    Ok(())
}

fn parse_one(entry: &Node<'_>) -> Result<Device, FleetError> {
    let members = entry.object(&[
        "deviceId",
        "count",
        "tags",
        "desired",
        "reported",
        "configurations",
        "modules",
        "online",
        "status",
        "modelId",
        "iotEdge",
        "methods",
    ])?;
    let mut device = Device::new(members.required("deviceId")?.id()?);
    if let Some(tags) = members.optional("tags") {
        device = device.with_tags(tags.checked(check_tags)?);
    }
    if let Some(desired) = members.optional("desired") {
        device = device.with_desired(desired.checked(|value| check_properties("desired", value))?);
    }
    if let Some(reported) = members.optional("reported") {
        device = device.with_reported(reported.checked(|value| check_properties("reported", value))?);
    }
    if let Some(configurations) = members.optional("configurations") {
        configurations.members()?;
        device = device.with_configurations(configurations.value.clone());
    }
    for module in members.optional("modules").map(|modules| modules.items()).transpose()?.unwrap_or_default()
    {
        device = device.with_module(parse_module(&module)?);
    }
    if let Some(online) = members.optional("online") {
        device.is_online = online.boolean()?;
    }
    if let Some(status) = members.optional("status") {
        device.is_enabled = match status.text()? {
            "enabled" => true,
            "disabled" => false,
            _ => return Err(status.error("must be 'enabled' or 'disabled'")),
        };
    }
    if let Some(model_id) = members.optional("modelId") {
        device = device.with_model_id(model_id.text()?);
    }
    if let Some(is_edge) = members.optional("iotEdge") {
        device.is_edge = is_edge.boolean()?;
    }
    if let Some(methods) = members.optional("methods") {
        device = device.with_behavior(Arc::new(parse_methods(&methods)?));
    }
    Ok(device)
}

fn parse_module(entry: &Node<'_>) -> Result<Module, FleetError> {
    let members = entry.object(&["moduleId", "tags", "desired", "reported"])?;
    let mut module = Module::new(members.required("moduleId")?.id()?);
    if let Some(tags) = members.optional("tags") {
        module = module.with_tags(tags.checked(check_tags)?);
    }
    if let Some(desired) = members.optional("desired") {
        module = module.with_desired(desired.checked(|value| check_properties("desired", value))?);
    }
    if let Some(reported) = members.optional("reported") {
        module = module.with_reported(reported.checked(|value| check_properties("reported", value))?);
    }
    Ok(module)
}

fn parse_methods(methods: &Node<'_>) -> Result<MethodBehavior, FleetError> {
    let mut behavior = MethodBehavior::default();
    for (name, value) in methods.members()? {
        let node = Node { value, place: methods.place_of(name) };
        let members = node.object(&["status", "payload", "delayMs"])?;
        let status = members.optional("status").map_or(Ok(200), |status| status.status())?;
        let payload = members.optional("payload").map_or(Value::Null, |payload| payload.value.clone());
        let delay =
            members.optional("delayMs").map_or(Ok(Duration::ZERO..=Duration::ZERO), |delay| delay.delay())?;
        behavior = match name.as_str() {
            "*" => behavior.with_others(status, payload, delay),
            name => behavior.with_method(name, status, payload, delay),
        };
    }
    Ok(behavior)
}

/// A value with its place in the text.
struct Node<'a> {
    value: &'a Value,
    place: String,
}

/// The members of an object.
struct Members<'a> {
    members: &'a Map<String, Value>,
    place: String,
}

impl<'a> Node<'a> {
    fn error(&self, reason: impl Into<String>) -> FleetError {
        FleetError { place: self.place.clone(), reason: reason.into() }
    }

    fn place_of(&self, member: &str) -> String {
        place_of(&self.place, member)
    }

    fn members(&self) -> Result<&'a Map<String, Value>, FleetError> {
        self.value.as_object().ok_or_else(|| self.error("must be an object"))
    }

    /// Returns the members, all of which must be known.
    fn object(&self, known: &[&str]) -> Result<Members<'a>, FleetError> {
        let members = self.members()?;
        if let Some(unknown) = members.keys().find(|key| !known.contains(&key.as_str())) {
            let reason = format!("unknown member: expected {}", known.join(", "));
            return Err(FleetError { place: self.place_of(unknown), reason });
        }
        Ok(Members { members, place: self.place.clone() })
    }

    fn items(&self) -> Result<Vec<Self>, FleetError> {
        let items = self.value.as_array().ok_or_else(|| self.error("must be an array"))?;
        let nodes = items.iter().enumerate();
        Ok(nodes.map(|(index, value)| Node { value, place: format!("{}[{index}]", self.place) }).collect())
    }

    fn text(&self) -> Result<&'a str, FleetError> {
        self.value.as_str().ok_or_else(|| self.error("must be a string"))
    }

    fn id(&self) -> Result<&'a str, FleetError> {
        let id = self.text()?;
        match id.len() {
            1..=128 if id.is_ascii() => Ok(id),
            _ => Err(self.error("must have 1 to 128 ASCII characters")),
        }
    }

    fn boolean(&self) -> Result<bool, FleetError> {
        self.value.as_bool().ok_or_else(|| self.error("must be true or false"))
    }

    fn whole_number(&self, range: RangeInclusive<u64>) -> Result<u64, FleetError> {
        let number = self.value.as_u64().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            self.error(format!("must be a whole number within [{}; {}]", range.start(), range.end()))
        })
    }

    fn status(&self) -> Result<i32, FleetError> {
        let status = self.value.as_i64().and_then(|status| status.try_into().ok());
        status.ok_or_else(|| self.error("must be a whole number of 32 bits"))
    }

    fn delay(&self) -> Result<RangeInclusive<Duration>, FleetError> {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let milliseconds = |node: &Node<'_>| node.whole_number(0..=DAY).map(Duration::from_millis);
        if !self.value.is_array() {
            let delay = milliseconds(self)?;
            return Ok(delay..=delay);
        }
        match &self.items()?[..] {
            [least, most] => {
                let range = milliseconds(least)?..=milliseconds(most)?;
                if range.is_empty() { Err(self.error("must begin with the least delay")) } else { Ok(range) }
            }
            _ => Err(self.error("must be a number of milliseconds or a range of two")),
        }
    }

    fn checked(&self, check: impl FnOnce(&Value) -> Result<(), String>) -> Result<Value, FleetError> {
        check(self.value).map_err(|reason| self.error(reason))?;
        Ok(self.value.clone())
    }
}

impl<'a> Members<'a> {
    fn optional(&self, name: &str) -> Option<Node<'a>> {
        let value = self.members.get(name)?;
        Some(Node { value, place: place_of(&self.place, name) })
    }

    fn required(&self, name: &str) -> Result<Node<'a>, FleetError> {
        let missing = || FleetError { place: place_of(&self.place, name), reason: "is missing".into() };
        self.optional(name).ok_or_else(missing)
    }
}

fn place_of(place: &str, member: &str) -> String {
    if place.is_empty() { member.to_owned() } else { format!("{place}.{member}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_read() {
        let fleet = parse_fleet(
            r#"{ "devices": [
                { "deviceId": "edge", "tags": { "a": 1 }, "desired": { "b": 2 }, "reported": { "c": 3 },
                  "configurations": { "d": { "status": "Applied" } }, "online": false, "status": "disabled",
                  "modelId": "dtmi:x;1", "iotEdge": true,
                  "modules": [{ "moduleId": "m", "desired": { "e": 5 } }],
                  "methods": { "reboot": { "status": 404, "payload": "no", "delayMs": [5, 10] } } },
                { "deviceId": "pump-{n}", "count": 3 } ] }"#,
        )
        .unwrap();
        let ids: Vec<_> = fleet.iter().map(Device::id).collect();
        assert_eq!(ids, ["edge", "pump-1", "pump-2", "pump-3"]);
        let twin = fleet[0].twin();
        assert_eq!((&twin["tags"]["a"], &twin["properties"]["reported"]["c"]), (&1.into(), &3.into()));
        assert_eq!((&twin["status"], &twin["connectionState"]), (&"disabled".into(), &"Disconnected".into()));
        let reply = fleet[0].respond("reboot").ok().unwrap();
        assert_eq!((reply.answer.status, &reply.answer.payload), (404, &"no".into()));
        assert_eq!(reply.delay, Duration::from_millis(5)..=Duration::from_millis(10));
        assert_eq!(fleet[0].respond("other").ok().unwrap().answer.status, 200);
    }

    #[test]
    fn mistake_is_refused_with_its_place() {
        for (text, message) in [
            ("{", "not JSON: EOF while parsing an object at line 1 column 1"),
            ("[]", "must be an object"),
            ("{}", "devices: is missing"),
            (r#"{"devices": [{}]}"#, "devices[0].deviceId: is missing"),
            (
                r#"{"devices": [{"deviceId": "a"}, {"deviceId": ""}]}"#,
                "devices[1].deviceId: must have 1 to 128",
            ),
            (r#"{"devices": [{"deviceId": "a", "tag": {}}]}"#, "devices[0].tag: unknown member"),
            (r#"{"devices": [{"deviceId": "a", "tags": []}]}"#, "devices[0].tags: tags must be an object"),
            (r#"{"devices": [{"deviceId": "a", "count": 2}]}"#, "devices[0].deviceId: must hold {n}"),
            (
                r#"{"devices": [{"deviceId": "a", "methods": {"m": {"delayMs": [2, 1]}}}]}"#,
                "devices[0].methods.m.delayMs: must begin with the least",
            ),
            (
                r#"{"devices": [{"deviceId": "a", "modules": [{}]}]}"#,
                "devices[0].modules[0].moduleId: is missing",
            ),
        ] {
            let error = parse_fleet(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
