//! The address of a sample: what of it can be in a draft.
//!
//! Some vendors have a secret in the path, such as the key of a feed, or the name of a person. So a part becomes a setting,
//! which a person fills in, unless all its words are known. The addresses in a description are the vendor's own, and only
//! what looks like a secret is left out of them.

use super::lines::{assumption, line};
use super::names::snake;
use super::parameters::{folded, looks_random};
use super::vocabulary::is_known;

/// The setting with the part of the path that is not shown; further ones have a number behind it.
pub const ADDRESS_KEY: &str = "address_key";

/// The part of a path behind one of these is a secret, whatever it looks like. In small letters without signs.
const BEFORE_SECRETS: &[&str] = &[
    "token",
    "accesstoken",
    "key",
    "apikey",
    "secret",
    "pass",
    "passwd",
    "password",
    "pwd",
    "hook",
    "hooks",
    "webhook",
    "webhooks",
];

/// No word of a path is longer, between two capitals.
const LONGEST: usize = 24;

/// A word of mixed letters that is longer has several small ones to a capital.
const MIXED: usize = 10;

/// The parts of an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SampleAddress {
    /// Without the last part of the path, and without what is not shown and all behind it.
    pub base_url: String,
    /// The rest of the path, a template.
    pub path: String,
    /// The last part that can name a stream.
    pub name: String,
    /// How many settings are in `path`.
    pub keys: usize,
    /// The decoded parameters; one without a value is a name or a value.
    pub query: Vec<(String, Option<String>)>,
}

impl SampleAddress {
    pub(super) fn read(address: &str) -> Self {
        let address = address.split('#').next().unwrap_or_default();
        let (whole, query) = address.split_once('?').unwrap_or((address, ""));
        let (scheme, rest) = whole.split_once("://").unwrap_or(("https", whole));
        let rest = rest
            .trim_end_matches('/')
            .replace('{', "%7B")
            .replace('}', "%7D");
        let mut parts = rest.split('/');
        let host = parts.next().unwrap_or_default();
        let parts: Vec<&str> = parts.collect();
        let secrets = secrets(&parts, |part| {
            words_of(part).all(|word| is_version(word) || is_known(word))
        });
        let first = secrets.iter().position(|is_secret| *is_secret);
        let last = parts.len().saturating_sub(1);
        let (front, behind) = parts.split_at(first.unwrap_or(last).min(last));
        let (mut keys, mut path) = (0, String::new());
        for (index, part) in behind.iter().enumerate() {
            path.push('/');
            if secrets[front.len() + index] {
                keys += 1;
                path.push_str(&format!("{{{}}}", key(keys)));
            } else {
                path.push_str(part);
            }
        }
        let plain = parts.iter().zip(&secrets).filter(|(_, secret)| !**secret);
        let mut named = plain.map(|(part, _)| *part).rev();
        let named = named.find(|part| snake(part) != "x" && !words_of(part).all(is_version));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pair = |pair: &str| match pair.split_once('=') {
            Some((name, value)) => (decoded(name), Some(decoded(value))),
            None => (decoded(pair), None),
        };
        Self {
            base_url: [&format!("{scheme}://{host}")[..], front.join("/").as_str()]
                .join("/")
                .trim_end_matches('/')
                .to_owned(),
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path
            },
            name: named.unwrap_or("rows").to_owned(),
            keys,
            query: pairs.map(pair).collect(),
        }
    }
}

/// Whether an address that a vendor published has a user, a query, or a part of its path that looks like a secret.
pub(super) fn has_secret(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let mut parts = rest.split('/');
    let host = parts.next().unwrap_or_default();
    let parts: Vec<&str> = parts.collect();
    host.contains('@') || rest.contains(['?', '#']) || secrets(&parts, |_| true).contains(&true)
}

/// The lines of `[settings]` for so many parts that are not shown.
pub(super) fn settings(keys: usize) -> String {
    (1..=keys)
        .map(|number| {
            let name = key(number);
            let why = format!(
                "left out: a part of the path that may be a secret or a person's name. If it is neither, write it in place of {{{name}}}"
            );
            let advice = "A path carries no credential: who reads rollbook.toml or a message with the address can see it. \
                          Ask the vendor for a key in a header.";
            let setting = format!(
                "{name} = {{ required = true, account = false, help = \"the part of the address that the draft leaves out\" }}"
            );
            line(&assumption(&why)) + &line(&format!("# {advice}")) + &line(&setting)
        })
        .collect()
}

fn key(number: usize) -> String {
    match number {
        1 => ADDRESS_KEY.to_owned(),
        number => format!("{ADDRESS_KEY}_{number}"),
    }
}

/// Which parts of a path are not shown: those that look like secrets, and those that may not.
fn secrets(parts: &[&str], may: impl Fn(&str) -> bool) -> Vec<bool> {
    let before = std::iter::once(None).chain(parts.iter().map(Some));
    let is_secret = |(before, part): (Option<&&str>, &&str)| {
        let is_behind = before
            .is_some_and(|before| BEFORE_SECRETS.contains(&folded(&decoded(before)).as_str()));
        let part = decoded(part);
        !part.is_empty() && (is_behind || !is_plain(&part) || !may(&part))
    };
    before.zip(parts).map(is_secret).collect()
}

/// Whether a part of a path is words that a person chose.
fn is_plain(part: &str) -> bool {
    part.chars()
        .all(|letter| letter.is_alphanumeric() || is_sign(letter))
        && words_of(part).all(|word| !looks_random(word) && !is_mixed(word))
}

fn words_of(part: &str) -> impl Iterator<Item = &str> {
    part.split(is_sign).filter(|word| !word.is_empty())
}

fn is_sign(letter: char) -> bool {
    " $_-.~()',!*".contains(letter)
}

/// Such as `v2`, `v1p1`, and the parts of `2.0`.
fn is_version(word: &str) -> bool {
    let number = word.strip_prefix(['v', 'V']).unwrap_or(word);
    let mut numbers = number.split('p');
    numbers.all(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
}

/// Whether a word has too many capitals, or too few, for one that a person chose.
fn is_mixed(word: &str) -> bool {
    let mut humps = word.split(|letter: char| letter.is_uppercase());
    let capitals = word
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
        .count();
    humps.any(|hump| hump.len() > LONGEST) || (word.len() > MIXED && capitals * 3 > word.len())
}

/// A part of an address without its percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let hex = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (hex, first) {
            (Some(byte), _) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (None, b'+') => bytes.push(b' '),
            (None, byte) => bytes.push(*byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
