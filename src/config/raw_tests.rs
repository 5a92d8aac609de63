//! The raw structs and the table of keys name the same keys.

use std::collections::BTreeSet;

use serde::de::value::StrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, Visitor};

use super::*;
use crate::config::key;

type Error = de::value::Error;

/// Gives empty values to whatever a struct asks for, and writes down the path of each leaf.
struct Recorder<'a> {
    path: String,
    leaves: &'a mut BTreeSet<String>,
}

impl Recorder<'_> {
    fn leaf(self) {
        self.leaves.insert(self.path);
    }
}

impl<'de> Deserializer<'de> for Recorder<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom(format!("{}: a field of a type that this test does not know", self.path)))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_none()
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_str("")
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_i64(0)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_seq(de::value::SeqDeserializer::<_, Error>::new(std::iter::empty::<()>()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { left: fields, at: "", path: self.path, leaves: self.leaves })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct
        tuple tuple_struct map enum identifier ignored_any
    }
}

struct Fields<'a> {
    left: &'static [&'static str],
    at: &'static str,
    path: String,
    leaves: &'a mut BTreeSet<String>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((first, rest)) = self.left.split_first() else { return Ok(None) };
        (self.at, self.left) = (first, rest);
        let name: StrDeserializer<'_, Error> = self.at.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let path = if self.path.is_empty() { self.at.to_owned() } else { format!("{}.{}", self.path, self.at) };
        seed.deserialize(Recorder { path, leaves: &mut *self.leaves })
    }
}

#[test]
fn every_field_has_a_row_and_every_row_a_field() {
    let mut leaves = BTreeSet::new();
    sections::general::Raw::deserialize(Recorder { path: String::new(), leaves: &mut leaves }).unwrap();
    Sections::deserialize(Recorder { path: String::new(), leaves: &mut leaves }).unwrap();
    let rows: BTreeSet<String> = key::all().map(|key| key.path.to_owned()).collect();
    assert_eq!(leaves, rows);
}
