//! Keys, out of the bytes that a terminal sends: termina knows their sequences, and here they become what a desk knows.

use termina::{
    Event, Parser,
    event::{KeyCode, KeyEvent, KeyEventKind, Modifiers},
};
use zeroize::Zeroizing;

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

/// What somebody does at a keyboard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Key(Key),
    /// Text that was pasted: it is never a command.
    Pasted(Zeroizing<String>),
}

/// Keys that are no letters.
const NAMED: [(KeyCode, Key); 9] = [
    (KeyCode::Enter, Key::Enter),
    (KeyCode::Escape, Key::Escape),
    (KeyCode::Backspace, Key::Backspace),
    (KeyCode::Up, Key::Up),
    (KeyCode::Down, Key::Down),
    (KeyCode::PageUp, Key::PageUp),
    (KeyCode::PageDown, Key::PageDown),
    (KeyCode::Home, Key::First),
    (KeyCode::End, Key::Last),
];

/// As many keys as the parser remembers of what it gave out already.
const REMEMBERED: usize = 64;

/// As many blanks as with the marks of a paste fill the parser's buffer, which must not grow: what it moves from is left.
const PASTED: usize = 256 - 12;

/// Ctrl-C.
const INTERRUPT: u8 = 0x03;

/// Takes keys out of bytes.
#[derive(Debug, Default)]
pub(super) struct Keys {
    parser: Parser,
    /// The letter after an Escape that came with it.
    letter: Option<Key>,
}

impl Keys {
    /// Takes in what a terminal sent; whether more of it may be to come at once.
    pub(super) fn take(&mut self, bytes: &[u8], more: bool) {
        if bytes == [INTERRUPT] {
            // What the parser waits for may never come: the end of a paste, say.
            self.parser = Parser::default();
        }
        // Escape and a letter, typed fast: what a terminal says of itself comes in one piece.
        let bytes = match bytes {
            [0x1b, letter @ (b']' | b'P')] => {
                self.parser.parse(b"\x1b", false);
                std::slice::from_ref(letter)
            }
            _ => bytes,
        };
        self.parser.parse(bytes, more);
    }

    /// The next key, or what was pasted.
    pub(super) fn next(&mut self) -> Option<Typed> {
        if let Some(letter) = self.letter.take() {
            return Some(Typed::Key(letter));
        }
        while let Some(event) = self.parser.pop() {
            let key = match event {
                Event::Paste(text) => return Some(Typed::Pasted(Zeroizing::new(text))),
                Event::Key(event) => self.key(event),
                // What a terminal says of itself.
                Event::Mouse(_)
                | Event::WindowResized(_)
                | Event::FocusIn
                | Event::FocusOut
                | Event::Csi(_)
                | Event::Osc(_)
                | Event::Dcs(_) => None,
            };
            if let Some(key) = key {
                return Some(Typed::Key(key));
            }
        }
        None
    }

    fn key(&mut self, KeyEvent { code, kind, modifiers, .. }: KeyEvent) -> Option<Key> {
        if kind == KeyEventKind::Release {
            return None;
        }
        let KeyCode::Char(letter) = code else {
            return NAMED.iter().find(|(named, _)| *named == code).map(|(_, key)| *key);
        };
        let key = match (modifiers.contains(Modifiers::CONTROL), letter) {
            (false, letter) => Key::Letter(letter),
            (true, 'c' | 'd') => Key::Interrupt,
            (true, 'h') => Key::Backspace,
            (true, 'j' | 'm') => Key::Enter,
            (true, _) => return None,
        };
        if !modifiers.contains(Modifiers::ALT) {
            return Some(key);
        }
        // Escape and a letter, typed fast.
        self.letter = Some(key);
        Some(Key::Escape)
    }

    /// Forgets what was typed or pasted, what came after it in the same read too: a PIN is left nowhere.
    pub(super) fn wipe(&mut self) {
        self.parser.parse(&[b"\x1b[200~", &[b' '; PASTED][..], b"\x1b[201~"].concat(), false);
        for _ in 0..REMEMBERED {
            self.parser.parse(b" ", false);
            while self.next().is_some() {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> Vec<Typed> {
        let mut keys = Keys::default();
        keys.take(bytes, false);
        std::iter::from_fn(|| keys.next()).collect()
    }

    fn of(bytes: &[u8]) -> Vec<Key> {
        let key = |typed| match typed {
            Typed::Key(key) => key,
            Typed::Pasted(text) => panic!("{text:?}"),
        };
        typed(bytes).into_iter().map(key).collect()
    }

    #[test]
    fn keys_are_read_as_they_are_typed() {
        use Key as K;
        assert_eq!(
            of(b"a1\r\n\x7f\x08\x03\x04"),
            [
                K::Letter('a'),
                K::Letter('1'),
                K::Enter,
                K::Enter,
                K::Backspace,
                K::Backspace,
                K::Interrupt,
                K::Interrupt
            ]
        );
        assert_eq!(of(b"\x1b[A\x1bOB\x1b[5~\x1b[6~"), [K::Up, K::Down, K::PageUp, K::PageDown]);
        assert_eq!(of(b"\x1b[H\x1b[4~"), [K::First, K::Last]);
        assert_eq!(of(b"\x1b"), [K::Escape]);
        assert_eq!(of(b"\x1bx"), [K::Escape, K::Letter('x')]);
        assert_eq!(of("李明".as_bytes()), [K::Letter('李'), K::Letter('明')]);
    }

    #[test]
    fn what_is_no_key_does_nothing() {
        assert_eq!(of(b"\x1b[15~\x01\xff\xfea\x1b[I"), [Key::Letter('a')]);
        // A letter whose rest is to come.
        let mut keys = Keys::default();
        let whole = "李".as_bytes();
        keys.take(&whole[..2], false);
        assert_eq!(keys.next(), None);
        keys.take(&whole[2..], false);
        assert_eq!(keys.next(), Some(Typed::Key(Key::Letter('李'))));
    }

    #[test]
    fn what_is_pasted_is_no_key() {
        let pasted = typed("\x1b[200~a\r李\x1b[201~q".as_bytes());
        let text = Zeroizing::new("a\r李".to_owned());
        assert_eq!(pasted, [Typed::Pasted(text), Typed::Key(Key::Letter('q'))]);
    }

    #[test]
    fn what_was_typed_is_forgotten() {
        let mut keys = Keys::default();
        keys.take(b"2468\r1\x1b[200~3", false);
        keys.wipe();
        keys.take(b"a", false);
        assert_eq!(keys.next(), Some(Typed::Key(Key::Letter('a'))));
        assert_eq!(keys.next(), None);
    }

    #[test]
    fn no_key_makes_the_desk_deaf() {
        let a = Key::Letter('a');
        for letter in [']', 'P'] {
            let mut keys = Keys::default();
            keys.take(format!("\x1b{letter}").as_bytes(), false);
            keys.take(b"a", false);
            let typed = [Key::Escape, Key::Letter(letter), a].map(Typed::Key);
            assert!(std::iter::from_fn(|| keys.next()).eq(typed), "{letter}");
        }
        for unfinished in ["\x1b[200~x", "\x1b]1", "\x1bP1", "\x1b[?1"] {
            let mut keys = Keys::default();
            keys.take(unfinished.as_bytes(), false);
            keys.take(b"a", false);
            assert_eq!(keys.next(), None, "{unfinished:?}");
            keys.take(b"\x03", false);
            keys.take(b"a", false);
            let typed = [Key::Interrupt, a].map(Typed::Key);
            assert!(std::iter::from_fn(|| keys.next()).eq(typed), "{unfinished:?}");
        }
    }
}
