//! Routes an address to an operation with its parameters (wapi.md 3.1, wapi.md 4).
//!
//! Paths and parameter names are case-insensitive, and unknown parameters are ignored, as in the
//! platform's framework.

use std::collections::BTreeMap;

use super::switches::{PointsRoute, Routes, Switches};
use crate::query::segments;

#[expect(
    clippy::enum_variant_names,
    reason = "the vendor names them so, and only reads are allowed here"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    GetFluxs,
    GetFlux,
    GetDatas,
    GetData,
    GetPoints,
    GetPointGroups,
    GetLtus,
    GetLtu,
    GetReflections,
    GetReflection,
    GetReflectionDatas,
    GetWEvents,
    GetWEventsOrganization,
    GetInfrastructures,
    GetOrganization,
    GetOrganizationsMy,
    GetBusinessAccount,
    GetBusinessAccounts,
    GetReflectionStates,
    GetWEventCategories,
    GetWEventTypes,
    GetWums,
    GetFileLtus,
    GetCommandGroups,
    GetCommandGroup,
    GetTemplates,
    GetExtendedProperties,
    GetCountries,
    GetCultures,
}

use Operation::*;

/// Names below `/json/reply/`.
const NAMES: &[(&str, Operation)] = &[
    ("GetFluxs", GetFluxs),
    ("GetFlux", GetFlux),
    ("GetDatas", GetDatas),
    ("GetData", GetData),
    ("GetPoints", GetPoints),
    ("GetPointGroupsSplit", GetPointGroups),
    ("GetPointGroupsPeriod", GetPointGroups),
    ("GetLTUs", GetLtus),
    ("GetLTU", GetLtu),
    ("GetReflections", GetReflections),
    ("GetReflection", GetReflection),
    ("GetReflectionDatas", GetReflectionDatas),
    ("GetWEvents", GetWEvents),
    ("GetWEventsOrganization", GetWEventsOrganization),
    ("GetInfrastructures", GetInfrastructures),
    ("GetOrganization", GetOrganization),
    ("GetOrganizationsMy", GetOrganizationsMy),
    ("GetBusinessAccount", GetBusinessAccount),
    ("GetBusinessAccounts", GetBusinessAccounts),
    ("GetReflectionStates", GetReflectionStates),
    ("GetWEventCategories", GetWEventCategories),
    ("GetWEventTypes", GetWEventTypes),
    ("GetFileLTUs", GetFileLtus),
    ("GetReflectionCommandGroups", GetCommandGroups),
    ("GetReflectionCommandGroup", GetCommandGroup),
    ("GetReflectionTemplates", GetTemplates),
    ("GetExtendedProperties", GetExtendedProperties),
    ("GetCountries", GetCountries),
    ("GetCultures", GetCultures),
];

impl Operation {
    /// Whether the operation refuses a token without a person.
    pub(super) fn needs_user(self) -> bool {
        !matches!(
            self,
            GetReflectionStates
                | GetWEventCategories
                | GetWEventTypes
                | GetWums
                | GetCountries
                | GetCultures
        )
    }
}

/// Parameters by lower-case name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Params(pub(super) BTreeMap<String, String>);

impl Params {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    fn put(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_ascii_lowercase(), value.to_owned());
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Read(Operation, Params),
    /// A write operation, which a mirror must never call.
    Write,
    Unknown,
}

/// Finds the operation behind a path; `params` are those of the query.
pub(super) fn find(path: &str, mut params: Params, switches: &Switches) -> Route {
    let words = segments(path);
    let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    if let ["json" | "xml" | "csv" | "jsv", "reply", name] = lower.as_slice() {
        return by_name(name, params, switches);
    }
    if switches.routes == Routes::ReplyOnly {
        return Route::Unknown;
    }
    let plain = match lower.as_slice() {
        ["organization", "my"] => Some(GetOrganizationsMy),
        ["businessaccount"] => Some(GetBusinessAccounts),
        ["reflectionstate"] => Some(GetReflectionStates),
        ["weventcategory"] => Some(GetWEventCategories),
        ["weventtype"] => Some(GetWEventTypes),
        ["country"] if switches.places => Some(GetCountries),
        ["culture"] if switches.places => Some(GetCultures),
        ["wum", kind] => {
            params.put("kind", kind);
            Some(GetWums)
        }
        _ => None,
    };
    if let Some(operation) = plain {
        return Route::Read(operation, params);
    }
    let (operation, indexes) = match lower.as_slice() {
        ["organization", _] => (GetOrganization, &[("WOC", 1)][..]),
        ["organization", _, "wevent"] => (GetWEventsOrganization, &[("WOC", 1)][..]),
        ["businessaccount", _] => (GetBusinessAccount, &[("WAC", 1)][..]),
        [_, rest @ ..] => match below_account(rest, switches) {
            Some(found) => found,
            None => return Route::Unknown,
        },
        [] => return Route::Unknown,
    };
    params.put("WAC", &words[0]);
    for (name, index) in indexes {
        params.put(name, &words[*index]);
    }
    Route::Read(operation, params)
}

