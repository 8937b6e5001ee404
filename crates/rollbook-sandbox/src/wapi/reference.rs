//! Reference lists that are the same for every account: states, event kinds, units of measure.

pub(super) const REFLECTION_STATES: &[(i64, &str)] = &[
    (1, "Waiting"),
    (2, "Sent"),
    (3, "Executed"),
    (4, "Refused"),
    (5, "Expired"),
];

pub(super) const EVENT_CATEGORIES: &[(i64, &str)] =
    &[(1, "Technical"), (2, "Communication"), (3, "Comfort")];

/// Id, short name, name, category, message.
pub(super) const EVENT_TYPES: &[(i64, &str, &str, i64, &str)] = &[
    (
        4,
        "High",
        "Value too high",
        3,
        "CO₂ in the hall above 1200 ppm",
    ),
    (5, "Fault", "Burner fault", 1, "Burner 2 locked out"),
    (6, "Late", "LTU late", 2, "Water meter gateway did not call"),
];

/// List, class, id, name, symbol, referencing field and the referenced id.
pub(super) type Wum = (
    &'static str,
    &'static str,
    i64,
    &'static str,
    Option<&'static str>,
    Option<(&'static str, i64)>,
);

pub(super) const WUMS: &[Wum] = &[
    (
        "UnitItem",
        "WUMUnitItem",
        58,
        "Degree Celsius",
        Some("°C"),
        Some(("WUMUnitID", 11)),
    ),
    (
        "UnitItem",
        "WUMUnitItem",
        61,
        "Cubic metre",
        Some("m³"),
        Some(("WUMUnitID", 14)),
    ),
    (
        "UnitItem",
        "WUMUnitItem",
        40,
        "Kilowatt-hour",
        Some("kWh"),
        Some(("WUMUnitID", 9)),
    ),
    (
        "UnitItem",
        "WUMUnitItem",
        70,
        "Per cent",
        Some("%"),
        Some(("WUMUnitID", 3)),
    ),
    (
        "UnitItem",
        "WUMUnitItem",
        71,
        "Parts per million",
        Some("ppm"),
        Some(("WUMUnitID", 3)),
    ),
    (
        "Unit",
        "WUMUnit",
        3,
        "Ratio",
        None,
        Some(("WUMUnitFamilyID", 1)),
    ),
    (
        "Unit",
        "WUMUnit",
        9,
        "Energy",
        None,
        Some(("WUMUnitFamilyID", 2)),
    ),
    (
        "Unit",
        "WUMUnit",
        11,
        "Temperature",
        None,
        Some(("WUMUnitFamilyID", 3)),
    ),
    (
        "Unit",
        "WUMUnit",
        14,
        "Volume",
        None,
        Some(("WUMUnitFamilyID", 4)),
    ),
    (
        "UnitFamily",
        "WUMUnitFamily",
        1,
        "Ratios",
        None,
        Some(("WUMUnitCategoryID", 1)),
    ),
    (
        "UnitFamily",
        "WUMUnitFamily",
        2,
        "Energies",
        None,
        Some(("WUMUnitCategoryID", 2)),
    ),
    (
        "UnitFamily",
        "WUMUnitFamily",
        3,
        "Temperatures",
        None,
        Some(("WUMUnitCategoryID", 2)),
    ),
    (
        "UnitFamily",
        "WUMUnitFamily",
        4,
        "Volumes",
        None,
        Some(("WUMUnitCategoryID", 2)),
    ),
    (
        "UnitCategory",
        "WUMUnitCategory",
        1,
        "Dimensionless",
        None,
        None,
    ),
    ("UnitCategory", "WUMUnitCategory", 2, "Physical", None, None),
    ("Function", "WUMFunction", 4, "Temperature", None, None),
    ("Function", "WUMFunction", 5, "Air quality", None, None),
    ("Function", "WUMFunction", 6, "Humidity", None, None),
    ("Function", "WUMFunction", 8, "Share", None, None),
    ("Function", "WUMFunction", 9, "Consumption", None, None),
    ("Material", "WUMMaterial", 1, "Air", None, None),
    ("Material", "WUMMaterial", 2, "Heating water", None, None),
    ("Material", "WUMMaterial", 3, "Drinking water", None, None),
    ("Material", "WUMMaterial", 7, "Natural gas", None, None),
    ("Type", "WUMType", 1, "Measured", None, None),
    ("Type", "WUMType", 3, "Index", None, None),
];
