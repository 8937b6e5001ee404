//! Changes of a source's text by key: a value is set or left out, and everything else stays as it is.

use rollbook_core::document::{FileText, Node};

/// The text with this value, where the key is, where a comment has its default, or at the end of its table.
///
/// `path` is the table's header and the key.
pub fn with_value(text: &str, table: &[&str], key: &str, value: &toml::Value) -> String {
    let value = value.to_string();
    let path = [table, &[key]].concat();
    let tree = parsed(text);
    if let Some(node) = tree.at(&path) {
        let span = node.span();
        let (before, after) = (&text[..span.start], &text[span.end..]);
        return format!("{before}{value}{}", moved(after, span.len(), value.len()));
    }
    let header = format!("[{}]", table.join("."));
    let mut is_inside = false;
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut end = None;
    for (index, line) in lines.iter_mut().enumerate() {
        let shown = line.trim();
        if shown.starts_with('[') {
            is_inside = shown.split('#').next().map(str::trim) == Some(header.as_str());
        }
        let default = shown
            .strip_prefix('#')
            .and_then(|rest| rest.strip_prefix(key));
        if is_inside && default.is_some_and(|rest| rest.trim_start().starts_with('=')) {
            *line = format!("{key} = {value}\n");
            return lines.concat();
        }
        if is_inside && !shown.is_empty() && !shown.starts_with('#') {
            end = Some(index + 1);
        }
    }
    let line = format!("{key} = {value}\n");
    match end {
        Some(end) => lines.insert(end, line),
        None => {
            let auth = format!("[{}.auth]", table[..table.len() - 1].join("."));
            let at = lines.iter().position(|line| line.trim_end() == auth);
            let at = at.unwrap_or(lines.len());
            // Above the comment of the next table.
            let comments = lines[..at].iter().rev();
            let at = at - comments.take_while(|line| line.starts_with('#')).count();
            lines.insert(at, format!("{header}\n{line}\n"));
        }
    }
    lines.concat()
}

/// The text with the key as a comment, so that its default counts.
pub fn without_value(text: &str, path: &[&str]) -> String {
    let Some(node) = parsed(text).at(path).map(Node::span) else {
        return text.to_owned();
    };
    let start = text[..node.start].rfind('\n').map_or(0, |end| end + 1);
    format!("{}#{}", &text[..start], &text[start..])
}

/// The comment at the end of a value's line.
pub fn comment_of(text: &str, value: &Node) -> Option<String> {
    let rest = text.get(value.span().end..)?.lines().next()?;
    let (_, comment) = rest.split_once('#')?;
    Some(comment.trim().to_owned())
}

pub fn parsed(text: &str) -> Node {
    Node::parse(&FileText::new("rollbook.toml", text)).0
}

/// What follows a value, with its comment in the same column where there is room.
fn moved(after: &str, old: usize, new: usize) -> String {
    let rest = after.trim_start_matches(' ');
    if !rest.starts_with('#') {
        return after.to_owned();
    }
    let blanks = after.len() - rest.len();
    let blanks = (blanks + old).saturating_sub(new).max(1);
    format!("{}{rest}", " ".repeat(blanks))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# one\n[sources.a]     # its tables\nconnector = \"a\"\n\n[sources.a.settings]\n\
        tenant = \"4711\"      # the number\n# more\n#scope = \"x\"\n\n# how\n[sources.a.auth]\nkey = \"k\"\n";

    #[test]
    fn a_value_is_set_and_the_rest_stays() {
        let settings = &["sources", "a", "settings"][..];
        let rows = [
            (
                settings,
                "tenant",
                "12",
                "tenant = \"12\"        # the number\n",
            ),
            (
                settings,
                "tenant",
                "a longer number than this",
                "tenant = \"a longer number than this\" # the number\n",
            ),
            (settings, "scope", "y", "# more\nscope = \"y\"\n"),
            (
                settings,
                "url",
                "https://a",
                "# the number\nurl = \"https://a\"\n# more\n",
            ),
            (&["sources", "a", "auth"], "key", "z", "key = \"z\"\n"),
            (
                &["sources", "a", "auth"],
                "id",
                "z",
                "key = \"k\"\nid = \"z\"\n",
            ),
        ];
        for (table, key, value, expected) in rows {
            let text = with_value(TEXT, table, key, &toml::Value::from(value));
            assert!(text.contains(expected), "{key}: {text}");
            let path = [table, &[key]].concat();
            assert_eq!(parsed(&text).at(&path).and_then(Node::text), Some(value));
            let lines = |text: &str| text.lines().count();
            assert!(lines(&text) <= lines(TEXT) + 1, "{text}");
        }
        let bare = "[sources.a]\nconnector = \"a\"\n\n# how\n[sources.a.auth]\nkey = \"k\"\n";
        let text = with_value(bare, settings, "tenant", &toml::Value::from("1"));
        assert_eq!(
            text,
            "[sources.a]\nconnector = \"a\"\n\n[sources.a.settings]\ntenant = \"1\"\n\n# how\n[sources.a.auth]\nkey = \"k\"\n"
        );
    }

    #[test]
    fn a_value_becomes_a_comment() {
        let text = without_value(TEXT, &["sources", "a", "settings", "tenant"]);
        assert_eq!(text, TEXT.replace("tenant =", "#tenant ="));
        assert_eq!(without_value(TEXT, &["sources", "b"]), TEXT);
    }
}
