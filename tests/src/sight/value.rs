//! CBOR as a tree, read by rules of its own: definite lengths, the shortest form, nothing behind.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

/// Levels of a tree; the deepest of ours, a page within a frame, has seven.
const DEPTH_MAX: usize = 12;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number that is not negative.
    Number(u64),
    /// Yes or no.
    Bool(bool),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// A list.
    Array(Vec<Self>),
    /// Pairs, in order.
    Map(Vec<(Self, Self)>),
    /// Nothing.
    Null,
}

impl Value {
    /// Reads bytes that are one value, in the one form that it has.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut decoder = Decoder::new(bytes);
        let value = read(&mut decoder, 0).map_err(|error| error.to_string())?;
        if decoder.position() != bytes.len() {
            return Err(format!("{} bytes follow it", bytes.len() - decoder.position()));
        }
        if value.encode() != bytes { Err("not in its shortest form".to_owned()) } else { Ok(value) }
    }

    /// Encodes the value in its one form.
    ///
    /// # Panics
    /// Never: writing into memory does not fail.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(self, &mut Encoder::new(&mut bytes));
        bytes
    }

    /// Lists this value and every one within it, so that a test can change each.
    pub fn places(&self) -> Vec<Vec<usize>> {
        let mut found = vec![Vec::new()];
        for (at, child) in self.children().into_iter().enumerate() {
            for mut place in child.places() {
                place.insert(0, at);
                found.push(place);
            }
        }
        found
    }

    /// Returns the value at a place.
    #[must_use]
    pub fn at(&self, place: &[usize]) -> Option<&Self> {
        match place.split_first() {
            None => Some(self),
            Some((first, rest)) => self.children().get(*first)?.at(rest),
        }
    }

    /// Returns a copy with another value at a place.
    #[must_use]
    pub fn with(&self, place: &[usize], other: &Self) -> Self {
        let Some((first, rest)) = place.split_first() else { return other.clone() };
        let mut at = 0;
        let mut next = |value: &Self| {
            let here = at == *first;
            at += 1;
            if here { value.with(rest, other) } else { value.clone() }
        };
        match self {
            Self::Array(list) => Self::Array(list.iter().map(next).collect()),
            Self::Map(pairs) => Self::Map(pairs.iter().map(|(k, v)| (next(k), next(v))).collect()),
            Self::Number(_) | Self::Bool(_) | Self::Bytes(_) | Self::Text(_) | Self::Null => {
                self.clone()
            }
        }
    }

    fn children(&self) -> Vec<&Self> {
        match self {
            Self::Array(list) => list.iter().collect(),
            Self::Map(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
            Self::Number(_) | Self::Bool(_) | Self::Bytes(_) | Self::Text(_) | Self::Null => {
                Vec::new()
            }
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "no format has any other kind of value")]
fn read(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, minicbor::decode::Error> {
    let refuse = |what| Err(minicbor::decode::Error::message(what));
    if depth > DEPTH_MAX {
        return refuse("it is too deep");
    }
    let length = |length: Option<u64>| {
        length.ok_or_else(|| minicbor::decode::Error::message("its length is left open"))
    };
    Ok(match decoder.datatype()? {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Value::Number(decoder.u64()?),
        Type::Bool => Value::Bool(decoder.bool()?),
        Type::Bytes => Value::Bytes(decoder.bytes()?.to_vec()),
        Type::String => Value::Text(decoder.str()?.to_owned()),
        Type::Null => {
            decoder.null()?;
            Value::Null
        }
        Type::Array => {
            let count = length(decoder.array()?)?;
            let list = (0..count).map(|_| read(decoder, depth + 1)).collect::<Result<_, _>>()?;
            Value::Array(list)
        }
        Type::Map => {
            let count = length(decoder.map()?)?;
            let pair = |_| Ok((read(decoder, depth + 1)?, read(decoder, depth + 1)?));
            Value::Map((0..count).map(pair).collect::<Result<_, minicbor::decode::Error>>()?)
        }
        _ => return refuse("a kind of value that no format of ours has"),
    })
}

fn write(value: &Value, encoder: &mut Encoder<&mut Vec<u8>>) {
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let done = match value {
        Value::Number(number) => encoder.u64(*number).map(drop),
        Value::Bool(yes) => encoder.bool(*yes).map(drop),
        Value::Bytes(bytes) => encoder.bytes(bytes).map(drop),
        Value::Text(text) => encoder.str(text).map(drop),
        Value::Null => encoder.null().map(drop),
        Value::Array(list) => encoder.array(count(list.len())).map(drop),
        Value::Map(pairs) => encoder.map(count(pairs.len())).map(drop),
    };
    assert!(done.is_ok(), "writing into memory failed");
    for child in value.children() {
        write(child, encoder);
    }
}
