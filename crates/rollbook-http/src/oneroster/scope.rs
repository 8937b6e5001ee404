//! What a client may read (oneroster-service.md 2 and 9).

use std::str::FromStr;

use super::entity::RosterEntity;
use super::route::RosterRoute;
use rollbook_core::document::text_value::{ValueError, text_value};

/// The prefix of the full names.
const PREFIX: &str = "https://purl.imsglobal.org/spec/or/v1p1/scope/";

/// One right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosterScope {
    /// Collections and their objects, without demographics.
    Core,
    /// These, and the lists below an object.
    Full,
    /// Demographics.
    Demographics,
}

const SCOPES: [(RosterScope, &str); 3] = [
    (RosterScope::Core, "roster-core.readonly"),
    (RosterScope::Full, "roster.readonly"),
    (RosterScope::Demographics, "roster-demographics.readonly"),
];

impl RosterScope {
    fn short(self) -> &'static str {
        match self {
            Self::Core => SCOPES[0].1,
            Self::Full => SCOPES[1].1,
            Self::Demographics => SCOPES[2].1,
        }
    }
}

impl FromStr for RosterScope {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let short = text.strip_prefix(PREFIX).unwrap_or(text);
        let known = SCOPES.iter().find(|(_, name)| *name == short);
        let error = || {
            let names: Vec<String> = SCOPES.iter().map(|(_, name)| format!("`{name}`")).collect();
            ValueError::new("this is no scope of OneRoster 1.1 rostering")
                .help(format!("one of {}", names.join(", ")))
        };
        known.map(|(scope, _)| *scope).ok_or_else(error)
    }
}

text_value!(
    RosterScope,
    pattern = r"^(https://purl\.imsglobal\.org/spec/or/v1p1/scope/)?roster[a-z.-]*\.readonly$",
    example = "roster-core.readonly"
);

/// Several rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RosterScopes(u8);

impl RosterScopes {
    /// Of a list.
    pub fn of(scopes: impl IntoIterator<Item = RosterScope>) -> Self {
        Self(scopes.into_iter().fold(0, |all, scope| all | bit(scope)))
    }

    /// As a number.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Of a number.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Those that are in both. Who may read everything may ask for the collections alone.
    pub fn both(self, other: Self) -> Self {
        Self(self.implied().0 & other.0)
    }

    fn implied(self) -> Self {
        match self.has(RosterScope::Full) {
            true => Self(self.0 | bit(RosterScope::Core)),
            false => self,
        }
    }

    fn has(self, scope: RosterScope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// Whether they open a path.
    pub fn open(self, route: &RosterRoute) -> bool {
        match route {
            RosterRoute::All(collection) | RosterRoute::One(collection, _) => {
                match collection.entity {
                    RosterEntity::Demographics => self.has(RosterScope::Demographics),
                    _ => self.implied().has(RosterScope::Core),
                }
            }
            RosterRoute::Below(..) => self.has(RosterScope::Full),
        }
    }

    /// Their whole names, with blanks between.
    pub fn names(self) -> String {
        let held = SCOPES.iter().filter(|(scope, _)| self.has(*scope));
        let names: Vec<String> = held
            .map(|(scope, _)| format!("{PREFIX}{}", scope.short()))
            .collect();
        names.join(" ")
    }
}

fn bit(scope: RosterScope) -> u8 {
    1 << scope as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_opens_its_paths() {
        let (core, full, people) = (
            RosterScopes::of([RosterScope::Core]),
            RosterScopes::of([RosterScope::Full]),
            RosterScopes::of([RosterScope::Demographics]),
        );
        for (path, opened) in [
            ("/users", [true, true, false]),
            ("/schools/a", [true, true, false]),
            ("/schools/a/students", [false, true, false]),
            ("/schools/a/classes/b/teachers", [false, true, false]),
            ("/demographics", [false, false, true]),
            ("/demographics/a", [false, false, true]),
        ] {
            let route = RosterRoute::of(path).expect(path);
            assert_eq!(
                [core, full, people].map(|scopes| scopes.open(&route)),
                opened,
                "{path}"
            );
        }
        assert_eq!(full.both(core), core);
        assert_eq!(core.both(full), RosterScopes::default());
        assert_eq!(full.both(people), RosterScopes::default());
        assert_eq!(
            RosterScopes::of(
                ["roster.readonly", "roster-demographics.readonly"]
                    .map(|name| { name.parse().expect("a scope") })
            )
            .names(),
            "https://purl.imsglobal.org/spec/or/v1p1/scope/roster.readonly \
             https://purl.imsglobal.org/spec/or/v1p1/scope/roster-demographics.readonly"
        );
        assert!("gradebook.readonly".parse::<RosterScope>().is_err());
    }
}
