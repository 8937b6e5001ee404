//! The account an admin can configure, and its rows today.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;

use super::oauth::{self, CLIENT_SECRET, PASSWORD};
use super::points::Series;
use super::{Switches, WAC, WOC, Wapi, serve};
use crate::authorization::Login;
use crate::calendar::{DAY, morning, stamp};
use crate::control::Control;
use crate::shared::Shared;
use crate::vendor::{SimulatedAccount, Vendor};

/// Stream and path segment of the seven reference lists.
const WUM_LISTS: &[(&str, &str)] = &[
    ("wum_unit_items", "UnitItem"),
    ("wum_units", "Unit"),
    ("wum_unit_families", "UnitFamily"),
    ("wum_unit_categories", "UnitCategory"),
    ("wum_functions", "Function"),
    ("wum_materials", "Material"),
    ("wum_types", "Type"),
];

impl Wapi {
    /// The platform, to be served on one port.
    pub(crate) fn vendor(
        shared: &Arc<Shared>,
        switches: Switches,
        control: Arc<Control>,
    ) -> Vendor {
        if let Some(requests) = switches.token_requests {
            control.tokens.expire_after(requests);
        }
        control.authorization.set_switches(switches.auth.clone());
        let wapi = Arc::new(Self {
            shared: Arc::clone(shared),
            switches,
            control: Arc::clone(&control),
        });
        let router = Router::new()
            .fallback(serve::serve)
            .with_state(Arc::clone(&wapi));
        Vendor {
            router,
            control,
            accounts: vec![("wapi", wapi)],
        }
    }

    /// The data of today.
    pub(super) fn series(&self) -> Series<'_> {
        Series {
            seed: self.shared.school.seed,
            day: self.shared.day(),
            switches: &self.switches,
        }
    }
}

impl SimulatedAccount for Wapi {
    fn describe(&self) -> BTreeMap<String, u64> {
        let series = self.series();
        let mut lists = vec![
            ("organizations", series.organizations()),
            ("business_accounts", series.business_accounts()),
            ("infrastructures", series.infrastructures()),
            ("ltus", series.ltus()),
            ("fluxes", series.fluxes()),
            ("reflections", series.reflections()),
            ("reflection_states", series.reflection_states()),
            ("wevents", series.events()),
            ("ltu_files", series.files()),
            ("command_groups", series.command_groups()),
            ("reflection_templates", series.templates()),
            ("extended_properties", series.extended_properties()),
            ("countries", series.countries()),
            ("cultures", series.cultures()),
            ("wevent_categories", series.event_categories()),
            ("wevent_types", series.event_types()),
        ];
        let wums = WUM_LISTS.iter();
        lists.extend(wums.map(|(stream, list)| (*stream, series.wums(list))));
        let mut rows: BTreeMap<String, u64> = lists
            .into_iter()
            .map(|(stream, rows)| {
                let wum = WUM_LISTS.iter().find(|(name, _)| *name == stream);
                let list = match stream {
                    "fluxes" => "fluxs".to_owned(),
                    _ => wum.map_or(stream, |(_, list)| list).to_ascii_lowercase(),
                };
                (stream.to_owned(), self.edited(&list, rows).len() as u64)
            })
            .collect();
        rows.insert("datas".to_owned(), self.datas(&series, None).len() as u64);
        let reflections = self.edited("reflections", series.reflections());
        let records = reflections.iter().map(|row| {
            let records = series.reflection_datas(row.id());
            self.edited("reflection_datas", records).len() as u64
        });
        rows.insert("reflection_datas".to_owned(), records.sum());
        let groups = self.edited("command_groups", series.command_groups());
        let commands = groups.iter().map(|group| {
            let commands = series.commands(group.id());
            self.edited("command_executions", commands).len() as u64
        });
        rows.insert("command_executions".to_owned(), commands.sum());
        for (details, stream) in [
            ("ltu_details", "ltus"),
            ("flux_details", "fluxes"),
            ("data_details", "datas"),
            ("reflection_details", "reflections"),
            // All events are of the one account of the organization.
            ("organization_wevents", "wevents"),
        ] {
            rows.insert(details.to_owned(), rows[stream]);
        }
        rows.insert("organization_details".to_owned(), 1);
        let points: i64 = series.served_datas().map(|data| series.count(data)).sum();
        rows.insert("points".to_owned(), points.unsigned_abs());
        rows
    }

    fn settings(&self, origin: &str) -> BTreeMap<String, String> {
        [
            ("base_url", origin.to_owned()),
            ("authorize_url", format!("{origin}/OAuth/authorize")),
            ("token_url", format!("{origin}/OAuth/token")),
            ("wac", WAC.to_owned()),
            ("woc", WOC.to_owned()),
            // The school's days do not follow the real calendar, so "a year back" would miss them one day.
            ("events_since", stamp((morning(0) - 60 * DAY) * 1000)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    fn login(&self, origin: &str) -> Option<Login> {
        Some(oauth::login(origin))
    }

    fn secrets(&self) -> BTreeMap<String, String> {
        [
            ("wapi_client_secret", CLIENT_SECRET),
            ("wapi_password", PASSWORD),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }
}
