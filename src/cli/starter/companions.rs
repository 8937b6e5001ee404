//! Starters of `crosswalks/`: which streams of a configuration have people in common, and what can be mapped to a combo list.
//!
//! Every line is a comment, because only an admin knows whether a match or a mapping is meant.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Draft;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::model::row::Kind;
use rollbook_engine::setup::Setup;

/// Columns with a person's first and last name.
const NAMES: [[&str; 2]; 2] = [["first_name", "last_name"], ["given_name", "family_name"]];

/// Columns with a birth date.
const BIRTH_DATES: [&str; 2] = ["date_of_birth", "birth_date"];

/// Columns that usually hold one of a few words.
const WORDS: [&str; 5] = ["role", "gender", "sex", "type", "status"];

/// The streams that jobs read, by source and name.
fn streams(setup: &Setup) -> BTreeMap<(&str, &str), &Arc<StreamSpec>> {
    let jobs = setup.jobs.values();
    let of_job = jobs.flat_map(|job| job.streams.iter().map(|spec| (job.source.as_str(), spec)));
    of_job
        .map(|(source, spec)| ((source, spec.name.as_str()), spec))
        .collect()
}

/// Lines for `people.toml`: each two streams of people, one of which is of one of these sources, that the existing file
/// does not match. `None` without any.
pub fn people(setup: &Setup, sources: &[String], existing: &str) -> Option<String> {
    let streams = streams(setup);
    let of_people: Vec<_> = streams
        .iter()
        .filter(|(_, spec)| spec.column("email").is_some() && names_of(spec).is_some())
        .collect();
    let mut pairs = Vec::new();
    for (number, left) in of_people.iter().enumerate() {
        for right in &of_people[number + 1..] {
            let names = [left.0.0, right.0.0];
            let is_new = names
                .iter()
                .any(|name| sources.iter().any(|new| new == name));
            let is_matched = existing.contains(&format!("[match.{}]", set_name(left.0, right.0)));
            if names[0] != names[1] && is_new && !is_matched {
                pairs.push(match_set(left, right));
            }
        }
    }
    (!pairs.is_empty()).then(|| {
        format!(
            "# Which rows of two sources are the same person. Nothing is matched while every line is a comment.\n\
             #\n\
             # Rules are tried in order. A rule matches a value that exactly one row on each side has; more than one is a\n\
             # conflict. `rollbook matches` counts the result, the table rollbook_matches. `where` selects rows:\n\
             # where = {{ role = \"student\" }}\n\n{}",
            pairs.join("\n")
        )
    })
}

type NamedStream<'a> = (&'a (&'a str, &'a str), &'a &'a Arc<StreamSpec>);

fn match_set((left, one): &NamedStream<'_>, (right, other): &NamedStream<'_>) -> String {
    let set = set_name(left, right);
    let mut text = format!(
        "#[match.{set}]\n\
         #left  = {{ stream = \"{}.{}\" }}\n\
         #right = {{ stream = \"{}.{}\" }}\n\
         #\n\
         #[[match.{set}.rule]]\n\
         #name = \"e-mail\"\n\
         #same = [{{ left = \"email\", right = \"email\", as = \"email\" }}]\n\
         #ambiguous = \"next\"                    # families share addresses: try the next rule\n",
        left.0, left.1, right.0, right.1
    );
    let birth = |spec: &StreamSpec| {
        let mut known = BIRTH_DATES.into_iter();
        known.find(|name| spec.column(name).is_some())
    };
    if let (Some(names), Some(others), Some(born), Some(other_born)) =
        (names_of(one), names_of(other), birth(one), birth(other))
    {
        text.push_str(&format!(
            "#\n\
             #[[match.{set}.rule]]\n\
             #name = \"name and birth date\"\n\
             #same = [\n\
             #  {{ left = {names:?}, right = {others:?}, as = \"name\" }},\n\
             #  {{ left = \"{born}\", right = \"{other_born}\" }},\n\
             #]\n"
        ));
    }
    text
}

fn set_name(left: &(&str, &str), right: &(&str, &str)) -> String {
    format!("{}_and_{}", short(left.0), short(right.0))
}

/// A name for a match set has at most 40 letters.
fn short(name: &str) -> &str {
    &name[..name.len().min(17)]
}

fn names_of(spec: &StreamSpec) -> Option<[&'static str; 2]> {
    let has = |names: &[&str; 2]| names.iter().all(|name| spec.column(name).is_some());
    NAMES.into_iter().find(has)
}

/// A crosswalk between two sources, of which one has combo lists and one is of these sources. `None` without any.
pub fn crosswalk(setup: &Setup, sources: &[String]) -> Option<Draft> {
    let streams = streams(setup);
    let is_new = |name: &str| sources.iter().any(|new| new == name);
    let lists = streams.iter().filter(|(_, spec)| spec.combos.is_some());
    let mut found = lists.flat_map(|((to, _), combos)| {
        let others = streams.iter().filter(move |((from, _), spec)| {
            from != to && spec.combos.is_none() && (is_new(from) || is_new(to))
        });
        others.filter_map(move |((from, stream), spec)| {
            let column = WORDS.into_iter().find(|name| is_text(spec, name))?;
            let rank = WORDS.iter().position(|name| *name == column);
            Some((rank, *to, combos, *from, *stream, column))
        })
    });
    let first = found.next()?;
    let (_, to, combos, from, stream, column) =
        found.fold(
            first,
            |best, next| if next.0 < best.0 { next } else { best },
        );
    let list = combos
        .named_lists()
        .and_then(|lists| lists.into_iter().next());
    let list = list.unwrap_or_else(|| "LIST".to_owned());
    let text = format!(
        "# Maps the values of a column of {from} to entries of a combo list of {to}. Nothing is mapped while every line is\n\
         # a comment.\n\
         #\n\
         # Once both are mirrored, `rollbook combos` lists the lists, and `rollbook crosswalk suggest {from}_{stream}.{column} LIST`\n\
         # drafts the lines of `[map]`. The view {from}_{stream}_mapped then has the columns {column}_NAME_code and\n\
         # {column}_NAME_label, with the name of this file.\n\n\
         #from = \"{from}.{stream}.{column}\"          # source.stream.column, or a list of columns\n\
         #to   = {{ source = \"{to}\", list = \"{list}\" }}      # by = \"description\" where a list has no codes\n\
         #\n\
         #[map]                                # value of the column = code of the entry\n\
         #\"a value\" = \"A\"\n"
    );
    Some(Draft {
        stem: column.to_owned(),
        text,
    })
}

fn is_text(spec: &StreamSpec, name: &str) -> bool {
    let column = spec.column(name).map(|index| &spec.columns[index]);
    column.is_some_and(|column| column.kind == Kind::Text && column.combo.is_none())
}