/// Routes below `/{WAC}`; indexes are those of the whole path.
fn below_account(
    rest: &[&str],
    switches: &Switches,
) -> Option<(Operation, &'static [(&'static str, usize)])> {
    let data_point = switches.points_route == PointsRoute::DataPoint;
    Some(match rest {
        ["flux"] => (GetFluxs, &[]),
        ["flux", _] => (GetFlux, &[("FluxID", 2)]),
        ["flux", _, "data"] => (GetDatas, &[("FluxID", 2)]),
        ["data", _] => (GetData, &[("DataID", 2)]),
        ["data", _, "point"] if data_point => (GetPoints, &[("DataIDs", 2)]),
        ["point", _] if !data_point => (GetPoints, &[("DataIDs", 2)]),
        ["pointgroup", "split" | "period", _] => (GetPointGroups, &[("DataID", 3)]),
        ["ltu"] => (GetLtus, &[]),
        ["ltu", "extendproperty"] => (GetExtendedProperties, &[]),
        ["ltu", _] => (GetLtu, &[("LTUID", 2)]),
        ["reflection"] => (GetReflections, &[]),
        ["reflection", "commandgroup"] => (GetCommandGroups, &[]),
        ["reflection", "commandgroup", _] => (GetCommandGroup, &[("GroupID", 3)]),
        ["reflectiontemplate"] => (GetTemplates, &[]),
        ["fileltu"] => (GetFileLtus, &[]),
        ["reflection", _] => (GetReflection, &[("ReflectionID", 2)]),
        ["reflection", _, "data"] => (GetReflectionDatas, &[("ReflectionID", 2)]),
        ["wevent"] => (GetWEvents, &[]),
        ["infrastructure"] => (GetInfrastructures, &[]),
        _ => return None,
    })
}

fn by_name(name: &str, mut params: Params, switches: &Switches) -> Route {
    if let Some((_, operation)) = NAMES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
    {
        let is_place = matches!(operation, GetCountries | GetCultures);
        return match is_place && !switches.places {
            true => Route::Unknown,
            false => Route::Read(*operation, params),
        };
    }
    // `GetWUMUnitItems`: one name for each reference list.
    if let Some(kind) = name.strip_prefix("getwum") {
        let kind = kind.strip_suffix("ies").map_or_else(
            || kind.trim_end_matches('s').to_owned(),
            |kind| format!("{kind}y"),
        );
        params.put("kind", &kind);
        return Route::Read(GetWums, params);
    }
    if name.starts_with("get") {
        Route::Unknown
    } else {
        Route::Write
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_map_to_operations() {
        for (path, operation, name, value) in [
            ("/WAC1/Flux", GetFluxs, "wac", "WAC1"),
            ("/WAC1/flux/2107", GetFlux, "fluxid", "2107"),
            ("/WAC1/Flux/2107/Data", GetDatas, "fluxid", "2107"),
            ("/wac1/POINT/9001,9002", GetPoints, "dataids", "9001,9002"),
            ("/Organization/My", GetOrganizationsMy, "x", ""),
            ("/Organization/WOC1", GetOrganization, "woc", "WOC1"),
            (
                "/Organization/WOC1/WEvent",
                GetWEventsOrganization,
                "woc",
                "WOC1",
            ),
            ("/BusinessAccount/WAC1", GetBusinessAccount, "wac", "WAC1"),
            ("/WUM/UnitItem", GetWums, "kind", "unititem"),
            (
                "/json/reply/GetWUMUnitFamilies",
                GetWums,
                "kind",
                "unitfamily",
            ),
            ("/json/reply/getpoints", GetPoints, "x", ""),
            ("/WAC1/FileLTU", GetFileLtus, "wac", "WAC1"),
            ("/WAC1/Reflection/CommandGroup", GetCommandGroups, "x", ""),
            (
                "/WAC1/Reflection/CommandGroup/5001",
                GetCommandGroup,
                "groupid",
                "5001",
            ),
            ("/WAC1/ReflectionTemplate", GetTemplates, "x", ""),
            ("/WAC1/LTU/ExtendProperty", GetExtendedProperties, "x", ""),
            ("/Country", GetCountries, "x", ""),
            (
                "/WAC1/PointGroup/Split/9001",
                GetPointGroups,
                "dataid",
                "9001",
            ),
        ] {
            let Route::Read(found, params) = find(path, Params::default(), &Switches::default())
            else {
                panic!("{path} is not routed")
            };
            assert_eq!(
                (found, params.get(name).unwrap_or_default()),
                (operation, value),
                "{path}"
            );
        }
    }

    #[test]
    fn writes_differ_from_unknown_addresses() {
        for (path, route) in [
            ("/json/reply/DeleteFlux", Route::Write),
            ("/json/reply/CommandReflections", Route::Write),
            ("/json/reply/GetNothing", Route::Unknown),
            ("/WAC1/Pump", Route::Unknown),
            ("/", Route::Unknown),
        ] {
            assert_eq!(
                find(path, Params::default(), &Switches::default()),
                route,
                "{path}"
            );
        }
    }
}
