//! A fingerprint of a configuration file's content.

use xxhash_rust::xxh3::xxh3_64;

use crate::document::node::{Node, NodeKind, TableEntry};

impl Node {
    /// Equal for equal content, whatever the order of keys, the layout and the comments; stable across releases.
    pub fn fingerprint(&self) -> u64 {
        let mut text = String::new();
        self.write_canonical(&mut text);
        xxh3_64(text.as_bytes())
    }

    /// Every text with its length before it, so that no two trees are written alike.
    fn write_canonical(&self, out: &mut String) {
        let text = |out: &mut String, text: &str| {
            out.push_str(&format!("{}:{text}", text.len()));
        };
        match self.kind() {
            NodeKind::Text(value) => text(out, value),
            NodeKind::Integer(number) => out.push_str(&format!("i{number};")),
            NodeKind::Real(number) => out.push_str(&format!("r{:016x};", number.to_bits())),
            NodeKind::Boolean(value) => out.push_str(if *value { "t" } else { "f" }),
            NodeKind::Datetime => out.push('d'),
            NodeKind::Unreadable => out.push('u'),
            NodeKind::List(values) => {
                out.push('[');
                values.iter().for_each(|value| value.write_canonical(out));
                out.push(']');
            }
            NodeKind::Table(entries) => {
                let mut entries: Vec<&TableEntry> = entries.iter().collect();
                entries.sort_by(|one, other| one.name.cmp(&other.name));
                out.push('{');
                for entry in entries {
                    text(out, &entry.name);
                    entry.value.write_canonical(out);
                }
                out.push('}');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::FileText;

    #[test]
    fn a_fingerprint_is_of_what_is_said_and_not_of_how() {
        let of = |text: &str| Node::parse(&FileText::new("a.toml", text)).0.fingerprint();
        let first = of("a = 1\nb = [\"x\", true]\n[t]\nc = 2.5\n");
        let rows = [
            ("# a comment\nb = ['x', true]\na = 1\nt.c = 2.5", true),
            ("a = 2\nb = [\"x\", true]\n[t]\nc = 2.5\n", false),
            ("a = 1\nb = [true, \"x\"]\n[t]\nc = 2.5\n", false),
            ("a = \"1\"\nb = [\"x\", true]\n[t]\nc = 2.5\n", false),
            ("a = 1\nb = [\"x\", true]\n[t]\nc = 2.5\nd = 1", false),
            ("a = 1\nb = [\"x\", true]\nc = 2.5\n[t]", false),
        ];
        for (text, is_same) in rows {
            assert_eq!(of(text) == first, is_same, "{text}");
        }
        // What is stored must not move from release to release.
        assert_eq!(format!("{first:016x}"), "46e40433fa772b75");
    }
}
