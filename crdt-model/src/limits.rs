//! The limits of documents and files, each with its reason.

/// Bytes of one field value. A note of four pages; larger texts are blobs.
pub const FIELD_BYTES_MAX: usize = 16 * 1024;

/// Bytes of one fact. A raise with its ladder takes under 2 KiB; an entry may hold 256 KiB.
pub const FACT_BYTES_MAX: usize = 16 * 1024;

/// Bytes of a sheet: the card of an elder takes about 4 KiB with the names of all who wrote it; one edit
/// must fit an entry of 256 KiB.
pub const SHEET_BYTES_MAX: usize = 192 * 1024;
/// Bytes of the purpose a consent names: a code, as long as one in a grant may be.
pub const PURPOSE_BYTES_MAX: usize = 256;

/// Facts of one event document that are folded. An order takes about 10, an alert of a whole district about 100.
pub const FACTS_MAX: usize = 65_536;

/// Facts that one fact may name as seen. Writers name the newest only; eight desks at once leave at most a few.
pub const AFTER_MAX: usize = 64;

/// Bytes of a device's name in a reading's key: twice the longest UUID or MAC form.
pub const DEVICE_BYTES_MAX: usize = 64;

/// Bytes of a payload that a Bluetooth device sends. The longest of fixed form has 20; a list of heartbeats may be longer.
pub const PAYLOAD_BYTES_MAX: usize = 64;

/// Bytes of a register file. A district's 151,000 people take about 25 MB.
pub const REGISTER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Rows of a register file: a city district's elders, three times over.
pub const REGISTER_ROWS_MAX: usize = 500_000;

/// Characters of one cell of a register; the longest remark seen in practice is under 200.
pub const CELL_CHARS_MAX: usize = 2_000;
