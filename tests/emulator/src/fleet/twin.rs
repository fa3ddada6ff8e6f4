//! Twins as the hub shows them.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::content::Content;
use super::device::Device;
use super::module::Module;
use crate::dates::timestamp;
use crate::query::{Document, Operand, walk};

/// Date of what never happened.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// Twin of a module, with its device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModuleTwin<'a> {
    pub(super) device: &'a Device,
    pub(super) module: &'a Module,
}

impl Device {
    /// Returns the twin as the hub shows it.
    pub(crate) fn twin(&self) -> Value {
        self.with_content(self.head(), &self.content)
    }

    /// Returns the etag of the twin.
    pub(crate) fn etag(&self) -> String {
        etag(self.content.version)
    }

    /// Returns the twin without its content.
    fn head(&self) -> Value {
        let mut head = json!({
            "deviceId": &*self.id,
            "deviceEtag": etag(1),
            "status": self.status(),
            "statusUpdateTime": NEVER,
            "connectionState": self.connection_state(),
            "lastActivityTime": self.last_activity(),
            "cloudToDeviceMessageCount": 0,
            "authenticationType": self.authentication_type(),
            "x509Thumbprint": match &self.profile.thumbprint {
                Some(primary) => json!({ "PrimaryThumbprint": primary, "SecondaryThumbprint": null }),
                None => json!({ "primaryThumbprint": null, "secondaryThumbprint": null }),
            },
            "capabilities": { "iotEdge": self.profile.is_edge },
        });
        if let Some(model_id) = &self.profile.model_id {
            head["modelId"] = json!(model_id);
        }
        if !self.profile.configurations.is_empty() {
            head["configurations"] = Value::Object(self.profile.configurations.clone());
        }
        head
    }

    /// Adds the content of a twin of this device or of one of its modules. Empty tags are left out.
    fn with_content(&self, mut twin: Value, content: &Content) -> Value {
        twin["etag"] = json!(etag(content.version));
        twin["version"] = json!(content.version);
        if !content.tags.is_empty() {
            twin["tags"] = Value::Object((*content.tags).clone());
        }
        twin["properties"] = self.properties(content);
        twin
    }

    fn properties(&self, Content { desired, reported, .. }: &Content) -> Value {
        json!({ "desired": desired.to_json(self.created), "reported": reported.to_json(self.created) })
    }

    fn authentication_type(&self) -> &'static str {
        if self.profile.thumbprint.is_some() { "selfSigned" } else { "sas" }
    }

    fn status(&self) -> &'static str {
        if self.is_enabled { "enabled" } else { "disabled" }
    }

    fn connection_state(&self) -> &'static str {
        if self.is_online { "Connected" } else { "Disconnected" }
    }

    fn last_activity(&self) -> String {
        self.active.map_or_else(|| NEVER.to_owned(), timestamp)
    }
}

/// Returns the member of tags at this path. Empty tags are undefined.
fn tag<'a>(tags: &'a Map<String, Value>, path: &[String]) -> Option<Operand<'a>> {
    match path.split_first() {
        Some((key, rest)) => walk(tags.get(key)?, rest),
        None if tags.is_empty() => None,
        None => Some(Operand::Json(Cow::Owned(Value::Object(tags.clone())))),
    }
}

/// Returns the member of `properties` at this path.
fn property<'a>(device: &Device, content: &'a Content, path: &[String]) -> Option<Operand<'a>> {
    let Some((name, path)) = path.split_first() else {
        return Some(Operand::Json(Cow::Owned(device.properties(content))));
    };
    let collection = match name.as_str() {
        "desired" => &content.desired,
        "reported" => &content.reported,
        _ => return None,
    };
    match path.split_first() {
        None => Some(Operand::Json(Cow::Owned(collection.to_json(device.created)))),
        Some((key, [])) if key == "$version" => {
            i64::try_from(collection.version()).ok().map(Operand::Integer)
        }
        Some((key, rest)) if key == "$metadata" => owned_member(collection.metadata(device.created), rest),
        Some((key, rest)) => walk(collection.values().get(key)?, rest),
    }
}

/// Returns the member at this path of a value that was made for the purpose.
fn owned_member(value: Value, path: &[String]) -> Option<Operand<'static>> {
    let member = path.iter().try_fold(&value, |value, key| value.get(key))?;
    Some(match Operand::from(member) {
        Operand::Null => Operand::Null,
        Operand::Bool(value) => Operand::Bool(value),
        Operand::Integer(number) => Operand::Integer(number),
        Operand::Number(number) => Operand::Number(number),
        Operand::Text(text) => Operand::Text(Cow::Owned(text.into_owned())),
        Operand::Json(value) => Operand::Json(Cow::Owned(value.into_owned())),
    })
}

