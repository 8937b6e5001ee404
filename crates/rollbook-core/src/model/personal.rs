//! Kinds of personal data, as a register of processing names them.

/// What a column says about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonalCategory {
    /// An id at the vendor, also where a row refers to a person.
    Id,
    /// Numbers that identify the person elsewhere: of a pupil, a passport, a tax office.
    Identity,
    /// Relatives and next of kin.
    Family,
    /// Health and disability.
    Health,
    /// Ethnicity, nationality, residence, visa, language.
    Origin,
    /// Date and place of birth, age.
    Birth,
    /// Gender.
    Gender,
    /// Fees, payments, loans.
    Money,
    /// User names and rights.
    Account,
    /// Employment and social situation.
    Work,
    /// Free text.
    Note,
    /// Parts of the name.
    Name,
    /// Addresses, telephone, e-mail.
    Contact,
    /// Enrolments, results, earlier schools.
    Education,
    /// Anything else of a row about a person.
    Other,
}

impl PersonalCategory {
    /// The text in tables.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Id => "id of a person",
            Self::Name => "name",
            Self::Contact => "contact",
            Self::Birth => "birth",
            Self::Gender => "gender",
            Self::Identity => "identity number",
            Self::Family => "family",
            Self::Health => "health",
            Self::Origin => "origin",
            Self::Education => "education",
            Self::Work => "work",
            Self::Money => "money",
            Self::Account => "account",
            Self::Note => "free text",
            Self::Other => "other",
        }
    }

    /// Special categories of personal data of the GDPR, article 9.
    pub const fn is_special(self) -> bool {
        matches!(self, Self::Health | Self::Origin)
    }
}
