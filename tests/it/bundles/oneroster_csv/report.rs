//! The list of problems, in one form: file, line, column, rule.

/// What was found so far.
#[derive(Default)]
pub struct Report {
    pub problems: Vec<String>,
    /// A file or row could not be read, so that missing rows mean nothing.
    pub is_broken: bool,
}

impl Report {
    /// `line` counts from 1; 0 is the file as a whole. `column` is a header, or a character's position in the line.
    pub fn add(&mut self, file: &str, line: usize, column: &str, rule: &str, text: &str) {
        self.problems.push(format!(
            "{file} line {line} column {column}: {rule}: {text}"
        ));
    }

    /// A problem after which the rows of this file are incomplete.
    pub fn broken(&mut self, file: &str, line: usize, column: &str, rule: &str, text: &str) {
        self.is_broken = true;
        self.add(file, line, column, rule, text);
    }
}