impl Document for Device {
    fn member(&self, path: &[String]) -> Option<Operand<'_>> {
        let (column, rest) = path.split_first()?;
        match (column.as_str(), rest) {
            ("deviceId", []) => Some(Operand::text(&self.id)),
            ("tags", rest) => tag(&self.content.tags, rest),
            ("properties", rest) => property(self, &self.content, rest),
            ("configurations", rest) => tag(&self.profile.configurations, rest),
            ("status", []) => Some(Operand::text(self.status())),
            ("connectionState", []) => Some(Operand::text(self.connection_state())),
            ("lastActivityTime", []) => Some(Operand::Text(Cow::Owned(self.last_activity()))),
            ("authenticationType", []) => Some(Operand::text(self.authentication_type())),
            ("version", []) => version(&self.content),
            ("etag", []) => Some(Operand::Text(Cow::Owned(etag(self.content.version)))),
            _ => owned_member(self.head(), path),
        }
    }
}

impl ModuleTwin<'_> {
    pub(crate) fn to_json(self) -> Value {
        let Self { device, module } = self;
        let mut twin = device.with_content(device.head(), &module.content);
        twin["moduleId"] = json!(module.id);
        twin
    }
}

impl Document for ModuleTwin<'_> {
    fn member(&self, path: &[String]) -> Option<Operand<'_>> {
        let (column, rest) = path.split_first()?;
        match (column.as_str(), rest) {
            ("moduleId", []) => Some(Operand::text(&self.module.id)),
            ("tags", rest) => tag(&self.module.content.tags, rest),
            ("properties", rest) => property(self.device, &self.module.content, rest),
            ("version", []) => version(&self.module.content),
            ("etag", []) => Some(Operand::Text(Cow::Owned(etag(self.module.content.version)))),
            _ => self.device.member(path),
        }
    }
}

fn version(content: &Content) -> Option<Operand<'static>> {
    i64::try_from(content.version).ok().map(Operand::Integer)
}

fn etag(version: u64) -> String {
    format!("AAAAAAAAAA{version}=")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Condition;

    #[test]
    fn condition_on_each_documented_member_selects() {
        let device = Device::new("pump-1")
            .with_tags(json!({ "building": "43" }))
            .with_desired(json!({ "interval": 30 }))
            .with_reported(json!({ "interval": 10 }))
            .with_configurations(json!({ "c1": { "status": "Applied" } }))
            .with_model_id("dtmi:a;1")
            .iot_edge();
        for condition in [
            "deviceId = 'pump-1'",
            "tags.building = '43'",
            "properties.desired.interval = 30",
            "properties.reported.interval = 10",
            "properties.desired.$version = 1",
            "properties.reported.$metadata.$lastUpdated < '1971'",
            "properties.reported.$metadata.interval.$lastUpdatedVersion = 1",
            "configurations.[[c1]].status = 'Applied'",
            "IS_DEFINED(etag) AND IS_DEFINED(deviceEtag) AND version = 1",
            "status = 'enabled' AND statusUpdateTime < '2000'",
            "connectionState = 'Connected'",
            "lastActivityTime < '2000'",
            "cloudToDeviceMessageCount = 0",
            "authenticationType = 'sas'",
            "IS_DEFINED(x509Thumbprint.primaryThumbprint)",
            "capabilities.iotEdge = true",
            "modelId = 'dtmi:a;1'",
            "IS_DEFINED(tags) AND IS_DEFINED(properties) AND IS_DEFINED(properties.desired)",
        ] {
            let condition_on_device = Condition::of_job(condition).unwrap();
            assert!(condition_on_device.selects(&device), "{condition}");
            assert!(condition_on_device.selects(&device.twin()), "{condition} on the JSON");
        }
    }

    #[test]
    fn module_has_a_twin_of_its_own() {
        let device = Device::new("edge").with_tags(json!({ "a": 1 }));
        let module = Module::new("m").with_desired(json!({ "b": 2 })).with_tags(json!({ "c": 3 }));
        let twin = ModuleTwin { device: &device, module: &module };
        let condition = "deviceId = 'edge' AND moduleId = 'm' AND properties.desired.b = 2 AND tags.c = 3";
        let condition = Condition::of_job(condition).unwrap();
        assert!(condition.selects(&twin) && condition.selects(&twin.to_json()));
        assert!(!Condition::of_job("tags.a = 1").unwrap().selects(&twin));
    }
}
