//! The terminal: its own screen, in raw mode, given back as it was however the desk ends.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Write as _},
    os::fd::AsFd as _,
    panic,
};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::line::Line;

/// Begins: xterm's other screen, no cursor, and what is pasted told from what is typed.
const BEGIN: &str = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[2J";
/// Ends: styles, pasting, cursor and screen as they were.
const END: &str = "\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l";
/// What a terminal has that does not say its size, in columns and rows.
const SIZE: (usize, usize) = (80, 24);

/// A terminal that shows a screen of lines.
pub(super) struct Terminal {
    tty: File,
    before: Termios,
    shown: Vec<Line>,
}

impl Terminal {
    /// Takes standard output.
    ///
    /// # Errors
    /// It is no terminal, or cannot be used.
    pub(super) fn open() -> io::Result<Self> {
        Self::on(File::from(io::stdout().as_fd().try_clone_to_owned()?))
    }

    fn on(tty: File) -> io::Result<Self> {
        let before = tcgetattr(&tty)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&tty, OptionalActions::Now, &raw)?;
        let mut terminal = Self { tty, before, shown: Vec::new() };
        terminal.tty.write_all(BEGIN.as_bytes())?;
        terminal.tell_panics()?;
        Ok(terminal)
    }

    /// Gives the terminal back before a panic is told, so that it can be read.
    fn tell_panics(&self) -> io::Result<()> {
        let (tty, before, told) = (self.tty.try_clone()?, self.before.clone(), panic::take_hook());
        panic::set_hook(Box::new(move |what| {
            give_back(&tty, &before);
            told(what);
        }));
        Ok(())
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (usize, usize) {
        match tcgetwinsize(&self.tty) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (size.ws_col.into(), size.ws_row.into())
            }
            Ok(_) | Err(_) => SIZE,
        }
    }

    /// Forgets what is shown, so that all of it is painted again.
    pub(super) fn clear(&mut self) {
        self.shown.clear();
    }

    /// Shows these lines: writes those that differ.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn paint(&mut self, lines: Vec<Line>, colour: bool) -> io::Result<()> {
        let mut out = String::new();
        if self.shown.len() != lines.len() {
            self.shown.clear();
            out.push_str("\x1b[0m\x1b[2J");
        }
        for (row, line) in lines.iter().enumerate() {
            if self.shown.get(row) != Some(line) {
                line_at(&mut out, row + 1, line, colour);
            }
        }
        self.shown = lines;
        self.tty.write_all(out.as_bytes())
    }

    /// Rings the terminal's bell.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn bell(&mut self) -> io::Result<()> {
        self.tty.write_all(b"\x07")
    }
}

fn line_at(out: &mut String, row: usize, line: &Line, colour: bool) {
    // Writing to a string does not fail.
    let _ = write!(out, "\x1b[{row};1H");
    for span in &line.0 {
        let _ = write!(out, "\x1b[{}m{}", span.style.codes(colour), span.text);
    }
    out.push_str("\x1b[0m\x1b[K");
}

fn give_back(mut tty: &File, before: &Termios) {
    // A terminal that is gone wants nothing back.
    let _ = tty.write_all(END.as_bytes());
    let _ = tcsetattr(tty, OptionalActions::Now, before);
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back(&self.tty, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, os::fd::OwnedFd, panic::AssertUnwindSafe};

    use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
    use rustix::termios::{LocalModes, Winsize, tcsetwinsize};

    use super::{super::line::Style, *};

    /// A terminal's two ends: the one a person sits at, and the program's.
    fn pty() -> (OwnedFd, File) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let person = openpt(flags).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let program = ioctl_tiocgptpeer(&person, flags).unwrap();
        (person, File::from(program))
    }

    fn echoes(tty: &File) -> bool {
        tcgetattr(tty).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    fn seen(person: &OwnedFd) -> String {
        let mut bytes = vec![0; 4096];
        let read = File::from(person.try_clone().unwrap()).read(&mut bytes).unwrap();
        String::from_utf8(bytes[..read].to_vec()).unwrap()
    }

    #[test]
    fn only_lines_that_differ_are_written() {
        let (person, program) = pty();
        let mut terminal = Terminal::on(program.try_clone().unwrap()).unwrap();
        assert!(!echoes(&program));
        assert_eq!(seen(&person), BEGIN);
        assert_eq!(terminal.size(), SIZE, "of a terminal that has none");
        let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&person, size).unwrap();
        assert_eq!(terminal.size(), (120, 40));
        let lines = |last| vec![Line::of("one", Style::Loud, 9), Line::of(last, Style::Plain, 9)];
        terminal.paint(lines("two"), true).unwrap();
        let first = seen(&person);
        assert!(
            first.contains("\x1b[1;1H\x1b[0;1;97;41mone") && first.contains("two"),
            "{first:?}"
        );
        terminal.paint(lines("three"), false).unwrap();
        assert_eq!(seen(&person), "\x1b[2;1H\x1b[0mthree\x1b[0m\x1b[K");
        terminal.clear();
        terminal.paint(lines("three"), false).unwrap();
        assert!(seen(&person).contains("\x1b[0;1;7mone"), "loud without colour too");
        drop(terminal);
        assert!(echoes(&program));
        assert_eq!(seen(&person), END);
    }

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        let (person, program) = pty();
        let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
            let _terminal = Terminal::on(program.try_clone().unwrap()).unwrap();
            assert_eq!(seen(&person), BEGIN);
            let given_back = program.try_clone().unwrap();
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |what| {
                before(what);
                assert!(echoes(&given_back));
            }));
            panic!("as a bug does");
        }));
        drop(panic::take_hook());
        assert!(panicked.is_err());
        assert!(seen(&person).starts_with(END));
    }
}
