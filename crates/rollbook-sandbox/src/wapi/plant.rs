//! The building services of the invented school: sites, controllers and measured variables.

/// A controller on site.
pub(super) struct Ltu {
    pub(super) id: i64,
    pub(super) wid: &'static str,
    pub(super) code: &'static str,
    pub(super) kind: &'static str,
    pub(super) name: &'static str,
    pub(super) infrastructure: i64,
    pub(super) late_minutes: Option<i64>,
}

/// A stream record; one without LTU is derived on the platform.
pub(super) struct Flux {
    pub(super) id: i64,
    pub(super) ltu: Option<i64>,
    pub(super) parent: Option<i64>,
    pub(super) infrastructure: i64,
    pub(super) name: &'static str,
    pub(super) description: Option<&'static str>,
}

/// How a measured value changes over the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Rises until noon, falls until midnight.
    Swings,
    /// A meter that only grows.
    Counts,
    /// On or off.
    Switches,
}

/// A measured variable; `base` and `swing` in hundredths of its unit.
pub(super) struct Data {
    pub(super) id: i64,
    pub(super) flux: i64,
    pub(super) name: &'static str,
    /// Unit item, function, material, type.
    pub(super) wum: Option<[i64; 4]>,
    /// None: there are no points.
    pub(super) pattern: Option<Pattern>,
    pub(super) base: i64,
    pub(super) swing: i64,
}

pub(super) const LTUS: &[Ltu] = &[
    Ltu {
        id: 412,
        wid: "20731-04418",
        code: "HSC-BLR",
        kind: "WIT",
        name: "Boiler house controller",
        infrastructure: 31,
        late_minutes: Some(90),
    },
    Ltu {
        id: 415,
        wid: "20731-05120",
        code: "HSC-AHU",
        kind: "WIT",
        name: "Ventilation controller",
        infrastructure: 32,
        late_minutes: Some(720),
    },
    Ltu {
        id: 417,
        wid: "31877-00204",
        code: "HSC-WTR",
        kind: "eWon",
        name: "Water meter gateway",
        infrastructure: 33,
        late_minutes: None,
    },
];

pub(super) const FLUXES: &[Flux] = &[
    Flux {
        id: 2107,
        ltu: Some(412),
        parent: None,
        infrastructure: 31,
        name: "Boiler house log",
        description: Some("Boilers 1 and 2, primary loop"),
    },
    Flux {
        id: 2112,
        ltu: Some(415),
        parent: None,
        infrastructure: 32,
        name: "Ventilation log",
        description: Some("Main hall, air handling unit 1"),
    },
    Flux {
        id: 2120,
        ltu: Some(417),
        parent: None,
        infrastructure: 33,
        name: "Water meters",
        description: None,
    },
    Flux {
        id: 2188,
        ltu: None,
        parent: Some(2107),
        infrastructure: 33,
        name: "Heat share, gymnasium",
        description: None,
    },
];

use Pattern::{Counts, Swings, Switches};

pub(super) const DATAS: &[Data] = &[
    Data {
        id: 9001,
        flux: 2107,
        name: "Supply temperature",
        wum: Some([58, 4, 2, 1]),
        pattern: Some(Swings),
        base: 5200,
        swing: 1400,
    },
    Data {
        id: 9002,
        flux: 2107,
        name: "Gas meter index",
        wum: Some([61, 9, 7, 3]),
        pattern: Some(Counts),
        base: 18_400_000,
        swing: 21,
    },
    Data {
        id: 9003,
        flux: 2107,
        name: "Burner 2 running",
        wum: None,
        pattern: Some(Switches),
        base: 0,
        swing: 100,
    },
    Data {
        id: 9004,
        flux: 2107,
        name: "Return temperature",
        wum: Some([58, 4, 2, 1]),
        pattern: Some(Swings),
        base: 4100,
        swing: 900,
    },
    Data {
        id: 9005,
        flux: 2107,
        name: "Heat meter",
        wum: Some([40, 9, 2, 3]),
        pattern: Some(Counts),
        base: 92_000_000,
        swing: 340,
    },
    Data {
        id: 9011,
        flux: 2112,
        name: "Room temperature, hall",
        wum: Some([58, 4, 1, 1]),
        pattern: Some(Swings),
        base: 1850,
        swing: 350,
    },
    Data {
        id: 9012,
        flux: 2112,
        name: "CO₂, hall",
        wum: Some([71, 5, 1, 1]),
        pattern: Some(Swings),
        base: 42_000,
        swing: 80_000,
    },
    Data {
        id: 9013,
        flux: 2112,
        name: "Humidity, hall",
        wum: Some([70, 6, 1, 1]),
        pattern: Some(Swings),
        base: 3500,
        swing: 1500,
    },
    Data {
        id: 9014,
        flux: 2112,
        name: "Fan running",
        wum: None,
        pattern: Some(Switches),
        base: 0,
        swing: 100,
    },
    Data {
        id: 9021,
        flux: 2120,
        name: "Cold water, main",
        wum: Some([61, 9, 3, 3]),
        pattern: Some(Counts),
        base: 810_000,
        swing: 12,
    },
    Data {
        id: 9022,
        flux: 2120,
        name: "Cold water, kitchen",
        wum: Some([61, 9, 3, 3]),
        pattern: Some(Counts),
        base: 120_000,
        swing: 5,
    },
    Data {
        id: 9023,
        flux: 2120,
        name: "Cold water, gymnasium",
        wum: Some([61, 9, 3, 3]),
        pattern: Some(Counts),
        base: 95_000,
        swing: 3,
    },
    Data {
        id: 9031,
        flux: 2188,
        name: "Share",
        wum: Some([70, 8, 2, 1]),
        pattern: None,
        base: 0,
        swing: 0,
    },
    Data {
        id: 9032,
        flux: 2188,
        name: "Heat, gymnasium",
        wum: Some([40, 9, 2, 3]),
        pattern: None,
        base: 0,
        swing: 0,
    },
];

/// Class, id, parent, surface in square metres, code, name.
pub(super) type Infrastructure = (
    &'static str,
    i64,
    Option<i64>,
    Option<i64>,
    &'static str,
    &'static str,
);

pub(super) const INFRASTRUCTURES: &[Infrastructure] = &[
    ("Site", 30, None, None, "HSC", "Pausenhof campus"),
    ("Building", 31, Some(30), Some(2840), "B", "Building B"),
    ("Building", 32, Some(30), Some(5120), "A", "Building A"),
    ("Zone", 33, Some(31), None, "GYM", "Gymnasium"),
    ("Zone", 34, Some(32), None, "HALL", "Main hall"),
];

/// Class, id, LTU, infrastructure, description, name.
pub(super) type Reflection = (
    &'static str,
    i64,
    i64,
    i64,
    Option<&'static str>,
    &'static str,
);

pub(super) const REFLECTIONS: &[Reflection] = &[
    (
        "ReflectionAnalogic",
        640,
        415,
        32,
        Some("Air handling unit, main hall"),
        "AHU-1 supply set-point",
    ),
    ("ReflectionDigital", 641, 415, 32, None, "AHU-1 release"),
    ("ReflectionText", 642, 412, 31, None, "Boiler message"),
    (
        "ReflectionState",
        643,
        412,
        31,
        Some("Boiler 1"),
        "Boiler 1 state",
    ),
    (
        "ReflectionSystem",
        644,
        412,
        31,
        None,
        "Controller software",
    ),
];
