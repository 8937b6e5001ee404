//! Every knob of wapi.md 10, and the assumptions of wapi.md 12 that are visible on the wire.

use serde::{Deserialize, Serialize};

use crate::authorization;
use crate::switches::choice;

pub use super::record::DateStyle;

choice! { /// The container of a list (wapi.md 12 A32).
    Container {
        /// An object with the rows and a total.
        #[default] Container,
        /// A bare array.
        Array,
        /// An object with unforeseen names.
        OddNames,
    }
}
/// Names of a point's time and value in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PointKeys {
    /// `T` and `V`.
    #[default]
    #[serde(rename = "TV")]
    Upper,
    /// `t` and `v`.
    #[serde(rename = "tv")]
    Lower,
    /// `date` and `value`.
    #[serde(rename = "long")]
    Long,
}
/// Name of the Data id in a point, where several Data were requested (wapi.md 12 A40).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PointIdKey {
    /// `D`.
    #[default]
    #[serde(rename = "D")]
    Upper,
    /// `d`.
    #[serde(rename = "d")]
    Lower,
    /// `DataID`.
    #[serde(rename = "DataID")]
    Pascal,
    /// `dataID`.
    #[serde(rename = "dataID")]
    Camel,
    /// `dataId`.
    #[serde(rename = "dataId")]
    Plain,
}
choice! { /// Whether points at the bounds belong to a window (wapi.md 12 A44).
    Bounds {
        /// Both do.
        #[default] Inclusive,
        /// The one at `From` does not.
        FromExclusive,
        /// The one at `To` does not.
        ToExclusive,
        /// Neither does.
        Exclusive,
    }
}
/// Shape of error bodies (wapi.md 12 A48).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorBody {
    /// `{"responseStatus":{"errorCode":…}}`.
    #[default]
    #[serde(rename = "responseStatus")]
    Lower,
    /// `{"ResponseStatus":{"ErrorCode":…}}`.
    #[serde(rename = "ResponseStatus")]
    Upper,
    /// `{"wType":"WCAExceptionResource",…}`.
    #[serde(rename = "wca")]
    Wca,
    /// An HTML page.
    #[serde(rename = "html")]
    Html,
}
choice! { /// Which addresses are served.
    Routes {
        /// The REST routes of wapi.md 4.1 and 4.2, and `/json/reply/…`.
        #[default] Rest,
        /// `/json/reply/…` alone.
        ReplyOnly,
    }
}
choice! { /// REST route of points (wapi.md 12 A12).
    PointsRoute {
        /// `/{WAC}/Point/{DataIDs}`.
        #[default] Point,
        /// `/{WAC}/Data/{DataID}/Point`.
        DataPoint,
    }
}
choice! { /// The response to a request for several Datas.
    Several {
        /// The points of all of them, each with its Data.
        #[default] Served,
        /// The points of all, and none says which Data it is of.
        Untold,
        /// The points of the first one only.
        First,
        /// `ArgumentException`.
        Refused,
    }
}
choice! { /// Whether the application may use the password grant (wapi.md 2.3).
    PasswordGrant {
        /// It may.
        #[default] Allowed,
        /// `unauthorized_client`.
        Unauthorized,
    }
}
choice! { /// How a date that was never set is sent.
    UnsetDates {
        /// The first instant of year one.
        #[default] Min,
        /// Left out.
        Null,
    }
}
choice! { /// Unit of an LTU's `gmtOffset` (wapi.md 12 A42).
    GmtOffset {
        /// Hours.
        #[default] Hours,
        /// Minutes.
        Minutes,
    }
}
choice! { /// Form of a Flux's `period` (wapi.md 12 A35).
    Period {
        /// `PT10M`.
        #[default] Iso,
        /// `00:10:00`.
        Clock,
        /// `600`.
        Seconds,
    }
}
choice! { /// Hardware of the third LTU.
    Substitution {
        /// Unchanged.
        #[default] Never,
        /// A new `wid` is pending.
        Pending,
        /// The new `wid` is active; the `id` stays.
        Done,
    }
}
choice! { /// State of the second Flux.
    FluxState {
        /// Its status is `Enabled`.
        #[default] Enabled,
        /// Its status is `Obsolete`.
        Obsolete,
        /// It is deleted, with its Data.
        Deleted,
    }
}

