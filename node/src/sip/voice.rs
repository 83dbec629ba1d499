//! What is said on a call: a recording or a tone, in packets of 20 ms (RFC 3550), and the keys that are pressed
//! (RFC 4733).

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Samples of a second.
const RATE: usize = 8_000;

/// Samples of a packet: 20 ms.
pub(super) const FRAME: usize = 160;

/// The largest recording that is read: 40 seconds, which are said once in any call that is answered.
const RECORDING_BYTES_MAX: u64 = 640_000;

/// Seconds of silence between two times that it is said.
const PAUSE_SECONDS: usize = 1;

/// The longest packet that is looked at: 60 ms of sound.
const PACKET_BYTES_MAX: usize = 600;

/// Bytes of a packet before what it carries.
const HEADER: usize = 12;

/// How samples are written, with the number of RFC 3551.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    /// G.711 µ-law, 0.
    Pcmu,
    /// G.711 A-law, 8.
    Pcma,
}

impl Codec {
    pub(super) const fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcmu => mu_law(sample),
            Self::Pcma => a_law(sample),
        }
    }
}

/// Writes a sample by G.711 µ-law.
fn mu_law(sample: i16) -> u8 {
    const BIAS: i32 = 0x84;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(32_635) + BIAS;
    let exponent = (0..8).rev().find(|bit| magnitude >> (bit + 7) & 1 == 1).unwrap_or(0);
    let mantissa = magnitude >> (exponent + 3) & 0x0f;
    !low_byte(sign | exponent << 4 | mantissa)
}

/// Writes a sample by G.711 A-law.
fn a_law(sample: i16) -> u8 {
    let (sign, magnitude) = match i32::from(sample) >> 3 {
        positive @ 0.. => (0x80, positive),
        negative => (0, -negative - 1),
    };
    let exponent = (5..12).rev().find(|bit| magnitude >> bit & 1 == 1).map_or(0, |bit| bit - 4);
    let mantissa = magnitude >> exponent.max(1) & 0x0f;
    low_byte(sign | exponent << 4 | mantissa) ^ 0x55
}

fn low_byte(value: i32) -> u8 {
    u8::try_from(value & 0xff).unwrap_or_default()
}

/// What is said.
#[derive(PartialEq, Eq)]
pub(super) struct Prompt {
    /// Samples of 16 bits, 8,000 a second.
    samples: Vec<i16>,
    /// Whether it says anything: nobody knows by a tone what happened, or which key says what.
    pub(super) has_words: bool,
}

impl std::fmt::Debug for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prompt({} samples)", self.samples.len())
    }
}

/// A recording that cannot be said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordingError {
    /// It cannot be read.
    #[error("it cannot be read: check that it is there and that its permissions allow it")]
    Unreadable(#[source] std::io::Error),
    /// It is too long.
    #[error("it is larger than {RECORDING_BYTES_MAX} bytes: keep it below 40 seconds")]
    TooLarge,
    /// It is no such recording.
    #[error(
        "it is no WAV file of one channel with 8,000 samples a second of 16 bits: convert it with `sox IN -r 8000 -c 1 -b 16 OUT.wav`"
    )]
    Form,
}

impl Prompt {
    /// Three tones, for where nothing was recorded.
    pub(super) fn tone() -> Self {
        // One period of 500 Hz.
        const PERIOD: [i16; 16] = [
            0, 3_061, 5_657, 7_391, 8_000, 7_391, 5_657, 3_061, 0, -3_061, -5_657, -7_391, -8_000,
            -7_391, -5_657, -3_061,
        ];
        let beep = || PERIOD.into_iter().cycle().take(RATE / 4);
        let rest = || std::iter::repeat_n(0, RATE / 8);
        let samples = (0..3).flat_map(|_| beep().chain(rest())).collect();
        Self { samples, has_words: false }
    }

    /// A recording of some seconds.
    #[cfg(test)]
    pub(super) fn words(seconds: usize) -> Self {
        Self { samples: vec![1_000; seconds * RATE], has_words: true }
    }

