//! The streams of the built-in connectors, each with the list at the simulated vendor that it is read from.

use super::Effect::{Arrives, Never};
use super::{Case, StreamRow};

const fn stream(stream: &'static str, list: &'static str) -> StreamRow {
    StreamRow {
        stream,
        list,
        change: Arrives,
        removal: Arrives,
    }
}

impl StreamRow {
    const fn never_removed(self, why: &'static str) -> Self {
        Self {
            removal: Never(why),
            ..self
        }
    }

    const fn never_changed(self, why: &'static str) -> Self {
        Self {
            change: Never(why),
            ..self
        }
    }
}

/// Entries are added to the log and stay.
const APPEND_ONLY: &str =
    "an entry of a log is never edited, and the vendor keeps it for a limited time";

pub(super) const WISENET: Case = Case {
    connector: "wisenet",
    // Two mirrors start with the same refresh token.
    switches: &["wisenet.auth.rotation=none"],
    auth: "grant = \"refresh_token\"\nclient_id = \"rollbook\"\nclient_secret = { file = \"wisenet_client_secret\" }\nrefresh_token = { file = \"wisenet_refresh_token\" }",
    streams: &[
        stream("audit_logs", "")
            .never_changed(APPEND_ONLY)
            .never_removed(APPEND_ONLY),
        stream("entities", "entities"),
        stream("learners", "learners"),
        stream("courses", "courses"),
        stream("units", "units"),
        stream("course_offers", "course-offers"),
        stream("unit_offers", "unit-offers"),
        stream("course_enrolments", "course-enrolments"),
        stream("unit_enrolments", "unit-enrolments"),
        stream("agents", "agents"),
        stream("workplaces", "workplaces"),
        stream("locations", "locations"),
        stream("staff", "staff"),
        stream("element_enrolments", "element-enrolments"),
        stream("credentials", "credentials"),
        stream("language_literacy_numeracy", "language-literacy-numeracy"),
        stream("promotions", "promotions"),
        stream("learner_positions", "learner-positions"),
        stream("sales_contacts", "sales-contacts"),
        stream("opportunities", "opportunities"),
        stream("tags", "tags"),
        stream("sales_persons", "sales-persons"),
        stream("trainers", "trainers"),
        stream("assessors", "assessors"),
        stream("coordinators", "coordinators"),
        stream("checklists", "checklists"),
        stream("checklist_items", "checklist-items"),
        stream("filenotes", "filenotes"),
        stream("invoices", "invoices"),
        stream("learner_personals", "learners"),
        stream("combos", "results"),
    ],
};

/// Read by the code in a setting.
const BY_CODE: &str =
    "one row, read by its code: a response without it is an error, and no list that lacks it";
/// The vendor serves one.
const ONE_SCHOOL: &str =
    "the list holds the one school: without it the list is suddenly empty, which is held";
/// Read by time windows.
const TIME_SERIES: &str =
    "what was measured or happened stays true: vendors delete old values to save room (wapi.md 7)";

pub(super) const WAPI: Case = Case {
    connector: "wapi",
    switches: &["wapi.corrected=1"],
    auth: "grant = \"password\"\nclient_id = \"rollbook\"\nclient_secret = { file = \"wapi_client_secret\" }\nusername = \"mirror\"\npassword = { file = \"wapi_password\" }",
    streams: &[
        stream("organizations", "organizations"),
        stream("organization_details", "organizations").never_removed(BY_CODE),
        stream("business_accounts", "business_accounts").never_removed(BY_CODE),
        stream("infrastructures", "infrastructures"),
        stream("ltus", "ltus"),
        stream("ltu_details", "ltus"),
        stream("extended_properties", "extended_properties"),
        stream("ltu_files", "ltu_files"),
        stream("fluxes", "fluxs"),
        stream("flux_details", "fluxs"),
        stream("datas", "datas"),
        stream("data_details", "datas"),
        stream("points", "").never_removed(TIME_SERIES),
        stream("reflections", "reflections"),
        stream("reflection_details", "reflections"),
        stream("reflection_datas", "reflection_datas").never_removed(TIME_SERIES),
        stream("reflection_states", "reflection_states"),
        stream("command_groups", "command_groups"),
        stream("command_executions", "command_executions"),
        stream("reflection_templates", "reflection_templates"),
        stream("wevents", "wevents").never_removed(TIME_SERIES),
        stream("organization_wevents", "wevents").never_removed(TIME_SERIES),
        stream("wevent_categories", "wevent_categories"),
        stream("wevent_types", "wevent_types"),
        stream("wum_unit_items", "unititem"),
        stream("wum_units", "unit"),
        stream("wum_unit_families", "unitfamily"),
        stream("wum_unit_categories", "unitcategory"),
        stream("wum_functions", "function"),
        stream("wum_materials", "material"),
        stream("wum_types", "type"),
        stream("countries", "countries"),
        stream("cultures", "cultures"),
    ],
};

pub(super) const ONEROSTER: Case = Case {
    connector: "oneroster",
    switches: &["webuntis.deletion=disappears"],
    auth: "grant = \"client_credentials\"\nclient_id = \"rollbook\"\nclient_secret = { file = \"oneroster_client_secret\" }",
    streams: &[
        stream("academic_sessions", "academicSessions"),
        stream("orgs", "orgs"),
        stream("users", "users"),
        stream("classes", "classes"),
        stream("enrollments", "enrollments"),
        stream("courses", "courses"),
        stream("terms", "terms"),
        stream("grading_periods", "gradingPeriods"),
        stream("demographics", "demographics"),
        stream("resources", "resources"),
        stream("categories", "categories"),
        stream("line_items", "lineItems"),
        stream("results", "results"),
    ],
};

pub(super) const ONEROSTER_1_2: Case = Case {
    connector: "oneroster_1_2",
    switches: &["webuntis.deletion=disappears"],
    auth: "grant = \"client_credentials\"\nclient_id = \"rollbook\"\nclient_secret = { file = \"oneroster_1_2_client_secret\" }",
    streams: &[
        stream("academic_sessions", "academicSessions"),
        stream("orgs", "orgs"),
        stream("users", "users"),
        stream("classes", "classes"),
        stream("enrollments", "enrollments"),
        stream("courses", "courses"),
        stream("terms", "terms"),
        stream("grading_periods", "gradingPeriods"),
        stream("demographics", "demographics"),
        stream("resources", "resources"),
        stream("categories", "categories"),
        stream("line_items", "lineItems"),
        stream("results", "results"),
        stream("score_scales", "scoreScales"),
        stream("assessment_line_items", "assessmentLineItems"),
        stream("assessment_results", "assessmentResults"),
    ],
};

pub(super) const WEBUNTIS: Case = Case {
    connector: "webuntis",
    switches: &["webuntis.deletion=disappears"],
    auth: "grant = \"client_credentials\"\nclient_id = \"rollbook\"\nclient_secret = { file = \"webuntis_password\" }",
    streams: &[
        stream("academic_sessions", "academicSessions"),
        stream("orgs", "orgs").never_removed(ONE_SCHOOL),
        stream("users", "users"),
        stream("classes", "classes"),
        stream("enrollments", "enrollments"),
    ],
};
