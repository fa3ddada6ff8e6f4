//! The values of a fleet's description, each with its place.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use super::file_error::FleetError;

/// A value with its place in the text.
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    pub(super) place: String,
}

/// The members of an object.
pub(super) struct Members<'a> {
    members: &'a Map<String, Value>,
    place: String,
}

impl<'a> Node<'a> {
    pub(super) fn error(&self, reason: impl Into<String>) -> FleetError {
        FleetError { place: self.place.clone(), reason: reason.into() }
    }

    pub(super) fn place_of(&self, member: &str) -> String {
        place_of(&self.place, member)
    }

    pub(super) fn members(&self) -> Result<&'a Map<String, Value>, FleetError> {
        self.value.as_object().ok_or_else(|| self.error("must be an object"))
    }

    /// Returns the members, all of which must be known.
    pub(super) fn object(&self, known: &[&str]) -> Result<Members<'a>, FleetError> {
        let members = self.members()?;
        if let Some(unknown) = members.keys().find(|key| !known.contains(&key.as_str())) {
            let reason = format!("unknown member: expected {}", known.join(", "));
            return Err(FleetError { place: self.place_of(unknown), reason });
        }
        Ok(Members { members, place: self.place.clone() })
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, FleetError> {
        let items = self.value.as_array().ok_or_else(|| self.error("must be an array"))?;
        let nodes = items.iter().enumerate();
        Ok(nodes.map(|(index, value)| Node { value, place: format!("{}[{index}]", self.place) }).collect())
    }

    pub(super) fn text(&self) -> Result<&'a str, FleetError> {
        self.value.as_str().ok_or_else(|| self.error("must be a string"))
    }

    pub(super) fn id(&self) -> Result<&'a str, FleetError> {
        let id = self.text()?;
        check_id(id).map_err(|reason| self.error(reason))?;
        Ok(id)
    }

    /// Reads the state of a connection.
    pub(super) fn is_online(&self) -> Result<bool, FleetError> {
        match self.text()? {
            "Connected" => Ok(true),
            "Disconnected" => Ok(false),
            _ => Err(self.error("must be Connected or Disconnected")),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, FleetError> {
        self.value.as_bool().ok_or_else(|| self.error("must be true or false"))
    }

    pub(super) fn whole_number(&self, range: RangeInclusive<u64>) -> Result<u64, FleetError> {
        let number = self.value.as_u64().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            self.error(format!("must be a whole number within [{}; {}]", range.start(), range.end()))
        })
    }

    pub(super) fn status(&self) -> Result<i32, FleetError> {
        let status = self.value.as_i64().and_then(|status| status.try_into().ok());
        status.ok_or_else(|| self.error("must be a whole number of 32 bits"))
    }

    pub(super) fn delay(&self) -> Result<RangeInclusive<Duration>, FleetError> {
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

    pub(super) fn checked(
        &self,
        check: impl FnOnce(&Value) -> Result<(), String>,
    ) -> Result<Value, FleetError> {
        check(self.value).map_err(|reason| self.error(reason))?;
        Ok(self.value.clone())
    }
}

impl<'a> Members<'a> {
    pub(super) fn optional(&self, name: &str) -> Option<Node<'a>> {
        let value = self.members.get(name)?;
        Some(Node { value, place: place_of(&self.place, name) })
    }

    pub(super) fn required(&self, name: &str) -> Result<Node<'a>, FleetError> {
        let missing = || FleetError { place: place_of(&self.place, name), reason: "is missing".into() };
        self.optional(name).ok_or_else(missing)
    }
}

fn place_of(place: &str, member: &str) -> String {
    if place.is_empty() { member.to_owned() } else { format!("{place}.{member}") }
}

/// Checks the id of a device or module; the error is meant for the caller.
pub(super) fn check_id(id: &str) -> Result<(), &'static str> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-:.+%_#*?!(),=@;$'".contains(&byte);
    match id.len() {
        1..=128 if id.bytes().all(is_valid) => Ok(()),
        _ => Err("must have 1 to 128 letters, digits and -:.+%_#*?!(),=@;$'"),
    }
}
