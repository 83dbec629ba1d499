//! Keys, out of the bytes that a terminal sends (ECMA-48, xterm's cursor keys).

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Letter(char),
    Enter,
    Escape,
    Backspace,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    /// Ctrl-C, or the end of what is typed.
    Interrupt,
}

/// Takes the keys out of what a terminal sent at once; a letter that is not whole is left. Cursor keys come whole.
pub(super) fn take(bytes: &mut Vec<u8>) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some(first) = rest.first().copied() {
        let (key, length) = match first {
            0x1b => escape(rest),
            b'\r' | b'\n' => (Some(Key::Enter), 1),
            0x7f | 0x08 => (Some(Key::Backspace), 1),
            0x03 | 0x04 => (Some(Key::Interrupt), 1),
            0..0x20 => (None, 1),
            _ => match letter(rest) {
                Some(found) => found,
                None => break,
            },
        };
        keys.extend(key);
        rest = rest.get(length..).unwrap_or_default();
    }
    *bytes = rest.to_vec();
    keys
}

/// A letter of UTF-8 and its length; none where more bytes are to come.
fn letter(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let begin = bytes.get(..4).unwrap_or(bytes);
    let valid = match std::str::from_utf8(begin) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            std::str::from_utf8(begin.get(..error.valid_up_to())?).ok()?
        }
        Err(error) => return error.error_len().map(|length| (None, length)),
    };
    let letter = valid.chars().next()?;
    Some((Some(Key::Letter(letter)), letter.len_utf8()))
}

/// The key of an escape sequence and its length; one that is not known is no key.
fn escape(bytes: &[u8]) -> (Option<Key>, usize) {
    let Some(b'[' | b'O') = bytes.get(1) else { return (Some(Key::Escape), 1) };
    let of = bytes.get(2..).unwrap_or_default();
    let Some(end) = of.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        return (None, bytes.len());
    };
    let key = match of.get(..=end).unwrap_or_default() {
        b"A" => Some(Key::Up),
        b"B" => Some(Key::Down),
        b"H" | b"1~" | b"7~" => Some(Key::First),
        b"F" | b"4~" | b"8~" => Some(Key::Last),
        b"5~" => Some(Key::PageUp),
        b"6~" => Some(Key::PageDown),
        _ => None,
    };
    (key, end + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> (Vec<Key>, Vec<u8>) {
        let mut bytes = bytes.to_vec();
        (take(&mut bytes), bytes)
    }

    #[test]
    fn keys_are_read_as_they_are_typed() {
        use Key as K;
        let of = |bytes: &[u8]| keys(bytes).0;
        assert_eq!(
            of(b"a1\r\x7f\x03"),
            [K::Letter('a'), K::Letter('1'), K::Enter, K::Backspace, K::Interrupt]
        );
        assert_eq!(of(b"\x1b[A\x1bOB\x1b[5~\x1b[6~"), [K::Up, K::Down, K::PageUp, K::PageDown]);
        assert_eq!(of(b"\x1b[H\x1b[4~"), [K::First, K::Last]);
        assert_eq!(of(b"\x1b"), [K::Escape]);
        assert_eq!(of(b"\x1bx"), [K::Escape, K::Letter('x')]);
        assert_eq!(of("李明".as_bytes()), [K::Letter('李'), K::Letter('明')]);
    }

    #[test]
    fn what_is_no_key_does_nothing() {
        assert_eq!(keys(b"\x1b[200~x\x1b[1;5C"), (vec![Key::Letter('x')], vec![]));
        assert_eq!(keys(b"\x1b[99").0, []);
        assert_eq!(keys(b"\x01\xff\xfea"), (vec![Key::Letter('a')], vec![]));
        let whole = "李".as_bytes();
        assert_eq!(keys(&whole[..2]), (vec![], whole[..2].to_vec()), "the rest is to come");
        assert_eq!(
            keys(&[b"a", &whole[..1]].concat()),
            (vec![Key::Letter('a')], whole[..1].to_vec())
        );
    }
}