/// All switches of the simulated platform; the defaults are those of wapi.md 10, wapi.md 12.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Lifetime of an access token in seconds.
    pub token_seconds: u64,
    /// Number of requests a token is valid for; none is unlimited.
    pub token_requests: Option<u64>,
    /// Whether client credentials return a refresh token (wapi.md 12 A5).
    pub client_refresh: bool,
    /// Whether the password grant is allowed.
    pub password_grant: PasswordGrant,
    /// Status for a bad or expired token (wapi.md 12 A9).
    pub bad_token: u16,
    /// Status for a token without user where one is needed (wapi.md 12 A10).
    pub no_user: u16,
    /// wapi.md 12 A32.
    pub container: Container,
    /// wapi.md 12 A33: rows of a page without `Take`.
    pub default_take: usize,
    /// Names of a point's members.
    pub point_keys: PointKeys,
    /// wapi.md 12 A40: name of the Data id in a point.
    pub point_id_key: PointIdKey,
    /// wapi.md 12 A13: separator of Data ids.
    pub separator: String,
    /// wapi.md 12 A44.
    pub bounds: Bounds,
    /// wapi.md 12 A48.
    pub error_body: ErrorBody,
    /// Status of `NotExist`: 400, 404 or 500.
    pub not_exist: u16,
    /// Status of `TooManyRequested`.
    pub too_many: u16,
    /// Maximum of points in one response.
    pub max_points: usize,
    /// Maximum of events in one response.
    pub max_events: usize,
    /// Which addresses are served.
    pub routes: Routes,
    /// wapi.md 12 A12.
    pub points_route: PointsRoute,
    /// wapi.md 12 A57: whether countries and cultures are served.
    pub places: bool,
    /// wapi.md 3.2: without a suffix or `format=` the response is XML, whatever the headers ask for.
    pub xml_unless_named: bool,
    /// wapi.md 7 rule 3: how a request for several Datas is answered.
    pub several: Several,
    /// Whether the list of Flux holds the short form.
    pub short_lists: bool,
    /// Format of dates in JSON.
    pub dates: DateStyle,
    /// Format of dates that were never set.
    pub unset_dates: UnsetDates,
    /// wapi.md 12 A42.
    pub gmt_offset: GmtOffset,
    /// wapi.md 12 A35.
    pub period: Period,
    /// Whether the third LTU delivers two hours of each day a day late.
    pub late_batch: bool,
    /// Day on which a day of older points appears at one Data.
    pub back_dated: Option<u64>,
    /// Day from which ten old values of one Data are corrected.
    pub corrected: Option<u64>,
    /// One point dated two days ahead.
    pub future_point: bool,
    /// The last point of every response is duplicated.
    pub duplicate_point: bool,
    /// One value that is a bare `NaN`.
    pub nan: bool,
    /// Hardware of the third LTU.
    pub substitution: Substitution,
    /// Whether one LTU a day is renamed.
    pub renames: bool,
    /// State of the second Flux.
    pub flux_state: FluxState,
    /// The authorization server, as `auth.name`; wapi.md 12 A4, A6, A7 and A8 are there.
    pub auth: authorization::Switches,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            token_seconds: 3600,
            token_requests: None,
            client_refresh: false,
            password_grant: PasswordGrant::default(),
            bad_token: 401,
            no_user: 403,
            container: Container::default(),
            default_take: 200,
            point_keys: PointKeys::default(),
            point_id_key: PointIdKey::default(),
            separator: ",".to_owned(),
            bounds: Bounds::default(),
            error_body: ErrorBody::default(),
            not_exist: 404,
            too_many: 400,
            max_points: 50_000,
            max_events: 5_000,
            routes: Routes::default(),
            points_route: PointsRoute::default(),
            places: true,
            xml_unless_named: false,
            several: Several::default(),
            short_lists: true,
            dates: DateStyle::default(),
            unset_dates: UnsetDates::default(),
            gmt_offset: GmtOffset::default(),
            period: Period::default(),
            late_batch: true,
            back_dated: None,
            corrected: None,
            future_point: false,
            duplicate_point: false,
            nan: false,
            substitution: Substitution::default(),
            renames: true,
            flux_state: FluxState::default(),
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
