//! Fleets described in JSON.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::device::Device;
use super::export::entry_of;
use super::file_error::FleetError;
use super::method::MethodBehavior;
use super::module::Module;
use super::node::{Node, check_id};
use super::twin_limits::{check_properties, check_tags};

/// Most devices that one entry stands for.
const COUNT: u64 = 10_000_000;

const MEMBERS: [&str; 12] = [
    "deviceId",
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
];

/// Parses a fleet: `{"devices": [{"deviceId": "pump-1", …}]}`, or the array of twins that a hub answers to
/// `SELECT * FROM devices`.
///
/// A device has a `deviceId` and, if wanted, `tags`, `desired`, `reported`, `configurations`, `modules`
/// (with `moduleId`, `tags`, `desired`, `reported`), `online`, `status`, `modelId`, `thumbprint`, `iotEdge` and
/// `methods`: by name, or `*` for the others, a `status`, a `payload` and a `delayMs`, which is a number
/// or a range `[least, most]`. With `count` an entry stands for so many devices, whose number replaces
/// `{n}` in the `deviceId`.
///
/// # Errors
///
/// The text is not JSON, a member is unknown or of the wrong type, an id is there twice, a twin is beyond a
/// limit; the error gives the place.
pub fn parse_fleet(text: &str) -> Result<Vec<Device>, FleetError> {
    // Some editors begin a file with a byte order mark.
    let json: Value = serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text))
        .map_err(|error| FleetError { place: String::new(), reason: format!("not JSON: {error}") })?;
    let root = Node { value: &json, place: String::new() };
    let mut fleet = Fleet::default();
    if json.is_array() {
        for twin in root.items()? {
            fleet.add_exported(&twin)?;
        }
    } else {
        for entry in root.object(&["devices"])?.required("devices")?.items()? {
            fleet.add_entry(&entry)?;
        }
    }
    Ok(fleet.devices)
}

/// Parses one device of a fleet.
pub(crate) fn parse_device(value: &Value) -> Result<Device, FleetError> {
    let node = Node { value, place: String::new() };
    let device = parse_one(&node, &MEMBERS)?;
    check_id(&device.id).map_err(|reason| id_error(&node, reason))?;
    Ok(device)
}

/// Devices of different ids.
#[derive(Default)]
struct Fleet {
    devices: Vec<Device>,
    ids: HashSet<Arc<str>>,
}

impl Fleet {
    fn add_entry(&mut self, entry: &Node<'_>) -> Result<(), FleetError> {
        let pattern = parse_one(entry, &[&MEMBERS[..], &["count"]].concat())?;
        let has_number = pattern.id.contains("{n}");
        let Some(count) = entry.value.get("count") else {
            let reason = "holds {n}, but the entry has no count";
            return if has_number { Err(id_error(entry, reason)) } else { self.add(pattern, entry) };
        };
        let count = Node { value: count, place: entry.place_of("count") }.whole_number(1..=COUNT)?;
        if count > 1 && !has_number {
            return Err(id_error(entry, "must hold {n} if there is a count above 1"));
        }
        for number in 1..=count {
            self.add(pattern.clone().with_id(pattern.id.replace("{n}", &number.to_string())), entry)?;
        }
        Ok(())
    }

    fn add_exported(&mut self, twin: &Node<'_>) -> Result<(), FleetError> {
        if twin.members()?.contains_key("moduleId") {
            return Err(twin.error("is a module: export the twins FROM devices"));
        }
        let entry = entry_of(twin.value);
        let entry = Node { value: &entry, place: twin.place.clone() };
        self.add(parse_one(&entry, &MEMBERS)?, &entry)
    }

    /// Adds a device of this entry, if it has an id that no other one has.
    fn add(&mut self, device: Device, entry: &Node<'_>) -> Result<(), FleetError> {
        check_id(&device.id).map_err(|reason| id_error(entry, reason))?;
        if !self.ids.insert(device.id.clone()) {
            return Err(id_error(entry, &format!("{} is there twice", device.id)));
        }
        self.devices.push(device);
        Ok(())
    }
}

fn id_error(entry: &Node<'_>, reason: &str) -> FleetError {
    FleetError { place: entry.place_of("deviceId"), reason: reason.into() }
}

fn parse_one(entry: &Node<'_>, known: &[&str]) -> Result<Device, FleetError> {
    let members = entry.object(known)?;
    let mut device = Device::new(members.required("deviceId")?.text()?);
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
    for node in members.optional("modules").map(|modules| modules.items()).transpose()?.unwrap_or_default() {
        let module = parse_module(&node)?;
        if device.modules.iter().any(|other| other.id == module.id) {
            return Err(node.error(format!("{} is there twice", module.id)));
        }
        device = device.with_module(module);
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
        device.profile_mut().is_edge = is_edge.boolean()?;
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
    use serde_json::json;

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
    fn export_of_a_hub_is_a_fleet() {
        let devices = [
            Device::new("a").with_tags(json!({ "x": 1 })).with_desired(json!({ "y": { "z": 2 } })).offline(),
            Device::new("b").with_reported(json!({ "r": 3 })).with_model_id("dtmi:x;1").iot_edge().disabled(),
            Device::new("c").with_thumbprint("AB"),
        ];
        let export = json!(devices.iter().map(Device::twin).collect::<Vec<_>>());
        let fleet = parse_fleet(&format!("\u{feff}{export}")).unwrap();
        assert_eq!(json!(fleet.iter().map(Device::twin).collect::<Vec<_>>()), export);
    }

    #[test]
    fn mistake_is_refused_with_its_place() {
        for (text, message) in [
            ("{", "not JSON: EOF while parsing an object at line 1 column 1"),
            ("1", "must be an object"),
            ("{}", "devices: is missing"),
            (r#"{"devices": [{}]}"#, "devices[0].deviceId: is missing"),
            (
                r#"{"devices": [{"deviceId": "a"}, {"deviceId": ""}]}"#,
                "devices[1].deviceId: must have 1 to 128",
            ),
            (r#"{"devices": [{"deviceId": "a", "tag": {}}]}"#, "devices[0].tag: unknown member"),
            (r#"{"devices": [{"deviceId": "a", "tags": []}]}"#, "devices[0].tags: tags must be an object"),
            (r#"{"devices": [{"deviceId": "a", "count": 2}]}"#, "devices[0].deviceId: must hold {n}"),
            (r#"{"devices": [{"deviceId": "a-{n}"}]}"#, "devices[0].deviceId: holds {n}, but"),
            (r#"{"devices": [{"deviceId": "a b"}]}"#, "devices[0].deviceId: must have 1 to 128"),
            (
                r#"{"devices": [{"deviceId": "a-2"}, {"deviceId": "a-{n}", "count": 2}]}"#,
                "devices[1].deviceId: a-2 is there twice",
            ),
            (
                r#"{"devices": [{"deviceId": "a", "modules": [{"moduleId": "m"}, {"moduleId": "m"}]}]}"#,
                "devices[0].modules[1]: m is there twice",
            ),
            (r#"[{"deviceId": "a"}, {"deviceId": "a"}]"#, "[1].deviceId: a is there twice"),
            (r#"[{"deviceId": "a", "moduleId": "m"}]"#, "[0]: is a module"),
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
