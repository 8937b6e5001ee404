//! Switches of the simulated Wisenet: wisenet.md 13, as far as it concerns reads.
//!
//! Names in configuration are the field names; values are the variants in snake case. The
//! defaults are the contract's base behaviour.

use serde::{Deserialize, Serialize};

use crate::authorization;

/// The country of the account, which selects the learner family.
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

/// The credentials that a call must carry.
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

/// How a page past the end of the data is returned (wisenet.md 3.4).
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

/// How an unset lookup is returned in `Relationships` (wisenet.md 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unset {
    /// The name is missing.
    #[default]
    Missing,
    /// The name has the value `null`.
    Null,
}

/// The first member of the envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyOrder {
    /// `Data`, then `Relationships`.
    #[default]
    Usual,
    /// Alternating.
    Mixed,
}

/// Fraction digits of a change time (wisenet.md 7).
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

/// Whether parameter names are case-sensitive (wisenet.md 3.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// Case-insensitive.
    #[default]
    Relaxed,
    /// Case-sensitive.
    Strict,
}

/// What happens to an undeclared parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// It is ignored: the list is unfiltered.
    #[default]
    Ignored,
    /// Status 400.
    Refused,
}

/// Format of `expires_at` in a token response (wisenet.md 2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiresAt {
    /// ISO 8601 in UTC.
    #[default]
    Iso,
    /// ISO 8601 with the offset of New Zealand.
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

/// All switches; the default is the base behaviour.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// The country of the account; fixed when the sandbox starts.
    pub region: Region,
    /// The credentials that a call must carry.
    pub required: Required,
    /// How a page past the end is returned.
    pub past_end: PastEnd,
    /// How an unset lookup is returned.
    pub unset: Unset,
    /// Order of the envelope's members.
    pub key_order: KeyOrder,
    /// Fraction digits of a change time.
    pub fraction_digits: FractionDigits,
    /// Case of parameter names.
    pub names: Names,
    /// Undeclared parameters.
    pub unknown: Unknown,
    /// Lists without a sort parameter have another order on every call.
    pub unstable_order: bool,
    /// A course enrolment of the first page changes before the second page is requested.
    pub touch_between_pages: bool,
    /// Number of course enrolments with one identical change time; above 1000 fills a page.
    pub same_stamp: u64,
    /// The audit log names every entity, and not only those that are known to be in it; fixed when the sandbox starts.
    pub log_all: bool,
    /// Rows have fields that no table lists.
    pub extra_fields: bool,
    /// Some rows have ids that are not in their combo list.
    pub unknown_combo_ids: bool,
    /// Requests per second before 429; zero is unlimited.
    pub rate_per_second: u64,
    /// Requests per simulated day before 429; zero is unlimited.
    pub quota_per_day: u64,
    /// Seconds in the `Retry-After` of a 429; zero omits the header.
    pub retry_after: u64,
    /// The call, counted from one, that fails with `fail_status`; zero is never.
    pub fail_call: u64,
    /// The status of that call: 502, 503 or 504.
    pub fail_status: u16,
    /// The call, counted from one, with JSON that ends in the middle; zero disables it.
    pub truncate_call: u64,
    /// Delay of every response in milliseconds.
    pub slow_ms: u64,
    /// The resource, such as `unit-enrolments` or `combos/genders`, without its scope: 403.
    pub forbid: String,
    /// The resource that has no rows.
    pub empty: String,
    /// Lifetime of an access token in seconds.
    pub token_seconds: u64,
    /// Format of `expires_at`.
    pub expires_at: ExpiresAt,
    /// The token response lacks `api_key`.
    pub hide_api_key: bool,
    /// The administrator has disconnected the app: no token is valid.
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
            log_all: false,
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
    /// Sets one switch by name, as a command line passes it.
    ///
    /// # Errors
    ///
    /// Lists the known switches or values.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        crate::switches::set(self, name, value)
    }
}
