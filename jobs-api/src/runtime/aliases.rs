//! Members that the service names differently by operation.
//!
//! Generated types with such members are read through [`AliasReader`], which accepts each of the names. If
//! a body has several of them, the first value that is not null counts; serde's own `alias` would reject
//! such a body as a whole.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

/// Members, each with its aliases.
pub(crate) type Aliases = &'static [(&'static str, &'static [&'static str])];

/// A deserializer of an object that accepts the aliases of its members.
pub(crate) struct AliasReader<D> {
    inner: D,
    aliases: Aliases,
}

impl<D> AliasReader<D> {
    pub(crate) fn new(inner: D, aliases: Aliases) -> Self {
        Self { inner, aliases }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AliasReader<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_map(AliasReader { inner: visitor, aliases: self.aliases })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for AliasReader<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Members { map, aliases: self.aliases, seen: Vec::new(), value: None })
    }
}

/// The members of an object by their own names, each with an alias once.
struct Members<A> {
    map: A,
    aliases: Aliases,
    /// The members with aliases that had a value.
    seen: Vec<&'static str>,
    /// The value of the aliased member whose key was returned last.
    value: Option<Value>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<Cow<'de, str>>()? {
            let mut aliases = self.aliases.iter();
            let known = aliases.find(|(name, aliases)| *name == key || aliases.contains(&key.as_ref()));
            let Some((name, _)) = known else { return seed.deserialize(key.into_deserializer()).map(Some) };
            let value: Value = self.map.next_value()?;
            if !value.is_null() && !self.seen.contains(name) {
                self.seen.push(name);
                self.value = Some(value);
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
        }
        Ok(None)
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
    use serde::Deserialize;

    use super::{AliasReader, Aliases};

    const ALIASES: Aliases = &[("startTime", &["startTimeUtc"])];

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Job {
        start_time: Option<String>,
        #[serde(rename = "failedCount")]
        _failed_count: Option<u8>,
    }

    fn read(body: &str) -> serde_json::Result<Job> {
        Job::deserialize(AliasReader::new(&mut serde_json::Deserializer::from_str(body), ALIASES))
    }

    #[test]
    fn first_value_that_is_not_null_counts() {
        for body in [
            r#"{"startTime":"first"}"#,
            r#"{"startTimeUtc":"first"}"#,
            r#"{"startTime":null,"startTimeUtc":"first"}"#,
            r#"{"startTimeUtc":"first","startTime":null}"#,
            r#"{"startTimeUtc":"first","startTime":"second"}"#,
            r#"{"startTime":"first","startTimeUtc":"second","startTime":""}"#,
        ] {
            assert_eq!(read(body).unwrap().start_time.as_deref(), Some("first"), "{body}");
        }
        assert_eq!(read(r#"{"startTime":null,"startTimeUtc":null}"#).unwrap().start_time, None);
    }

    #[test]
    fn error_in_another_member_reports_its_position() {
        let error = read("{\"startTimeUtc\":\"\",\n\"failedCount\":[]}").unwrap_err();
        assert_eq!((error.line(), error.column()), (2, 14));
        assert!(read("[]").is_err());
    }
}