    /// Reads a recording: RIFF WAVE, PCM, one channel, 8,000 samples a second, 16 bits.
    ///
    /// # Errors
    /// [`RecordingError`] for anything else.
    pub(super) fn read(file: &Path) -> Result<Self, RecordingError> {
        let opened = File::open(file).map_err(RecordingError::Unreadable)?;
        let mut bytes = Vec::new();
        let mut reader = opened.take(RECORDING_BYTES_MAX + 1);
        reader.read_to_end(&mut bytes).map_err(RecordingError::Unreadable)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > RECORDING_BYTES_MAX) {
            return Err(RecordingError::TooLarge);
        }
        Self::parse(&bytes).ok_or(RecordingError::Form)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        /// PCM, one channel, 8,000 samples and 16,000 bytes a second, 2 bytes a sample of 16 bits.
        const FORM: [u8; 16] = [1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0];
        let rest = bytes.strip_prefix(b"RIFF")?.get(4..)?;
        let mut rest = rest.strip_prefix(b"WAVE")?;
        let mut known = false;
        loop {
            let (name, after) = rest.split_at_checked(4)?;
            let (length, after) = after.split_at_checked(4)?;
            let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
            // What writes as it records does not know the length.
            let (chunk, after) = after.split_at(length.min(after.len()));
            match name {
                b"fmt " => known = chunk.starts_with(&FORM),
                b"data" if known && chunk.len() >= 2 * FRAME => {
                    let pairs = chunk.as_chunks().0.iter();
                    let samples = pairs.map(|pair| i16::from_le_bytes(*pair)).collect();
                    return Some(Self { samples, has_words: true });
                }
                b"data" => return None,
                _ => {}
            }
            // Chunks begin at even places.
            rest = after.get(length % 2..)?;
        }
    }

    /// How many packets it takes to say it once, with the silence after it.
    pub(super) fn frames(&self) -> usize {
        self.samples.len().div_ceil(FRAME) + PAUSE_SECONDS * RATE / FRAME
    }

    /// What the packet with this number carries; it is said again and again.
    pub(super) fn frame(&self, number: usize, codec: Codec) -> [u8; FRAME] {
        let start = number % self.frames() * FRAME;
        std::array::from_fn(|at| codec.encode(self.samples.get(start + at).copied().unwrap_or(0)))
    }
}

/// The packets of one call's sound.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) codec: Codec,
    pub(super) source: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    /// How many were made.
    pub(super) frames: usize,
}

impl Stream {
    /// The next packet.
    pub(super) fn next(&mut self, prompt: &Prompt) -> Vec<u8> {
        let mut packet = Vec::with_capacity(HEADER + FRAME);
        // Version 2, no padding, no extension, no contributing sources; the first packet is marked.
        let mark = if self.frames == 0 { 0x80 } else { 0 };
        packet.extend([0x80, mark | self.codec.payload_type()]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.source.to_be_bytes());
        packet.extend(prompt.frame(self.frames, self.codec));
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        self.frames += 1;
        packet
    }
}

/// A key that is pressed on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// 1: I come.
    One,
    /// 2: I cannot.
    Two,
}

impl Key {
    /// The key of an event's number, or of a digit.
    const fn of(number: u8) -> Option<Self> {
        match number {
            1 | b'1' => Some(Self::One),
            2 | b'2' => Some(Self::Two),
            _ => None,
        }
    }
}

/// What a packet says of a key that is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Press {
    pub(super) key: Key,
    /// When it began and who sends it: all packets of one press have both.
    pub(super) which: (u32, u32),
    /// The key is up again.
    pub(super) is_over: bool,
}

/// Reads a packet that says that a key is pressed, of the number that stands for such packets. None for any other packet.
pub(super) fn key(packet: &[u8], payload_type: u8) -> Option<Press> {
    if packet.len() > PACKET_BYTES_MAX {
        return None;
    }
    let (header, rest) = packet.split_at_checked(HEADER)?;
    let [first, second, _, _, a, b, c, d, source @ ..] = <[u8; HEADER]>::try_from(header).ok()?;
    let extended = first & 0x10 != 0;
    if first >> 6 != 2 || extended || second & 0x7f != payload_type {
        return None;
    }
    let sources = usize::from(first & 0x0f) * 4;
    let event = rest.get(sources..)?;
    let [number @ 0..=15, volume, _, _] = *event.first_chunk()? else { return None };
    let which = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes(source));
    Some(Press { key: Key::of(number)?, which, is_over: volume & 0x80 != 0 })
}

