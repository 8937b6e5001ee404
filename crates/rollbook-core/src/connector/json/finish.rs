//! The last step of writing JSON: marks of a repaired response resolved, the elements of a set in order.

use crate::connector::repair::{self, DIGITS, REPLACED};

/// What was repaired in the JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Signs were replaced.
    pub replaced: bool,
    /// A number that is none became null.
    pub no_number: bool,
}

/// Resolves the marks of `repair.rs` in canonical JSON.
pub fn resolve_marks(json: &mut String) -> Marks {
    let mut marks = Marks::default();
    let is_mark = |sign: char| ('\u{fdd0}'..='\u{fdd2}').contains(&sign);
    let Some(first) = json.find(is_mark) else {
        return marks;
    };
    let start = json[..first].len() - usize::from(json[..first].ends_with('"'));
    let mut resolved = json[..start].to_owned();
    let mut rest = &json[start..];
    while let Some(found) = rest.find(is_mark) {
        let (before, marked) = rest.split_at(found);
        if let (Some(before), Some(number)) =
            (before.strip_suffix('"'), marked.strip_prefix(DIGITS))
            && let Some((digits, after)) = number.split_once('"')
            && !after.starts_with(':')
        {
            resolved.push_str(before);
            repair::number_as_json(digits, &mut resolved);
            rest = after;
        } else if let (Some(before), Some(after)) = (
            before.strip_suffix('"'),
            marked[REPLACED.len_utf8()..].strip_prefix('"'),
        ) && !marked.starts_with(REPLACED)
            && !after.starts_with(':')
        {
            resolved.push_str(before);
            resolved.push_str("null");
            marks.no_number = true;
            rest = after;
        } else {
            resolved.push_str(before);
            resolved.push('\u{fffd}');
            marks.replaced = true;
            rest = &marked[REPLACED.len_utf8()..]; // the three are equally long
        }
    }
    resolved.push_str(rest);
    *json = resolved;
    marks
}

/// Puts the elements of an array of the one form in order and keeps equal ones once; anything else stays as it is.
pub fn sort_elements(json: &mut String) {
    let Some(inside) = json
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    else {
        return;
    };
    let mut elements = split_elements(inside);
    if elements.is_sorted_by(|left, right| left < right) {
        return;
    }
    elements.sort_unstable();
    elements.dedup();
    *json = format!("[{}]", elements.join(","));
}

/// The elements between the brackets of an array.
fn split_elements(inside: &str) -> Vec<&str> {
    let (mut depth, mut in_text, mut escaped) = (0u32, false, false);
    inside
        .split(|sign: char| {
            match sign {
                _ if escaped => escaped = false,
                '\\' => escaped = in_text,
                '"' => in_text = !in_text,
                _ if in_text => {}
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                ',' => return depth == 0,
                _ => {}
            }
            false
        })
        .filter(|element| !element.is_empty())
        .collect()
}
