//! Inputs of the targets that have a state: moves, one behind the other, each a few bytes.

/// Reads moves; nothing is refused, the end is the end.
pub(crate) struct Moves<'a>(pub(crate) &'a [u8]);

impl<'a> Moves<'a> {
    /// Takes the next byte.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Takes so many bytes, or zeros where they have ended; none at the end.
    pub(crate) fn bytes<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let mut bytes = [0; COUNT];
        bytes[0] = self.byte()?;
        bytes.iter_mut().skip(1).for_each(|byte| *byte = self.byte().unwrap_or_default());
        Some(bytes)
    }

    /// Takes a string: its length in two bytes, or what is left.
    pub(crate) fn string(&mut self) -> &'a [u8] {
        let length = self.bytes().map_or(0, |length| usize::from(u16::from_be_bytes(length)));
        let (string, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        string
    }
}
