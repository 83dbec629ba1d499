//! Reads a payload from its beginning, least significant byte first; whatever is not there is an error.

use super::PayloadError;
use super::number::{NoValue, Number, float, sfloat};
use crate::time::DeviceTime;

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], PayloadError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(PayloadError::Short)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, PayloadError> {
        self.take().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, PayloadError> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, PayloadError> {
        self.take().map(i16::from_le_bytes)
    }

    pub(super) fn u24(&mut self) -> Result<u32, PayloadError> {
        let [low, middle, high] = self.take()?;
        Ok(u32::from_le_bytes([low, middle, high, 0]))
    }

    pub(super) fn sfloat(&mut self) -> Result<Result<Number, NoValue>, PayloadError> {
        self.u16().map(sfloat)
    }

    pub(super) fn float(&mut self) -> Result<Result<Number, NoValue>, PayloadError> {
        self.take().map(u32::from_le_bytes).map(float)
    }

    /// A Date Time (0x2A08): none where year, month or day is 0, which is not known.
    pub(super) fn date_time(&mut self) -> Result<Option<DeviceTime>, PayloadError> {
        let year = self.u16()?;
        let [month, day, hour, minute, second] = self.take()?;
        if year == 0 || month == 0 || day == 0 {
            return Ok(None);
        }
        let time = DeviceTime::new(year, [month, day], [hour, minute, second]);
        time.map(Some).map_err(|_| PayloadError::Time)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may be left: what is not understood was not read rightly.
    pub(super) const fn end(&self) -> Result<(), PayloadError> {
        if self.rest.is_empty() { Ok(()) } else { Err(PayloadError::Trailing) }
    }
}

/// The flags of a payload, of which only those that are known may be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flags(u8);

impl Flags {
    /// Reads the flags; `known` has a bit for each that is understood. One that is not may add a field anywhere, so
    /// nothing after it could be trusted.
    pub(super) fn read(cursor: &mut Cursor<'_>, known: u8) -> Result<Self, PayloadError> {
        let flags = cursor.u8()?;
        if flags & !known == 0 { Ok(Self(flags)) } else { Err(PayloadError::Reserved) }
    }

    pub(super) const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}
