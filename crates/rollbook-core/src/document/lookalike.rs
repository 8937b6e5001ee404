//! Characters that word processors, web pages and chats put into a text: they look like a quote, like a space, or like
//! nothing at all.
//!
//! Also used for secrets, so no message here holds more of a text than the one character.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::file_text::{FileText, Location};
use super::problem::Problem;

/// A character that looks like another one, and what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookalike {
    character: char,
    kind: LookalikeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookalikeKind {
    /// It may be meant within a text.
    Quote,
    NoBreakSpace,
    /// Its name.
    Invisible(&'static str),
}

impl Lookalike {
    /// The meaning of a character; `None` for a usual one.
    pub fn of(character: char) -> Option<Self> {
        let kind = match character {
            '“' | '”' | '„' | '‟' | '‘' | '’' | '‚' | '‛' | '«' | '»' | '‹' | '›' => {
                LookalikeKind::Quote
            }
            '\u{a0}' | '\u{2007}' | '\u{202f}' => LookalikeKind::NoBreakSpace,
            '\u{feff}' => LookalikeKind::Invisible("byte order mark"),
            '\u{200b}'..='\u{200d}' | '\u{2060}' => {
                LookalikeKind::Invisible("zero-width character")
            }
            '\u{ad}' => LookalikeKind::Invisible("soft hyphen"),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                LookalikeKind::Invisible("direction mark")
            }
            _ => return None,
        };
        Some(Self { character, kind })
    }

    /// The first one of a secret that no one means: `has U+00A0, a no-break space, as character 7`, from 1.
    pub fn reason_against(secret: &str) -> Option<String> {
        Self::first(secret, |found| !found.is_visible())
    }

    /// The same for one that may be meant: a password may have a typographic quote.
    pub fn remark_on(secret: &str) -> Option<String> {
        Self::first(secret, Self::is_visible)
    }

    fn first(secret: &str, is_wanted: impl Fn(Self) -> bool) -> Option<String> {
        let mut characters = (1..).zip(secret.chars().map(Self::of));
        let (number, found) = characters.find_map(|(number, found)| {
            let found = found.filter(|found| is_wanted(*found))?;
            Some((number, found))
        })?;
        Some(format!("has {found}, as character {number}"))
    }

    /// Whether it may be in a text of a file: a reader can see it.
    pub fn is_visible(self) -> bool {
        self.kind == LookalikeKind::Quote
    }

    fn help(self) -> &'static str {
        match self.kind {
            LookalikeKind::Quote => "write a straight quote: `\"`",
            LookalikeKind::NoBreakSpace => "write a usual space",
            LookalikeKind::Invisible(_) => "delete it",
        }
    }
}

/// `U+00A0, a no-break space`.
impl fmt::Display for Lookalike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = u32::from(self.character);
        match self.kind {
            LookalikeKind::Quote => write!(f, "U+{code:04X}, a typographic quote"),
            LookalikeKind::NoBreakSpace => write!(f, "U+{code:04X}, a no-break space"),
            LookalikeKind::Invisible(name) => {
                write!(f, "U+{code:04X}, a {name}, which is invisible")
            }
        }
    }
}

/// What makes a line not TOML, if one of these characters does: the first one outside its comment and its closed texts.
pub(super) fn in_broken_line(file: &Arc<FileText>, offset: usize) -> Option<Problem> {
    let line = file.line_of(offset);
    let (mut quote, mut first) = (None, None);
    for (at, letter) in file.text()[line.clone()].char_indices() {
        let found = Lookalike::of(letter).map(|found| (line.start + at, found));
        match quote {
            Some(open) if open == letter => (quote, first) = (None, None),
            Some(_) => first = first.or(found),
            None if letter == '#' => break,
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            None if found.is_some() => {
                first = found;
                break;
            }
            None => {}
        }
    }
    let (at, found) = first?;
    Some(problem(file, at, found, "this is not TOML: ").help(found.help()))
}

/// The first invisible character within a key or a text. TOML allows it, and no reader of the file can see it.
pub(super) fn in_text(file: &Arc<FileText>, range: Range<usize>) -> Option<Problem> {
    let text = file.text().get(range.clone())?;
    if text.is_ascii() {
        return None; // so is nearly each of the thousands of keys of a connector
    }
    let (at, found) = text.char_indices().find_map(|(at, letter)| {
        let found = Lookalike::of(letter).filter(|found| !found.is_visible())?;
        Some((range.start + at, found))
    })?;
    let code = u32::from(found.character);
    let help = format!("{}; if it is meant, write `\\u{code:04X}`", found.help());
    Some(problem(file, at, found, "").help(help))
}

fn problem(file: &Arc<FileText>, at: usize, found: Lookalike, what: &str) -> Problem {
    let location = Location::within(file, at..at + found.character.len_utf8());
    Problem::error(location, format!("{what}there is {found}"))
}
