//! `[personal]` of a connector: which columns hold what about a person.
//!
//! A pattern is `stream.column` with `*` for any letters. The first category that fits a column counts, in the order of
//! [`Personal`]: so a later one can be about all columns of a stream that are nothing more specific.

use serde::Deserialize;

use crate::model::PersonalCategory;

/// The columns with personal data, by category: patterns such as `"users.*_name"`. The first category that fits a column
/// counts, in the order of this table. A connector without any is about things.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Personal {
    /// Ids at the vendor, also where a row refers to a person.
    pub id: Vec<String>,
    /// Numbers that identify the person elsewhere.
    pub identity: Vec<String>,
    /// Relatives and next of kin.
    pub family: Vec<String>,
    /// Health and disability.
    pub health: Vec<String>,
    /// Ethnicity, nationality, residence, visa, language.
    pub origin: Vec<String>,
    /// Date and place of birth, age.
    pub birth: Vec<String>,
    /// Gender.
    pub gender: Vec<String>,
    /// Fees, payments, loans.
    pub money: Vec<String>,
    /// User names and rights.
    pub account: Vec<String>,
    /// Employment and social situation.
    pub work: Vec<String>,
    /// Free text.
    pub note: Vec<String>,
    /// Parts of the name.
    pub name: Vec<String>,
    /// Addresses, telephone, e-mail.
    pub contact: Vec<String>,
    /// Enrolments, results, earlier schools.
    pub education: Vec<String>,
    /// Anything else of a row about a person.
    pub other: Vec<String>,
}

impl Personal {
    /// Each key with its category and patterns.
    pub fn lists(&self) -> [(&'static str, PersonalCategory, &[String]); 15] {
        use PersonalCategory as Of;
        [
            ("id", Of::Id, &self.id),
            ("identity", Of::Identity, &self.identity),
            ("family", Of::Family, &self.family),
            ("health", Of::Health, &self.health),
            ("origin", Of::Origin, &self.origin),
            ("birth", Of::Birth, &self.birth),
            ("gender", Of::Gender, &self.gender),
            ("money", Of::Money, &self.money),
            ("account", Of::Account, &self.account),
            ("work", Of::Work, &self.work),
            ("note", Of::Note, &self.note),
            ("name", Of::Name, &self.name),
            ("contact", Of::Contact, &self.contact),
            ("education", Of::Education, &self.education),
            ("other", Of::Other, &self.other),
        ]
    }

    /// What a column says about a person.
    pub fn category(&self, stream: &str, column: &str) -> Option<PersonalCategory> {
        let name = format!("{stream}.{column}");
        let fitting = |(_, _, patterns): &(_, _, &[String])| {
            patterns.iter().any(|pattern| fits(pattern, &name))
        };
        self.lists()
            .into_iter()
            .find(fitting)
            .map(|(_, category, _)| category)
    }
}

/// Whether a pattern is this name, where `*` is any letters or none.
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => {
            let Some(rest) = name.strip_prefix(before) else {
                return false;
            };
            (0..=rest.len())
                .any(|start| rest.is_char_boundary(start) && fits(after, &rest[start..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_category_that_fits_counts() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let personal = Personal {
            name: texts(&["users.*_name"]),
            family: texts(&["users.nok_*"]),
            id: texts(&["*.user_id"]),
            other: texts(&["users.*"]),
            ..Personal::default()
        };
        for (stream, column, expected) in [
            ("users", "given_name", Some(PersonalCategory::Name)),
            ("users", "nok_first_name", Some(PersonalCategory::Family)),
            ("users", "nok_mail", Some(PersonalCategory::Family)),
            ("users", "colour", Some(PersonalCategory::Other)),
            ("loans", "user_id", Some(PersonalCategory::Id)),
            ("loans", "due", None),
            ("user", "x_name", None),
        ] {
            assert_eq!(
                personal.category(stream, column),
                expected,
                "{stream}.{column}"
            );
        }
    }
}
