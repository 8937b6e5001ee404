//! Which parameters of an address may stand in a draft: people copy an address with what signs them in.
//!
//! A value is written only if it is plainly harmless; any other one may be a secret, whatever its name is.

use super::names::snake;
use super::vocabulary::is_known;

/// Parameters with such words in their names may carry a secret, however short the value is.
const SECRETS: &[&str] = &[
    "token",
    "key",
    "secret",
    "pass",
    "pwd",
    "pin",
    "code",
    "otp",
    "auth",
    "credential",
    "jwt",
    "sid",
    "session",
    "cookie",
    "sig",
    "hash",
    "nonce",
];

/// Names of paging, in small letters without signs. Earlier ones are likelier.
pub(super) const OFFSET: &[&str] = &[
    "offset",
    "skip",
    "start",
    "limitstart",
    "startat",
    "startindex",
    "from",
];
pub(super) const NUMBER: &[&str] = &["page", "pagenumber", "pageno", "pageindex", "pagenum"];
pub(super) const CURSOR: &[&str] = &[
    "cursor",
    "pagetoken",
    "nextpagetoken",
    "after",
    "startingafter",
    "nextcursor",
    "continuationtoken",
    "marker",
    "bookmark",
];
pub(super) const LIMIT: &[&str] = &[
    "limit",
    "top",
    "take",
    "perpage",
    "pagesize",
    "size",
    "maxresults",
    "pagelimit",
    "limitpagelength",
    "displaylength",
    "count",
    "length",
    "rows",
];

/// Names of selection, in small letters without signs.
const SELECTION: &[&str] = &[
    "select", "expand", "fields", "include", "exclude", "sort", "sortby", "order", "orderby",
    "format",
];

/// Names of numbers that are no person's.
const NUMBERS: &[&str] = &[
    "year",
    "month",
    "week",
    "day",
    "semester",
    "version",
    "v",
    "apiversion",
    "depth",
];

/// Values of paging and format.
const WORDS: &[&str] = &[
    "json",
    "xml",
    "asc",
    "desc",
    "ascending",
    "descending",
    "true",
    "false",
    "yes",
    "no",
    "all",
    "none",
    "full",
    "active",
    "id",
    "name",
];

/// More digits, or more digits beside letters, are no number of a page or a year.
const DIGITS: usize = 6;
const DIGITS_IN_WORD: usize = 2;

/// No name of a member is longer, or has so many consonants in a row.
const LONGEST: usize = 40;
const CONSONANTS: usize = 6;

/// Whether the name itself can be shown: a person may be in it, and what precedes no `=` may be the secret.
pub(super) fn is_known_name(name: &str) -> bool {
    let is_sign = |letter: char| "$_-.[]".contains(letter);
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || is_sign(letter);
    let folded = folded(name);
    let mut listed = [SECRETS, OFFSET, NUMBER, LIMIT, CURSOR, SELECTION, NUMBERS].into_iter();
    name.chars().all(is_plain)
        && (is_known(name) || listed.any(|names| names.contains(&folded.as_str())))
}

/// Whether the name alone says that it carries a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = folded(name);
    SECRETS.iter().any(|word| name.contains(word))
}

/// Whether the value can be shown.
pub(super) fn is_harmless(name: &str, value: &str) -> bool {
    let folded = folded(name);
    let is_number =
        |value: &str| value.len() <= DIGITS && value.bytes().all(|byte| byte.is_ascii_digit());
    // `page=2,50` is number and size.
    let is_numbers = || {
        let is_listed = |names: &&[&str]| names.contains(&folded.as_str());
        [OFFSET, NUMBER, LIMIT, NUMBERS].iter().any(is_listed) && value.split(',').all(is_number)
    };
    let is_word = WORDS.contains(&value.to_ascii_lowercase().as_str());
    let is_selection = || {
        let is_sign = |letter: char| " ,;:_-.$()/+*".contains(letter);
        SELECTION.contains(&folded.as_str())
            && value
                .split(is_sign)
                .all(|word| word.is_empty() || is_known(word))
    };
    !is_secret_name(name) && (is_numbers() || is_word || is_selection())
}

/// Whether a word is hardly one that a person chose.
pub(super) fn looks_random(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let most = match digits == word.len() {
        true => DIGITS,
        false => DIGITS_IN_WORD,
    };
    let is_consonant =
        |letter: char| letter.is_ascii_alphabetic() && !"aeiouyAEIOUY".contains(letter);
    let mut runs = word.split(|letter| !is_consonant(letter));
    digits > most || word.len() > LONGEST || runs.any(|run| run.len() >= CONSONANTS)
}

/// In small letters, without signs.
pub(super) fn folded(name: &str) -> String {
    snake(name).replace('_', "")
}
