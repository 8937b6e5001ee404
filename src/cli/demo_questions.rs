//! Example queries for the demo's mirror: `demo.sql`, each after a comment with its title.
//!
//! Only the shipped configuration has these tables; queries that fail are omitted.

use comfy_table::Cell;

use super::table;
use crate::store::queries::{Answer, Reader, ask};

const QUESTIONS: &str = include_str!("demo.sql");

/// One question of the file.
struct Question<'a> {
    title: &'a str,
    sql: &'a str,
}

fn questions(text: &str) -> impl Iterator<Item = Question<'_>> {
    text.split("-- ").skip(1).filter_map(|part| {
        let (title, sql) = part.split_once('\n')?;
        Some(Question {
            title: title.trim(),
            sql: sql.trim(),
        })
    })
}

/// The queries that this mirror can answer, with the result of the first.
pub fn shown(mirror: &Reader) -> String {
    let mut text = String::new();
    for question in questions(QUESTIONS) {
        let Ok(answer) = ask(mirror, question.sql) else {
            continue;
        };
        let first = text.is_empty();
        text.push_str(&format!("\n-- {}\n{}\n", question.title, question.sql));
        if first {
            text.push_str(&format!("{}\n", answered(&answer)));
        }
    }
    text
}

fn answered(answer: &Answer) -> comfy_table::Table {
    let heads: Vec<&str> = answer.heads.iter().map(String::as_str).collect();
    let mut table = table::table(&heads);
    for row in &answer.rows {
        let is_number = |text: &String| text.parse::<f64>().is_ok();
        table.add_row(row.iter().map(|text| {
            if is_number(text) {
                table::right(text)
            } else {
                Cell::new(text)
            }
        }));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_three_questions() {
        let found: Vec<_> = questions(QUESTIONS).collect();
        assert_eq!(found.len(), 3);
        for question in found {
            assert!(!question.title.is_empty());
            assert!(question.sql.starts_with("SELECT"), "{}", question.sql);
            assert!(question.sql.ends_with(';'), "{}", question.sql);
        }
    }
}
