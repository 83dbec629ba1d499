//! Lines of styled text, measured in the columns of a terminal: a Chinese letter takes two.

use unicode_width::UnicodeWidthChar as _;

/// How a piece of a line looks. Each differs from the others without colour, or says the same in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Bold,
    Faint,
    /// What somebody must act upon.
    Loud,
    /// What somebody should know.
    Warn,
    /// The chosen row.
    Chosen,
}

impl Style {
    /// The codes of ECMA-48 "select graphic rendition".
    pub(super) const fn codes(self, colour: bool) -> &'static str {
        match (self, colour) {
            (Self::Plain, _) => "0",
            (Self::Bold, _) => "0;1",
            (Self::Faint, _) => "0;2",
            (Self::Loud, true) => "0;1;97;41",
            (Self::Loud, false) => "0;1;7",
            (Self::Warn, true) => "0;1;33",
            (Self::Warn, false) => "0;1;4",
            (Self::Chosen, _) => "0;7",
        }
    }
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) style: Style,
}

/// A line of a screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line(pub(super) Vec<Span>);

impl Line {
    /// A line of one style, cut to these columns.
    pub(super) fn of(text: &str, style: Style, columns: usize) -> Self {
        Self::default().with(cut(text, columns), style)
    }

    /// A line that fills these columns.
    pub(super) fn bar(text: &str, style: Style, columns: usize) -> Self {
        Self::default().with(fit(text, columns), style)
    }

    /// Adds a piece.
    pub(super) fn with(mut self, text: String, style: Style) -> Self {
        self.0.push(Span { text, style });
        self
    }

    /// The line without styles.
    #[cfg(test)]
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|span| span.text.as_str()).collect()
    }
}

/// Says whether a character would steer the terminal, or what stands beside it: control characters, and those that
/// change the direction of writing or have no width.
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn columns_of(letter: char) -> usize {
    letter.width().unwrap_or(0)
}

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().filter(|letter| !steers(*letter)).map(columns_of).sum()
}

/// The text as far as it fits into these columns.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let mut left = columns;
    let fits = |letter: &char| {
        let taken = columns_of(*letter);
        let fits = taken <= left;
        left = if fits { left - taken } else { 0 };
        fits
    };
    text.chars().filter(|letter| !steers(*letter)).take_while(fits).collect()
}

/// The text in exactly these columns.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let mut text = cut(text, columns);
    text.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(&text))));
    text
}

/// The text in lines of at most these columns, each indented as the first one is.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let indent: String = text.chars().take_while(|letter| *letter == ' ').collect();
    let indent = if indent.len() * 2 < columns { indent } else { String::new() };
    let (mut lines, mut line) = (Vec::new(), indent.clone());
    for word in pieces(text.trim_start()) {
        if width(&line) + width(word.trim_end()) > columns && line.len() > indent.len() {
            lines.push(line.trim_end().to_owned());
            line.clone_from(&indent);
        }
        for letter in word.chars().filter(|letter| !steers(*letter)) {
            if width(&line) + columns_of(letter) > columns && letter != ' ' {
                lines.push(std::mem::replace(&mut line, indent.clone()));
            }
            line.push(letter);
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// What is not parted at the end of a line: a word with the blanks after it. Chinese is parted anywhere.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(|letter: char| letter == ' ' || columns_of(letter) > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_take_two_columns() {
        assert_eq!(width("王秀英 x"), 8);
        assert_eq!(cut("王秀英", 5), "王秀");
        assert_eq!(fit("王秀英", 5), "王秀 ");
        assert_eq!(fit("ab", 4), "ab  ");
        assert_eq!(cut("王x", 1), "", "nothing after what does not fit");
    }

    #[test]
    fn a_name_does_not_steer_the_terminal() {
        let name = "\u{1b}[2J王\u{202e}x\u{200b}\n";
        assert_eq!((cut(name, 20), width(name)), ("[2J王x".to_owned(), 6));
        assert_eq!(wrap(name, 20), ["[2J王x"]);
    }

    #[test]
    fn long_lines_are_wrapped_between_words() {
        assert_eq!(wrap("  one two three", 9), ["  one two", "  three"]);
        assert_eq!(wrap("王秀英王秀英", 5), ["王秀", "英王", "秀英"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
        for columns in 1..12 {
            for line in wrap("  王秀英 said: nothing has happened 什么都没有", columns.max(2))
            {
                assert!(width(&line) <= columns.max(2), "{columns}: {line:?}");
            }
        }
    }
}
