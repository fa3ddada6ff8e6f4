//! Fleets described in JSON.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::device::Device;
use super::file_error::FleetError;
use super::method::MethodBehavior;
use super::module::Module;
use super::node::Node;
use super::twin_limits::{check_properties, check_tags};

/// Most devices that one entry stands for.
const COUNT: u64 = 10_000_000;

/// Parses a fleet: `{"devices": [{"deviceId": "pump-1", …}]}`.
///
/// A device has a `deviceId` and, if wanted, `tags`, `desired`, `reported`, `configurations`, `modules`
/// (with `moduleId`, `tags`, `desired`, `reported`), `online`, `status`, `modelId`, `thumbprint`, `iotEdge` and
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
        "thumbprint",
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
    if let Some(thumbprint) = members.optional("thumbprint") {
        device = device.with_thumbprint(thumbprint.text()?);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_read() {
        let fleet = parse_fleet(
            r#"{ "devices": [
                { "deviceId": "edge", "tags": { "a": 1 }, "desired": { "b": 2 }, "reported": { "c": 3 },
                  "configurations": { "d": { "status": "Applied" } }, "online": false, "status": "disabled",
                  "modelId": "dtmi:x;1", "thumbprint": "AB", "iotEdge": true,
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
        assert_eq!(
            (&twin["modelId"], &twin["authenticationType"]),
            (&"dtmi:x;1".into(), &"selfSigned".into())
        );
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
