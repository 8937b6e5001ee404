//! The two accounts an admin can configure, and their rosters.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use serde_json::json;

use super::order::DayRoster;
use super::roster::{Profile, Roster, build};
use super::routes::{Rows, Target, target};
use super::sso::{self, STANDARD_SECRET, oidc_secret, password};
use super::{TENANT, TENANTS, WebUntis, serve};
use crate::authorization::Login;
use crate::calendar::{morning, stamp};
use crate::control::Control;
use crate::school::School;
use crate::shared::Shared;
use crate::vendor::{SimulatedAccount, Vendor};

impl WebUntis {
    /// WebUntis and the plain standard, to be served on one port.
    pub(crate) fn vendor(
        shared: &Arc<Shared>,
        switches: super::Switches,
        control: Arc<Control>,
    ) -> Vendor {
        if let Some(requests) = switches.token_requests {
            control.tokens.expire_after(requests);
        }
        control.authorization.set_switches(switches.auth.clone());
        let platform = Arc::new(Self {
            shared: Arc::clone(shared),
            switches,
            control: Arc::clone(&control),
            rosters: Default::default(),
            nonces: Default::default(),
            pages: Default::default(),
        });
        let router = Router::new()
            .fallback(serve::serve)
            .with_state(Arc::clone(&platform));
        let untis = Arc::new(Account {
            platform: Arc::clone(&platform),
            profile: Profile::Untis,
        });
        let standard = Arc::new(Account {
            platform: Arc::clone(&platform),
            profile: Profile::Standard,
        });
        let newer = Arc::new(Account {
            platform,
            profile: Profile::Newer,
        });
        Vendor {
            router,
            control,
            accounts: vec![
                ("webuntis", untis),
                ("oneroster", standard),
                ("oneroster_1_2", newer),
            ],
        }
    }

    /// A tenant's rows of today.
    pub(super) fn roster(&self, tenant: &str, profile: Profile) -> Arc<DayRoster> {
        let day = self.shared.day();
        let make = || {
            let school = &self.shared.school;
            let other = School {
                seed: school.seed ^ 0x5eed,
                students: school.students / 2,
            };
            let school = if tenant == TENANT { school } else { &other };
            Arc::new(DayRoster::new(build(
                school,
                tenant,
                day,
                profile,
                &self.switches,
            )))
        };
        let Ok(mut rosters) = self.rosters.lock() else {
            return make();
        };
        let slot = rosters
            .entry((tenant.to_owned(), profile))
            .or_insert_with(|| (day, make()));
        if slot.0 != day {
            *slot = (day, make());
        }
        Arc::clone(&slot.1)
    }

    /// Applies the edits between two pages.
    pub(super) fn apply_edits(
        &self,
        list: &str,
        rows: &mut Vec<std::borrow::Cow<'_, serde_json::Value>>,
    ) {
        let now = |number| json!(stamp(morning(self.shared.day()) * 1000 + number as i64));
        self.control.edits.apply(
            list,
            rows,
            |row, number| {
                let row = row.to_mut();
                row["sourcedId"] = json!(format!("inserted-{number}"));
                row["dateLastModified"] = now(number);
            },
            |row, number| row.to_mut()["dateLastModified"] = now(number),
        );
    }
}

struct Account {
    platform: Arc<WebUntis>,
    profile: Profile,
}

impl SimulatedAccount for Account {
    fn describe(&self) -> BTreeMap<String, u64> {
        let mut lists = vec![
            ("academic_sessions", "academicSessions"),
            ("orgs", "orgs"),
            ("users", "users"),
            ("classes", "classes"),
            ("enrollments", "enrollments"),
        ];
        if self.profile.is_plain() {
            lists.extend([
                ("courses", "courses"),
                ("terms", "terms"),
                ("grading_periods", "gradingPeriods"),
                ("resources", "resources"),
                ("categories", "categories"),
                ("line_items", "lineItems"),
                ("results", "results"),
                ("demographics", "demographics"),
            ]);
        }
        if self.profile == Profile::Newer {
            lists.extend([
                ("score_scales", "scoreScales"),
                ("assessment_line_items", "assessmentLineItems"),
                ("assessment_results", "assessmentResults"),
            ]);
        }
        let roster = self.platform.roster(TENANT, self.profile);
        lists
            .into_iter()
            .map(|(stream, list)| (stream.to_owned(), self.count(&roster.rows, list)))
            .collect()
    }

    fn settings(&self, origin: &str) -> BTreeMap<String, String> {
        let pairs = match self.profile {
            Profile::Untis => vec![
                ("api_url", origin.to_owned()),
                ("tenant", TENANT.to_owned()),
            ],
            Profile::Standard => vec![
                ("base_url", format!("{origin}/standard/ims/oneroster/v1p1")),
                ("token_url", format!("{origin}/standard/token")),
            ],
            Profile::Newer => vec![
                ("base_url", format!("{origin}/standard/ims/oneroster")),
                ("token_url", format!("{origin}/standard/token")),
            ],
        };
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    fn login(&self, origin: &str) -> Option<Login> {
        (self.profile == Profile::Untis).then(|| sso::login(origin, TENANT))
    }

    fn secrets(&self) -> BTreeMap<String, String> {
        match self.profile {
            Profile::Untis => [
                ("webuntis_oidc_secret".to_owned(), oidc_secret(TENANT)),
                ("webuntis_password".to_owned(), password(TENANT)),
                (
                    format!("webuntis_password_{}", TENANTS[1]),
                    password(TENANTS[1]),
                ),
            ]
            .into(),
            Profile::Standard | Profile::Newer => {
                let version = match self.profile {
                    Profile::Newer => "_1_2",
                    Profile::Standard | Profile::Untis => "",
                };
                let name = format!("oneroster{version}_client_secret");
                [(name, STANDARD_SECRET.to_owned())].into()
            }
        }
    }
}

impl Account {
    /// Rows of a list that are not marked as deleted.
    fn count(&self, roster: &Roster, list: &str) -> u64 {
        let Some(Target::List(selection)) = target(self.profile, &[list.to_owned()], roster) else {
            return 0;
        };
        let rows = roster.get(selection.collection).into_iter().flatten();
        let mut rows: Vec<_> = rows
            .filter(|row| Rows::contains(&selection.rows, row))
            .map(std::borrow::Cow::Borrowed)
            .collect();
        self.platform.apply_edits(list, &mut rows);
        rows.iter().filter(|row| row["status"] == "active").count() as u64
    }
}
