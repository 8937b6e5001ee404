//! A source is added to a `rollbook.toml` that exists: at its end, and nothing above changes.

use rollbook_core::document::node::NodeKind;
use rollbook_core::document::{FileText, Node, Problem, Problems};

/// The text with a section at its end, with the line ends that it has.
pub fn appended(text: &str, section: &str) -> String {
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut whole = text.to_owned();
    if !whole.is_empty() && !whole.ends_with('\n') {
        whole.push_str(line_end);
    }
    if !whole.trim().is_empty() {
        whole.push_str(line_end);
    }
    whole + &section.replace('\n', line_end)
}

/// Why no section can be added to a file.
pub fn obstacle(name: &str, text: &str) -> Option<Problem> {
    let tree = Node::parse(&FileText::new(name, text)).0;
    let sources = tree.at(&["sources"])?;
    let is_table = matches!(sources.kind(), NodeKind::Table(_));
    let written = text.get(sources.span()).unwrap_or_default();
    (is_table && written.starts_with('{')).then(|| {
        let message = "this table is complete on its line, so no source can be added below it";
        let help = "write each source as a section `[sources.NAME]`, then run this command again";
        Problem::error(tree.nearest_location(&["sources"]), message).help(help)
    })
}

/// Checks that the new text is the old one and these sources, and nothing else.
pub fn verify(name: &str, old: &str, new: &str, sources: &[&str]) -> Result<(), Problems> {
    let wrong = |problems: Problems| match problems.has_errors() {
        true => Err(problems),
        false => Ok(()),
    };
    let file = FileText::new(name, new);
    wrong(Node::parse(&file).1)?;
    let table = |text: &str| -> toml::Table {
        // A byte order mark is no part of TOML.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        text.parse().unwrap_or_default()
    };
    let (old_table, mut rest) = (table(old), table(new));
    if let Some(toml::Value::Table(all)) = rest.get_mut("sources") {
        all.retain(|name, _| !sources.contains(&name));
        if all.is_empty() && !old_table.contains_key("sources") {
            rest.remove("sources");
        }
    }
    if new.starts_with(old) && rest == old_table {
        return Ok(());
    }
    let location = rollbook_core::document::Location::whole(&file);
    let message = "this file would change in more than the new source";
    Err(Problem::error(location, message).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: &str = "# new\n[sources.b]\nconnector = \"b\"\n";

    #[test]
    fn nothing_above_changes_in_any_layout() {
        for old in [
            "",
            "# only a comment",
            "[store]\npath = 'x' # why\n",
            "[sources.a]\nconnector = 'a'",
            "[sources]\n  a = { connector = 'a' }   # odd\n\n\n",
            "sources.a.connector = \"a\"\n",
            "sources.a = { connector = \"a\" }\n[store]\n",
            "  [ sources . \"a\" ] # odd\r\n\tconnector='a'\r\n[alerts.email]\r\nto=['x',\r\n 'y']\r\n",
            "\u{feff}[sources.a]\nconnector = 'a'\n",
            "text = \"\"\"\n[sources.b]\n\"\"\"\n",
        ] {
            let new = appended(old, SECTION);
            assert!(new.starts_with(old), "{old:?}");
            assert!(obstacle("x.toml", old).is_none(), "{old:?}");
            if let Err(problems) = verify("x.toml", old, &new, &["b"]) {
                panic!("{old:?}: {problems}");
            }
            let bare = new.replace("\r\n", "");
            assert!(!old.contains("\r\n") || !bare.contains('\n'), "{new:?}");
        }
    }

    #[test]
    fn a_section_that_has_no_room_is_refused_with_its_line() {
        let inline = "[store]\npath = 'x'\n\n";
        let inline = format!("sources = {{ a = {{ connector = 'a' }} }}\n{inline}");
        let found = obstacle("x.toml", &inline).expect("no room");
        assert_eq!(found.line(), Some(1));
        let new = appended(&inline, SECTION);
        let problems = verify("x.toml", &inline, &new, &["b"]).expect_err("no room");
        assert!(problems.has_errors());
        // Twice the same source, and more than it.
        let old = "[sources.b]\nconnector = \"b\"\n";
        assert!(verify("x.toml", old, &appended(old, SECTION), &["b"]).is_err());
        let more = appended("", &format!("{SECTION}[store]\npath = 'y'\n"));
        assert!(verify("x.toml", "", &more, &["b"]).is_err());
        assert!(verify("x.toml", "# a\n", "# b\n[sources.b]\n", &["b"]).is_err());
    }
}
