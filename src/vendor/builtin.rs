//! The descriptions that are part of the program. The only place that names vendors.
//!
//! A file of the same name in the configuration's `vendors/` replaces one of these.

/// Each description's name and its text.
pub const BUILT_IN: &[(&str, &str)] = &[
    (
        "oneroster",
        include_str!("../../config/vendors/oneroster.toml"),
    ),
    ("wapi", include_str!("../../config/vendors/wapi.toml")),
    (
        "webuntis",
        include_str!("../../config/vendors/webuntis.toml"),
    ),
    ("wisenet", include_str!("../../config/vendors/wisenet.toml")),
];
