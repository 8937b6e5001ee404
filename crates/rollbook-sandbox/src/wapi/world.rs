//! All data of the platform on one day, as records.

use super::plant::{DATAS, Data, FLUXES, Flux, INFRASTRUCTURES, LTUS};
use super::points::{Series, last_call};
use super::record::{Field, Record};
use super::reference::{EVENT_CATEGORIES, EVENT_TYPES, REFLECTION_STATES, WUMS};
use super::switches::{FluxState, GmtOffset, Period, Substitution, UnsetDates};
use super::{WAC, WOC};

/// When the installation was set up: 2021-09-02T08:14:51.217Z, in milliseconds since 1970.
pub(super) const SET_UP: i64 = 1_630_570_491_217;
/// The pictures of entities have this number and the entity's id.
const PICTURES: u128 = 0x7d0c_1e52_a4b9_4f0f_8a6d_0b6f_3c55_0000;
/// The Flux that the switch `flux_state` changes.
const SWITCHED_FLUX: i64 = 2112;

impl Series<'_> {
    /// The members that every entity ends with. A few have no picture, as those in the samples (wapi.md 11).
    pub(super) fn base(&self, id: i64, name: impl Into<Field>) -> Vec<(&'static str, Field)> {
        let picture = match id % 17 {
            16 => Field::Null,
            _ => Field::Guid(PICTURES + u128::from(id.unsigned_abs())),
        };
        vec![
            ("ID", id.into()),
            ("Picture", picture),
            ("Name", name.into()),
        ]
    }

    fn unset(&self) -> Field {
        match self.switches.unset_dates {
            UnsetDates::Min => Field::Unset,
            UnsetDates::Null => Field::Null,
        }
    }

    fn date(&self, seconds: Option<i64>) -> Field {
        seconds.map_or_else(|| self.unset(), |seconds| Field::Date(seconds * 1000))
    }

    pub(super) fn ltus(&self) -> Vec<Record> {
        LTUS.iter()
            .map(|ltu| {
                let (wid, pending) = match self.switches.substitution {
                    Substitution::Pending if ltu.id == 417 => (ltu.wid, Some("31877-00999")),
                    Substitution::Done if ltu.id == 417 => ("31877-00999", None),
                    _ => (ltu.wid, None),
                };
                let property = Record::new(
                    "ExtendedPropertyValue",
                    vec![
                        ("Value", "Room B-014".into()),
                        ("ExtendedPropertyID", 3.into()),
                    ],
                );
                let offset: i64 = if self.switches.gmt_offset == GmtOffset::Hours {
                    1
                } else {
                    60
                };
                let mut fields: Vec<(&'static str, Field)> = vec![
                    ("WID", wid.into()),
                    ("WIDSubsitution", pending.into()),
                    ("Status", "Enabled".into()),
                    ("LateDuration", ltu.late_minutes.into()),
                    ("Code", ltu.code.into()),
                    ("Type", ltu.kind.into()),
                    ("Hard", "REDY".into()),
                    ("SoftName", "REDY".into()),
                    ("SoftVersion", "13.2.1".into()),
                    ("SoftDate", Field::Date(1_716_249_600_000)),
                    ("Url", Field::Null),
                    ("InfrastructureID", ltu.infrastructure.into()),
                    (
                        "ExchangeDate",
                        Field::Date(last_call(ltu.id, self.day) * 1000),
                    ),
                    ("CreationDate", Field::Date(SET_UP - 1000)),
                    ("CommunicationMedia", "LAN".into()),
                    ("CommunicationType", "0".into()),
                    ("GMTOffset", offset.into()),
                    (
                        "ExtendedProperties",
                        if ltu.id == 412 {
                            Field::Many(vec![property])
                        } else {
                            Field::Null
                        },
                    ),
                ];
                fields.extend(self.base(ltu.id, self.ltu_name(ltu.id, ltu.name)));
                Record::new(if ltu.kind == "eWon" { "LTUeWon" } else { "LTU" }, fields)
            })
            .collect()
    }

    /// One LTU a day is renamed, in turn; a name stays until the next rename.
    fn ltu_name(&self, id: i64, name: &str) -> String {
        let turn = LTUS.iter().position(|ltu| ltu.id == id).unwrap_or(0) as u64;
        let named = (1..=self.day)
            .rev()
            .find(|day| day % LTUS.len() as u64 == turn);
        match named.filter(|_| self.switches.renames) {
            Some(day) => format!("{name} ({day})"),
            None => name.to_owned(),
        }
    }

    fn served_fluxes(&self) -> impl Iterator<Item = &'static Flux> + use<> {
        let deleted = self.switches.flux_state == FluxState::Deleted;
        FLUXES
            .iter()
            .filter(move |flux| !(deleted && flux.id == SWITCHED_FLUX))
    }

    pub(super) fn served_datas(&self) -> impl Iterator<Item = &'static Data> + use<> {
        let deleted = self.switches.flux_state == FluxState::Deleted;
        DATAS
            .iter()
            .filter(move |data| !(deleted && data.flux == SWITCHED_FLUX))
    }

    pub(super) fn fluxes(&self) -> Vec<Record> {
        self.served_fluxes().map(|flux| self.flux(flux)).collect()
    }

    /// The short form that lists may have.
    pub(super) fn short_flux(&self, flux: &Record) -> Record {
        let names = [
            "Description",
            "InfrastructureID",
            "Period",
            "LastDataDate",
            "FirstDataDate",
            "ID",
            "Picture",
            "Name",
        ];
        let fields = flux
            .fields
            .iter()
            .filter(|(name, _)| names.contains(name))
            .cloned()
            .collect();
        Record::new("FluxShort", fields)
    }

    fn flux(&self, flux: &Flux) -> Record {
        let datas = || DATAS.iter().filter(|data| data.flux == flux.id);
        let points: i64 = datas().map(|data| self.count(data)).sum();
        let call = flux.ltu.map(|ltu| last_call(ltu, self.day));
        let status = match (self.switches.flux_state, flux.id) {
            (FluxState::Obsolete, SWITCHED_FLUX) => "Obsolete",
            (_, 2188) => "EnabledAuto",
            _ => "Enabled",
        };
        let period = match self.switches.period {
            Period::Iso => "PT10M",
            Period::Clock => "00:10:00",
            Period::Seconds => "600",
        };
        let mut fields: Vec<(&'static str, Field)> = vec![
            ("LTUID", flux.ltu.into()),
            ("ParentFluxID", flux.parent.into()),
            (
                "Level",
                if flux.ltu.is_some() {
                    "Raw"
                } else {
                    "Ventilated"
                }
                .into(),
            ),
            ("ClassID", if flux.ltu.is_some() { 14 } else { 0 }.into()),
            ("CreationDate", Field::Date(SET_UP)),
            (
                "UpdateDate",
                call.map_or(Field::Date(SET_UP), |call| Field::Date(call * 1000)),
            ),
            ("ExchangeDate", self.date(call)),
            ("Status", status.into()),
            ("WCI", flux.ltu.map(|_| "CH01").into()),
            ("PointsCount", points.into()),
            ("Size", (points * 12).into()),
            ("Description", flux.description.into()),
            ("InfrastructureID", flux.infrastructure.into()),
            ("Period", flux.ltu.map(|_| period).into()),
            (
                "LastDataDate",
                self.date(datas().filter_map(|data| self.last(data)).max()),
            ),
            (
                "FirstDataDate",
                self.date(datas().filter_map(|data| self.first(data)).min()),
            ),
        ];
        fields.extend(self.base(flux.id, flux.name));
        Record::new("Flux", fields)
    }

    /// Data of one Flux, or of all.
    pub(super) fn datas(&self, flux: Option<i64>) -> Vec<Record> {
        self.served_datas()
            .filter(|data| flux.is_none_or(|flux| data.flux == flux))
            .map(|data| {
                let wum = data.wum.map(|[item, function, material, kind]| {
                    Field::One(Record::new(
                        "WUM",
                        vec![
                            ("WUMUnitItemID", item.into()),
                            ("WUMFunctionID", function.into()),
                            ("WUMMaterialID", material.into()),
                            ("WUMTypeID", kind.into()),
                        ],
                    ))
                });
                let mut fields: Vec<(&'static str, Field)> = vec![
                    ("FirstDataDate", self.date(self.first(data))),
                    ("LastDataDate", self.date(self.last(data))),
                    (
                        "Description",
                        data.wum.is_none().then_some("1 is on, 0 is off").into(),
                    ),
                    ("Label", Field::Null),
                    ("FluxID", data.flux.into()),
                    ("WUM", wum.unwrap_or(Field::Null)),
                ];
                fields.extend(self.base(data.id, data.name));
                Record::new("Data", fields)
            })
            .collect()
    }

    pub(super) fn infrastructures(&self) -> Vec<Record> {
        INFRASTRUCTURES
            .iter()
            .map(|(class, id, parent, surface, code, name)| {
                let mut fields: Vec<(&'static str, Field)> = vec![
                    ("Surface", (*surface).into()),
                    ("BuildingTypeLibraryID", surface.map(|_| 6).into()),
                    ("ParentInfrastructureID", (*parent).into()),
                    ("Description", surface.map(|_| "With its boiler").into()),
                    ("Code", (*code).into()),
                    ("CreationDate", Field::Date(1_627_776_000_000)),
                    ("UpdateDate", Field::Date(1_706_745_600_000)),
                ];
                fields.extend(self.base(*id, *name));
                Record::new(class, fields)
            })
            .collect()
    }

    pub(super) fn organizations(&self) -> Vec<Record> {
        [
            (
                88,
                WOC,
                "Pausenhof Schools Trust",
                "Collectivity",
                "Pausenhof Schools",
            ),
            (91, "WOC240017000057", "Warmwerk OG", "Other", "Warmwerk"),
        ]
        .into_iter()
        .map(|(id, woc, legal, kind, name)| {
            let is_school = woc == WOC;
            let of_school = |text: &'static str| Field::from(is_school.then_some(text));
            let mut fields: Vec<(&'static str, Field)> = vec![
                ("WOC", woc.into()),
                ("Siret", of_school("80312345600017")),
                ("VATIN", of_school("ATU12345675")),
                ("OtherIN", of_school("ZVR 123456789")),
                ("BusinessSector", of_school("Education")),
                ("LegalName", legal.into()),
                ("OrganizationType", kind.into()),
                ("Url", of_school("https://pausenhof.example")),
                ("Description", of_school("Schools of the trust")),
                (
                    "Address",
                    is_school.then(address).map_or(Field::Null, Field::One),
                ),
            ];
            fields.extend(self.base(id, name));
            Record::new("Organization", fields)
        })
        .collect()
    }

    pub(super) fn business_accounts(&self) -> Vec<Record> {
        let mut fields: Vec<(&'static str, Field)> = vec![
            ("WAC", WAC.into()),
            ("AutoValidLTU", true.into()),
            ("AutoValidFlux", false.into()),
            ("AutoValidReflection", false.into()),
            ("OwnerWOC", WOC.into()),
            ("OperatorWOC", "WOC240017000057".into()),
            ("Url", "https://campus.pausenhof.example".into()),
            ("Description", "All school buildings".into()),
            ("Address", Field::One(address())),
        ];
        fields.extend(self.base(3311, "Pausenhof campus"));
        vec![Record::new("BusinessAccount", fields)]
    }

    pub(super) fn reflection_states(&self) -> Vec<Record> {
        let row = |(id, name): &(i64, &str)| {
            Record::new("ReflectionStateReference", self.base(*id, *name))
        };
        REFLECTION_STATES.iter().map(row).collect()
    }

    pub(super) fn event_categories(&self) -> Vec<Record> {
        let row = |(id, name): &(i64, &str)| Record::new("WEventCategory", self.base(*id, *name));
        EVENT_CATEGORIES.iter().map(row).collect()
    }

    pub(super) fn event_types(&self) -> Vec<Record> {
        EVENT_TYPES
            .iter()
            .map(|(id, short, name, category, _)| {
                let mut fields: Vec<(&'static str, Field)> = vec![
                    ("NameShort", (*short).into()),
                    ("WEventCategoryID", (*category).into()),
                ];
                fields.extend(self.base(*id, *name));
                Record::new("WEventType", fields)
            })
            .collect()
    }

    /// One of the seven reference lists, by the path segment after `WUM`.
    pub(super) fn wums(&self, list: &str) -> Vec<Record> {
        WUMS.iter()
            .filter(|wum| wum.0.eq_ignore_ascii_case(list))
            .map(|(_, class, id, name, symbol, parent)| {
                let mut fields: Vec<(&'static str, Field)> = vec![("Symbol", (*symbol).into())];
                fields.extend(parent.map(|(field, id)| (field, Field::from(id))));
                fields.extend(self.base(*id, *name));
                Record::new(class, fields)
            })
            .collect()
    }
}

/// Where the school is (wapi.md 6.9).
fn address() -> Record {
    Record::new(
        "Address",
        vec![
            ("Phone", "+43 316 555010".into()),
            ("Fax", "+43 316 555011".into()),
            ("Address", "Pausenhofgasse 1".into()),
            ("PostalCode", "8010".into()),
            ("City", "Graz".into()),
            ("CountryID", 2.into()),
        ],
    )
}
