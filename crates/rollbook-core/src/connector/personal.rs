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
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let inner = name
        .strip_prefix(start)
        .and_then(|name| name.strip_suffix(end));
    let Some(mut inner) = inner else {
        return false;
    };
    // The first place of each part leaves the most for the parts after it.
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        match inner.split_once(part) {
            Some((_, after)) => inner = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_letters_or_none() {
        for (pattern, name, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("*", "", true),
            ("a*", "a", true),
            ("a*", "b", false),
            ("*.id", "users.id", true),
            ("*.id", "users.id_card", false),
            ("aba*aba", "aba", false),
            ("aba*aba", "abaaba", true),
            ("*.usi_*", "learners.usi_", true),
            ("*.usi_*", "learners.us_i", false),
            ("l.*national*_id", "l.national_id", true),
            ("l.*national*_id", "l.inter_national_x_id", true),
            ("l.*national*_id", "l.national", false),
            ("*ab*ab*", "abab", true),
            ("*ab*ab*", "aab", false),
            ("a**b", "ab", true),
            ("*é", "né", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

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