/// Reads a key out of the body of an `INFO`: `Signal=1` (`application/dtmf-relay`), or the digit alone
/// (`application/dtmf`).
pub(super) fn key_of_info(kind: &str, body: &[u8]) -> Option<Key> {
    let text = std::str::from_utf8(body).ok()?;
    let digit = match kind {
        "application/dtmf-relay" => text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then(|| value.trim())
        })?,
        "application/dtmf" => text.trim(),
        _ => return None,
    };
    match digit.as_bytes() {
        [digit] if digit.is_ascii_digit() => Key::of(*digit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_written_as_g711_has_them() {
        for (sample, mu, a) in [
            (0, 0xff, 0xd5),
            (1_000, 0xce, 0xfa),
            (-1_000, 0x4e, 0x7a),
            (8_000, 0xa0, 0x8a),
            (i16::MAX, 0x80, 0xaa),
            (i16::MIN, 0x00, 0x2a),
        ] {
            assert_eq!((mu_law(sample), a_law(sample)), (mu, a), "{sample}");
        }
    }

    fn wav(form: &[u8], samples: usize) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        bytes.extend(form);
        bytes.extend(b"data");
        bytes.extend(u32::try_from(samples * 2).unwrap().to_le_bytes());
        bytes.extend((0..samples).flat_map(|_| 1_000_i16.to_le_bytes()));
        bytes
    }

    #[test]
    fn recordings_are_read_and_others_refused() {
        let form = [1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0];
        let said = Prompt::parse(&wav(&form, 500)).unwrap();
        assert_eq!(said.samples, vec![1_000; 500]);
        assert_eq!(said.frames(), 4 + 50);
        let first = said.frame(0, Codec::Pcma);
        assert_eq!((first[0], said.frame(54, Codec::Pcma)), (0xfa, first));
        assert_eq!(said.frame(53, Codec::Pcmu), [0xff; FRAME]);
        let mut stereo = form;
        stereo[2] = 2;
        for bytes in [wav(&stereo, 500), wav(&form, 1), b"RIFF".to_vec(), vec![0; 5_000]] {
            assert_eq!(Prompt::parse(&bytes), None);
        }
        let whole = wav(&form, 500);
        for length in 0..whole.len() {
            let _ = Prompt::parse(&whole[..length]);
        }
    }

    #[test]
    fn packets_count_on_and_are_marked_once() {
        let mut stream = Stream {
            codec: Codec::Pcma,
            source: 7,
            sequence: u16::MAX,
            timestamp: u32::MAX,
            frames: 0,
        };
        let prompt = Prompt::tone();
        let (first, second) = (stream.next(&prompt), stream.next(&prompt));
        assert_eq!(first[..12], [0x80, 0x88, 255, 255, 255, 255, 255, 255, 0, 0, 0, 7]);
        assert_eq!(second[..12], [0x80, 8, 0, 0, 0, 0, 0, 159, 0, 0, 0, 7]);
        assert_eq!((first.len(), second.len()), (172, 172));
    }

    #[test]
    fn keys_are_read_from_packets_and_messages() {
        let packet = |first: u8, second: u8, event: &[u8]| {
            [&[first, second, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7], event].concat()
        };
        let one = packet(0x80, 0xe5, &[1, 0x0a, 0, 160]);
        let press = |key, is_over| Some(Press { key, which: (9, 7), is_over });
        assert_eq!(key(&one, 101), press(Key::One, false));
        let with_source = packet(0x81, 101, &[0, 0, 0, 0, 2, 0x8a, 0, 160]);
        assert_eq!(key(&with_source, 101), press(Key::Two, true));
        for other in [
            packet(0x80, 8, &[1, 0x0a, 0, 160]),
            packet(0x00, 101, &[1, 0x0a, 0, 160]),
            packet(0x90, 101, &[1, 0x0a, 0, 160]),
            packet(0x80, 101, &[3, 0x0a, 0, 160]),
            packet(0x80, 101, &[49, 0x0a, 0, 160]),
            packet(0x80, 101, &[1, 0x0a]),
            packet(0x8f, 101, &[1, 0x0a, 0, 160]),
            vec![0x80],
            [&one[..], &[0; 600]].concat(),
        ] {
            assert_eq!(key(&other, 101), None, "{other:?}");
        }
        let relay = "application/dtmf-relay";
        assert_eq!(key_of_info(relay, b"Signal=1\r\nDuration=160\r\n"), Some(Key::One));
        assert_eq!(key_of_info(relay, b"Duration=160\nsignal = 2\n"), Some(Key::Two));
        assert_eq!(key_of_info("application/dtmf", b"1\r\n"), Some(Key::One));
        for (kind, body) in [
            (relay, &b"Signal=11"[..]),
            (relay, b"Signal=\x01"),
            (relay, b"1"),
            ("text/plain", b"1"),
            ("application/dtmf", b"\xff"),
        ] {
            assert_eq!(key_of_info(kind, body), None, "{body:?}");
        }
    }
}
