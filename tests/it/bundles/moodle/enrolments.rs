//! Lines of the flat-file enrolment plugin (moodle.md 4).

use std::collections::BTreeMap;

use super::{Report, is_empty_in_php, text};

/// 2100-01-01 in seconds; a later time is taken for milliseconds.
const LATEST: u64 = 4_102_444_800;

/// Role, user and course, with the operation and line that named them.
type Seen<'a> = BTreeMap<[&'a str; 3], (&'a str, usize)>;

pub fn check(file: &[u8], report: &mut Report) {
    let Some(text) = text(file, "4.1 rule 2", report) else {
        return;
    };
    let mut seen = Seen::new();
    let text = text.trim_start_matches('\u{feff}');
    for (index, line) in text.lines().enumerate() {
        check_line(index + 1, line, &mut seen, report);
    }
}

fn check_line<'a>(number: usize, line: &'a str, seen: &mut Seen<'a>, report: &mut Report) {
    if line.trim().is_empty() {
        report.add(number, 1, "a blank line", "4.1 rule 2");
        return;
    }
    if !line.contains(',') {
        report.add(number, 1, "no comma", "4.1 rule 4");
        return;
    }
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    if !(4..=6).contains(&fields.len()) {
        let text = format!("{} fields instead of 4 to 6", fields.len());
        report.add(number, fields.len(), text, "4.1 rule 4");
        return;
    }
    for (index, field) in fields.iter().enumerate() {
        if field.starts_with(['"', '\'']) && (index == 0 || field.len() > 1) {
            report.add(number, index + 1, "a quoted field", "4.1 rule 5");
        }
        if field.contains(char::is_control) {
            report.add(number, index + 1, "a control character", "4.1 rule 2");
        }
    }
    check_fields(number, &fields, report);
    check_times(number, &fields, report);
    check_repeated(number, &fields, seen, report);
}

fn check_fields(number: usize, fields: &[&str], report: &mut Report) {
    if !["add", "del"].contains(&fields[0]) {
        report.add(number, 1, "the operation is not add or del", "4.2 rule 1");
    }
    let is_role = |byte: u8| !byte.is_ascii_uppercase() && !byte.is_ascii_whitespace();
    if fields[1].is_empty() || !fields[1].bytes().all(is_role) {
        report.add(number, 2, "not a role in lower case", "4.2 rule 2");
    }
    if is_empty_in_php(fields[2]) {
        report.add(number, 3, "no idnumber of a user", "4.2 rule 3");
    }
    if fields[2].chars().count() > 255 {
        report.add(number, 3, "more than 255 characters", "4.2 rule 3");
    }
    if fields[3].is_empty() {
        report.add(number, 4, "no idnumber of a course", "4.2 rule 4");
    }
    if fields[3].chars().count() > 100 {
        report.add(number, 4, "more than 100 characters", "4.2 rule 4");
    }
}

fn check_times(number: usize, fields: &[&str], report: &mut Report) {
    let mut times = [0, 0];
    for (index, field) in fields[4..].iter().enumerate() {
        let column = index + 5;
        match field.parse::<u64>() {
            Ok(time) if field.starts_with('+') || time > LATEST => {
                report.add(number, column, "not a time in seconds", "4.2 rule 5");
            }
            Ok(time) => times[index] = time,
            Err(_) => report.add(number, column, "not a time in seconds", "4.2 rule 5"),
        }
    }
    if times[1] != 0 && times[0] > times[1] {
        report.add(number, 6, "the start is after the end", "4.2 rule 5");
    }
    if fields[0] == "del" && fields.len() > 4 {
        report.add(number, 5, "del with a time", "4.2 rule 6");
    }
}

fn check_repeated<'a>(number: usize, fields: &[&'a str], seen: &mut Seen<'a>, report: &mut Report) {
    let key = [fields[1], fields[2], fields[3]];
    if let Some((operation, line)) = seen.insert(key, (fields[0], number)) {
        let text = if operation == fields[0] {
            format!("the same as line {line}")
        } else {
            format!("the opposite of line {line}")
        };
        report.add(number, 1, text, "4.3 rule 4");
    }
}
