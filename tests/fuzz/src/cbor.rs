//! CBOR as a tree, for taking apart and putting together what the formats nest: byte strings that hold CBOR are
//! branches as well. Written again, a tree has its shortest form.

/// How deep a tree may be: the formats nest at most six times.
const DEPTH_MAX: usize = 12;

/// A piece of CBOR (RFC 8949, definite lengths only).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A number from 0.
    Number(u64),
    /// −1 less a number.
    Negative(u64),
    /// Bytes that hold nothing of this kind.
    Bytes(Vec<u8>),
    /// Bytes that hold a list.
    Nested(Box<Self>),
    /// A text, not checked to be one.
    Text(Vec<u8>),
    /// A list.
    List(Vec<Self>),
    /// Keys and values, in turn.
    Map(Vec<Self>),
    /// True, false, null and their like.
    Simple(u8),
}

impl Value {
    /// Reads one value that fills `bytes`; none where they hold anything else.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let value = read(&mut rest, DEPTH_MAX)?;
        rest.is_empty().then_some(value)
    }

    /// Returns the value as bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Number(number) => head(0, *number, to),
            Self::Negative(number) => head(1, *number, to),
            Self::Bytes(bytes) => string(2, bytes, to),
            Self::Nested(value) => string(2, &value.bytes(), to),
            Self::Text(text) => string(3, text, to),
            Self::List(list) => {
                head(4, list.len() as u64, to);
                list.iter().for_each(|value| value.write(to));
            }
            Self::Map(list) => {
                head(5, list.len() as u64 / 2, to);
                list.iter().take(list.len() / 2 * 2).for_each(|value| value.write(to));
            }
            Self::Simple(value) => to.push(7 << 5 | value),
        }
    }

    /// Returns the bytes of a byte string.
    pub(crate) fn as_bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(bytes.clone()),
            Self::Nested(value) => Some(value.bytes()),
            Self::Number(_)
            | Self::Negative(_)
            | Self::Text(_)
            | Self::List(_)
            | Self::Map(_)
            | Self::Simple(_) => None,
        }
    }

    /// Returns the items of a list.
    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The parts of which it consists.
    pub(crate) fn parts(&mut self) -> &mut [Self] {
        match self {
            Self::List(list) | Self::Map(list) => list,
            Self::Nested(value) => std::slice::from_mut(value),
            Self::Number(_)
            | Self::Negative(_)
            | Self::Bytes(_)
            | Self::Text(_)
            | Self::Simple(_) => &mut [],
        }
    }

    /// Counts the values in the tree.
    pub(crate) fn count(&mut self) -> usize {
        1 + self.parts().iter_mut().map(Self::count).sum::<usize>()
    }
}

fn head(major: u8, number: u64, to: &mut Vec<u8>) {
    let major = major << 5;
    let [.., c, d] = number.to_be_bytes();
    match number {
        0..=23 => to.push(major | d),
        24..=0xff => to.extend([major | 24, d]),
        0x100..=0xffff => to.extend([major | 25, c, d]),
        0x1_0000..=0xffff_ffff => {
            to.push(major | 26);
            to.extend_from_slice(&number.to_be_bytes()[4..]);
        }
        _ => {
            to.push(major | 27);
            to.extend_from_slice(&number.to_be_bytes());
        }
    }
}

fn string(major: u8, bytes: &[u8], to: &mut Vec<u8>) {
    head(major, bytes.len() as u64, to);
    to.extend_from_slice(bytes);
}

fn take<'a>(rest: &mut &'a [u8], count: u64) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(usize::try_from(count).ok()?)?;
    *rest = after;
    Some(taken)
}

fn read(rest: &mut &[u8], depth: usize) -> Option<Value> {
    let first = *take(rest, 1)?.first()?;
    let (major, short) = (first >> 5, first & 31);
    if major == 7 {
        return (short < 24).then_some(Value::Simple(short));
    }
    let number = match short {
        0..=23 => u64::from(short),
        24..=27 => take(rest, 1 << (short - 24))?.iter().fold(0, |n, b| n << 8 | u64::from(*b)),
        _ => return None,
    };
    let depth = depth.checked_sub(1)?;
    let list = |rest: &mut &[u8], count: u64| {
        // Each value takes a byte at least.
        let count = usize::try_from(count).ok().filter(|count| *count <= rest.len())?;
        (0..count).map(|_| read(rest, depth)).collect::<Option<Vec<_>>>()
    };
    Some(match major {
        0 => Value::Number(number),
        1 => Value::Negative(number),
        2 => nested(take(rest, number)?),
        3 => Value::Text(take(rest, number)?.to_vec()),
        4 => Value::List(list(rest, number)?),
        5 => Value::Map(list(rest, number.checked_mul(2)?)?),
        _ => return None,
    })
}

/// Takes bytes that are a list as one, where it is written in its shortest form.
fn nested(bytes: &[u8]) -> Value {
    let list = bytes.first().is_some_and(|first| first >> 5 == 4 && bytes.len() > 1);
    let value = list.then(|| Value::read(bytes)).flatten();
    match value.filter(|value| value.bytes() == bytes) {
        Some(value) => Value::Nested(Box::new(value)),
        None => Value::Bytes(bytes.to_vec()),
    }
}
