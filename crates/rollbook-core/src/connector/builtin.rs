//! The connectors and examples that are part of the program. No other file names vendors.
//!
//! A file of the same name in the configuration's `connectors/` replaces a connector.

/// Each connector's name and its text.
pub const BUILT_IN: &[(&str, &str)] = &[
    (
        "oneroster",
        include_str!("../../../../config/connectors/oneroster.toml"),
    ),
    (
        "oneroster_1_2",
        include_str!("../../../../config/connectors/oneroster_1_2.toml"),
    ),
    (
        "wapi",
        include_str!("../../../../config/connectors/wapi.toml"),
    ),
    (
        "webuntis",
        include_str!("../../../../config/connectors/webuntis.toml"),
    ),
    (
        "wisenet",
        include_str!("../../../../config/connectors/wisenet.toml"),
    ),
];

/// The shipped `rollbook.toml`, in which a line of dashes begins each source.
pub const EXAMPLE: &str = include_str!("../../../../config/rollbook.toml");

/// The folder in which the demo writes the shipped configuration, if it finds none.
pub const DEMO_CONFIG: &str = "demo-config";

/// Each shipped job's name and its text.
pub const EXAMPLE_JOBS: &[(&str, &str)] = &[
    (
        "wapi_reference",
        include_str!("../../../../jobs/wapi_reference.toml"),
    ),
    (
        "wapi_telemetry",
        include_str!("../../../../jobs/wapi_telemetry.toml"),
    ),
    ("webuntis", include_str!("../../../../jobs/webuntis.toml")),
    (
        "wisenet_combos",
        include_str!("../../../../jobs/wisenet_combos.toml"),
    ),
    (
        "wisenet_enrolments",
        include_str!("../../../../jobs/wisenet_enrolments.toml"),
    ),
];

#[cfg(test)]
mod tests;
