//! Drafts a connector from a sample answer of a vendor or from an OpenAPI 3 description, for a person to finish.
//!
//! Guesses, and says so: each guess is a comment marked `ASSUMPTION`. No row's value gets into the draft, and no secret or
//! person of an address. The surprise: a
//! description is turned into samples with one row each, so that there is one way to guess.

mod address;
mod columns;
mod json_node;
mod key;
mod lines;
mod names;
mod object_names;
mod openapi;
mod paging;
mod parameters;
mod sample;
mod sign_in;
mod text;
mod vocabulary;

pub use self::address::ADDRESS_KEY;
pub use self::names::draft_name;

use self::json_node::JsonNode;
use self::sample::SampleList;
use super::api::streams;
use super::load::Connectors;

/// What a draft is made of.
#[derive(Clone, Debug, Default)]
pub struct DraftSample {
    /// The body or the file.
    pub bytes: Vec<u8>,
    /// Where it is from, for the first line of the draft: a host, or the name of a file.
    pub origin: String,
    /// Its address; a file has none.
    pub address: Option<String>,
    /// A file's name without its ending.
    pub stem: String,
    /// A `Link` header names a next page.
    pub has_next_link: bool,
    /// The header that states how many rows the list has.
    pub total_header: Option<String>,
    /// The header with a key that the request had, and what precedes the key in it, such as `Bearer`.
    pub key_header: Option<(String, String)>,
}

/// The streams and what a connector says besides them.
#[derive(Debug, Default)]
struct DraftOutline {
    title: String,
    /// What a stream's path is appended to; empty where it is unknown.
    base_url: String,
    /// Lines of `[auth]`.
    auth: String,
    /// How many parts of the address are not shown: each is a setting.
    address_keys: usize,
    lists: Vec<SampleList>,
    /// What is not in the draft, and why.
    left_out: Vec<String>,
}

/// The text of a connector of this name, and how many streams it has. Of a description only paths that begin with one of
/// `only`, unless that is empty.
///
/// # Errors
/// When nothing can be drafted, with the reason.
pub fn draft(sample: &DraftSample, name: &str, only: &[String]) -> Result<(String, usize), String> {
    let node = JsonNode::read(&sample.bytes)?;
    let outline = match openapi::version(&node)? {
        true => openapi::outline(&node, sample, only)?,
        false => sample::outline(node, sample)?,
    };
    let (text, streams) = text::render(&outline, sample, name)?;
    // A draft with a mistake in it would stop every command.
    loads(name, &text)
        .map_err(|why| format!("the draft would not load ({why}); please report this"))?;
    Ok((text, streams))
}

/// Whether a connector is right.
fn loads(name: &str, text: &str) -> Result<(), String> {
    let connectors = Connectors::of_text(name, text).map_err(|problems| problems.to_string())?;
    let found = connectors.get(name).ok_or("it was not read")?;
    let wrong = match streams(found) {
        Ok(_) => return Ok(()),
        Err(problems) => problems,
    };
    let wrong = wrong
        .iter()
        .map(|one| one.at.join(".") + ": " + &one.message);
    Err(wrong.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests;
