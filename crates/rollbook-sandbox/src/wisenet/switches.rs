//! What of the simulated Wisenet can be switched: wisenet.md 13, as far as reading goes.
//!
//! Names in configuration are the field names; values are the variants in snake case. The
//! defaults are the contract's base behaviour, so a switch nobody sets changes nothing.

use serde::{Deserialize, Serialize};

use crate::authorization;

/// The country of the account, which decides the learner family that answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Region {
    /// Australia: `/learnersAU`.
    #[default]
    AU,
    /// New Zealand: `/learnersNZ`.
    NZ,
    /// Singapore: `/learnersSG`.
    SG,
    /// South Africa: `/learnersSA`.
    SA,
}

impl Region {
    /// The two letters, as in the path of the learner family.
    pub fn letters(self) -> &'static str {
        match self {
            Self::AU => "AU",
            Self::NZ => "NZ",
            Self::SG => "SG",
            Self::SA => "SA",
        }
    }
}

/// What a call must carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Required {
    /// Bearer token and `x-api-key` together (wisenet.md 2.7).
    #[default]
    BearerAndKey,
    /// The bearer token alone.
    Bearer,
    /// The legacy mode: `x-api-key` alone (wisenet.md 2.8).
    Key,
}

/// How a page past the end of the data looks (wisenet.md 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PastEnd {
    /// The JSON value `null`.
    #[default]
    Null,
    /// An empty array.
    Empty,
    /// Status 204 without a body.
    NoContent,
}

/// How an unset lookup looks in `Relationships` (wisenet.md 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unset {
    /// The name is not there.
    #[default]
    Missing,
    /// The name is there with `null`.
    Null,
}

/// Which member of the envelope comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyOrder {
    /// `Data`, then `Relationships`.
    #[default]
    Usual,
    /// Now so, now so.
    Mixed,
}

/// How many digits a change time carries behind its seconds (wisenet.md 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FractionDigits {
    /// Up to three, trailing zeros dropped.
    #[default]
    Natural,
    /// None.
    None,
    /// One.
    One,
    /// Two.
    Two,
    /// Three, always.
    Three,
}

/// Whether parameter names must be spelt as declared (wisenet.md 3.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// Capitals do not matter.
    #[default]
    Relaxed,
    /// Only the exact spelling is known.
    Strict,
}

/// What happens to a parameter nobody declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// Nothing: the list comes unfiltered.
    #[default]
    Ignored,
    /// Status 400.
    Refused,
}

/// The spelling of `expires_at` in a token answer (wisenet.md 2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiresAt {
    /// ISO 8601 in UTC.
    #[default]
    Iso,
    /// ISO 8601 with the hours that New Zealand is ahead.
    Offset,
    /// Seconds since 1970.
    Seconds,
    /// The same as a string.
    SecondsText,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Not there.
    Absent,
}

/// Every switch; the default is the base behaviour.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// The country of the account; fixed when the sandbox starts.
    pub region: Region,
    /// What a call must carry.
    pub required: Required,
    /// How a page past the end looks.
    pub past_end: PastEnd,
    /// How an unset lookup looks.
    pub unset: Unset,
    /// Order of the envelope's members.
    pub key_order: KeyOrder,
    /// Digits behind the seconds of a change time.
    pub fraction_digits: FractionDigits,
    /// Spelling of parameter names.
    pub names: Names,
    /// Undeclared parameters.
    pub unknown: Unknown,
    /// Lists without a sort parameter come in another order on every call.
    pub unstable_order: bool,
    /// A course enrolment of the first page changes before the second page is asked for.
    pub touch_between_pages: bool,
    /// How many course enrolments carry one identical change time; above 1000 fills a page.
    pub same_stamp: u64,
    /// Rows carry fields that no table knows.
    pub extra_fields: bool,
    /// Some rows carry ids that their combo list does not have.
    pub unknown_combo_ids: bool,
    /// Requests a second before 429; zero is without limit.
    pub rate_per_second: u64,
    /// Requests a simulated day before 429; zero is without limit.
    pub quota_per_day: u64,
    /// Seconds in the `Retry-After` of a 429; zero is without the header.
    pub retry_after: u64,
    /// The call, counted from one, that fails with `fail_status`; zero is never.
    pub fail_call: u64,
    /// The status of that call: 502, 503 or 504.
    pub fail_status: u16,
    /// The call, counted from one, whose JSON ends in the middle; zero is never.
    pub truncate_call: u64,
    /// Milliseconds every answer waits.
    pub slow_ms: u64,
    /// The resource, such as `unit-enrolments` or `combos/genders`, whose scope is missing: 403.
    pub forbid: String,
    /// The resource that suddenly has no rows.
    pub empty: String,
    /// Life of an access token in seconds.
    pub token_seconds: u64,
    /// Spelling of `expires_at`.
    pub expires_at: ExpiresAt,
    /// The token answer does not hold `api_key`.
    pub hide_api_key: bool,
    /// The administrator has disconnected the app: no token is good.
    pub revoked: bool,
    /// The authorization server, as `auth.name`.
    pub auth: authorization::Switches,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            region: Region::default(),
            required: Required::default(),
            past_end: PastEnd::default(),
            unset: Unset::default(),
            key_order: KeyOrder::default(),
            fraction_digits: FractionDigits::default(),
            names: Names::default(),
            unknown: Unknown::default(),
            unstable_order: false,
            touch_between_pages: false,
            same_stamp: 40,
            extra_fields: false,
            unknown_combo_ids: false,
            rate_per_second: 0,
            quota_per_day: 0,
            retry_after: 0,
            fail_call: 0,
            fail_status: 503,
            truncate_call: 0,
            slow_ms: 0,
            forbid: String::new(),
            empty: String::new(),
            token_seconds: 3600,
            expires_at: ExpiresAt::default(),
            hide_api_key: false,
            revoked: false,
            auth: authorization::Switches::default(),
        }
    }
}

impl Switches {
    /// Sets one switch by its name, as a command line gives it.
    ///
    /// # Errors
    ///
    /// Names the known switches, or the known values.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        crate::switches::set(self, name, value)
    }
}
