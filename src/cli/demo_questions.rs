//! Example queries for the demo's mirror: `demo.sql`, each after a comment with its title.
//!
//! Only the shipped configuration has these tables; queries that fail are omitted.

use rollbook_core::store::queries::{Answer, Reader, ask};

const QUESTIONS: &str = include_str!("demo.sql");

/// Answers shown, and rows of each: with the table they fit one screen.
const ANSWERS_SHOWN: usize = 3;
const ROWS_SHOWN: usize = 2;

/// The queries that a mirror can answer.
pub struct Queries {
    /// Titles and the first rows of answers, a line each.
    pub answers: Vec<String>,
    /// All of them, for `sqlite3`.
    pub sql: String,
}

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

/// The queries that this mirror can answer; `None` if there are none.
pub fn queries(mirror: &Reader) -> Option<Queries> {
    let mut queries: Option<Queries> = None;
    for Question { title, sql } in questions(QUESTIONS) {
        let Ok(answer) = ask(mirror, sql) else {
            continue;
        };
        let queries = queries.get_or_insert_with(|| Queries {
            answers: Vec::new(),
            sql: String::new(),
        });
        if !answer.rows.is_empty() && queries.answers.len() < ANSWERS_SHOWN {
            queries.answers.push(format!("{title}: {}", shown(&answer)));
        }
        queries.sql.push_str(&format!("-- {title}\n{sql}\n\n"));
    }
    queries
}

fn shown(answer: &Answer) -> String {
    let rows = answer.rows.iter().take(ROWS_SHOWN);
    let mut rows: Vec<String> = rows.map(|row| row.join(" ")).collect();
    if answer.rows.len() > ROWS_SHOWN {
        rows.push("…".to_owned());
    }
    rows.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_four_questions() {
        let found: Vec<_> = questions(QUESTIONS).collect();
        assert_eq!(found.len(), 4);
        for question in found {
            assert!(!question.title.is_empty());
            assert!(question.sql.starts_with("SELECT"), "{}", question.sql);
            assert!(question.sql.ends_with(';'), "{}", question.sql);
        }
    }

    #[test]
    fn the_first_rows_of_an_answer_are_shown() {
        let row = |status: &str| vec![status.to_owned(), "7".to_owned()];
        let answer = |rows: &[&str]| Answer {
            heads: Vec::new(),
            rows: rows.iter().map(|status| row(status)).collect(),
        };
        assert_eq!(shown(&answer(&["Current"])), "Current 7");
        assert_eq!(shown(&answer(&["a", "b", "c", "d"])), "a 7, b 7, …");
    }
}
