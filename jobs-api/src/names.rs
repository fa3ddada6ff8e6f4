//! Reading members that the service names differently by operation.
//!
//! The generated types that have such members are read through [`FirstOf`]: by each of the names, and
//! if a body has several of them, the first that is not null counts. Two names of one member would
//! otherwise be an error that costs the whole answer.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

/// Each member with its other names.
pub(crate) type Names = &'static [(&'static str, &'static [&'static str])];

/// A deserializer of an object some of whose members have several names.
pub(crate) struct FirstOf<D> {
    inner: D,
    names: Names,
}

impl<D> FirstOf<D> {
    pub(crate) fn new(inner: D, names: Names) -> Self {
        Self { inner, names }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for FirstOf<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_map(FirstOf { inner: visitor, names: self.names })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for FirstOf<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Members { map, names: self.names, kept: Vec::new(), value: None })
    }
}

/// The members of an object: those with one name as they come, then the others.
struct Members<A> {
    map: A,
    names: Names,
    /// The members with several names, by their own.
    kept: Vec<(&'static str, Value)>,
    /// The value of a kept member whose key was given last.
    value: Option<Value>,
}

impl<A> Members<A> {
    fn keep(&mut self, own: &'static str, value: Value) {
        match self.kept.iter_mut().find(|(name, _)| *name == own) {
            Some((_, kept)) if kept.is_null() => *kept = value,
            Some(_) => {}
            None => self.kept.push((own, value)),
        }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            let own = self.names.iter().find(|(own, others)| *own == key || others.contains(&key.as_str()));
            match own {
                Some((own, _)) => {
                    let value = self.map.next_value()?;
                    self.keep(own, value);
                }
                None => return seed.deserialize(key.into_deserializer()).map(Some),
            }
        }
        let Some((own, value)) = self.kept.pop() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(own.into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value).map_err(A::Error::custom),
            None => self.map.next_value_seed(seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::types::{DeviceJob, JobResponse, JobType};

    fn start(body: &str) -> Option<String> {
        serde_json::from_str::<JobResponse>(body).unwrap().start_time.map(|start| start.to_string())
    }

    #[test]
    fn the_first_name_that_is_not_null_counts() {
        let expected = Some("2022-05-04T15:53:00.000Z".to_owned());
        for body in [
            r#"{"startTime":"2022-05-04T15:53:00Z"}"#,
            r#"{"startTimeUtc":"2022-05-04T15:53:00Z"}"#,
            r#"{"startTime":null,"startTimeUtc":"2022-05-04T15:53:00Z"}"#,
            r#"{"startTimeUtc":"2022-05-04T15:53:00Z","startTime":null}"#,
            r#"{"startTime":"2022-05-04T15:53:00Z","startTimeUtc":"1999-01-01T00:00:00Z","startTime":""}"#,
        ] {
            assert_eq!(start(body), expected, "{body}");
        }
        assert_eq!(start(r#"{"startTime":null,"startTimeUtc":null}"#), None);
        let row: DeviceJob = serde_json::from_str(r#"{"type":"export","jobType":"import"}"#).unwrap();
        assert_eq!(row.job_type, Some(JobType::Export));
    }

    #[test]
    fn an_error_elsewhere_still_tells_its_place() {
        let body = "{\"startTimeUtc\":\"\",\n\"deviceJobStatistics\":{\"failedCount\":[]}}";
        let error = serde_json::from_str::<JobResponse>(body).unwrap_err();
        assert_eq!((error.line(), error.column()), (2, 37));
        assert!(serde_json::from_str::<JobResponse>("[]").is_err());
    }
}
