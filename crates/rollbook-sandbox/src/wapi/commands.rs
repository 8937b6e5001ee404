//! What people at the platform prepared: files for LTUs, groups of commands with what became of each, templates,
//! definitions of extended properties; and the platform's own countries and cultures (wapi.md 6.11).

use super::points::Series;
use super::record::{Field, Record};
use super::world::SET_UP;
use crate::calendar::{DAY, morning};

/// Days before day zero of which there are command groups, one a day.
const GROUP_DAYS: i64 = 10;
/// Id of the first command group.
const FIRST_GROUP: i64 = 5000;
/// The Reflections that each group commands.
const COMMANDED: [i64; 2] = [640, 641];

type Fields = Vec<(&'static str, Field)>;

impl Series<'_> {
    /// The files for LTUs: one is sent every day.
    pub(super) fn files(&self) -> Vec<Record> {
        let day = self.day as i64;
        [
            (801, "REDY_13.2.1.K2APP", "K2App", None),
            (802, "boiler.WK2", "WK2", Some(412)),
            (803, "Config.ini", "Config", Some(415)),
        ]
        .into_iter()
        .map(|(id, name, kind, ltu)| {
            let sent = if id == 801 { 3 + day } else { 1 };
            let at = Field::Date((morning(0) + (sent - 3) * DAY) * 1000);
            let mut fields: Fields = vec![
                (
                    "Description",
                    format!("{kind} of the invented school").into(),
                ),
                ("IsGlobal", ltu.is_none().into()),
                ("LTUID", ltu.into()),
                ("Kind", kind.into()),
                ("CreationDate", Field::Date(SET_UP)),
                ("LastUseDate", at.clone()),
                ("CountUse", sent.into()),
                ("Size", (id * 1024).into()),
                ("LastSentDate", at),
                ("SentCount", sent.into()),
            ];
            fields.extend(self.base(id, name));
            Record::new("FileLTU", fields)
        })
        .collect()
    }

    /// One group of commands a day; the newest is not executed yet.
    pub(super) fn command_groups(&self) -> Vec<Record> {
        let newest = GROUP_DAYS + self.day as i64;
        (0..=newest)
            .map(|number| {
                let at = morning(0) + (number - GROUP_DAYS) * DAY;
                let over = number < newest;
                let progress: i64 = if over { 100 } else { 0 };
                let summary = |class, name: &'static str, value: &str| {
                    let count = COMMANDED.len() as i64;
                    let fields: Fields = vec![(name, value.into()), ("Count", count.into())];
                    Field::Many(vec![Record::new(class, fields)])
                };
                let mut fields: Fields = vec![
                    ("Description", "Night set-back".into()),
                    ("Phase", if over { "Closed" } else { "New" }.into()),
                    ("Execution", if over { "Done" } else { "Awaiting" }.into()),
                    ("CreationDate", Field::Date(at * 1000)),
                    (
                        "UpdateDate",
                        Field::Date((at + i64::from(over) * 7200) * 1000),
                    ),
                    ("PlanningDate", Field::Date((at + 3600) * 1000)),
                    ("PhaseProgression", progress.into()),
                    ("Archived", (number + 5 < newest).into()),
                    ("ExecutionProgression", progress.into()),
                    (
                        "ExecutionSummary",
                        summary(
                            "ReflectionCommandGroupExecutionSummary",
                            "ExecutionStatus",
                            if over { "Done" } else { "Awaiting" },
                        ),
                    ),
                    (
                        "PhaseSummary",
                        summary(
                            "ReflectionCommandGroupPhaseSummary",
                            "Phase",
                            if over { "Closed" } else { "New" },
                        ),
                    ),
                ];
                fields.extend(self.base(FIRST_GROUP + number, "Set-back"));
                Record::new("ReflectionCommandGroupShort", fields)
            })
            .collect()
    }

    /// What became of each command of a group.
    pub(super) fn commands(&self, id: i64) -> Vec<Record> {
        let number = id - FIRST_GROUP;
        let at = morning(0) + (number - GROUP_DAYS) * DAY;
        let over = number < GROUP_DAYS + self.day as i64;
        let command = |(place, reflection): (i64, i64)| {
            let sent = match over {
                true => Field::Date((at + 5400) * 1000),
                false => Field::Null,
            };
            let mut fields: Fields = vec![
                ("ReflectionID", reflection.into()),
                (
                    "ReflectionDataID",
                    (70_000 + reflection * 1_000_000 + number).into(),
                ),
                ("Phase", if over { "Closed" } else { "New" }.into()),
                (
                    "ExecutionStatus",
                    if over { "Done" } else { "Awaiting" }.into(),
                ),
                ("Value", Field::Real(16.5)),
                ("CreationDate", Field::Date(at * 1000)),
                ("SendDate", sent),
                ("ExecutionDate", Field::Date((at + 3600) * 1000)),
            ];
            fields.extend(self.base(id * 10 + place, "Set-back command"));
            Record::new("ReflectionCommandGroupItem", fields)
        };
        (0..).zip(COMMANDED).map(command).collect()
    }

    /// Templates of commands: one is removed after day zero.
    pub(super) fn templates(&self) -> Vec<Record> {
        [(2, "Night"), (3, "Holidays")]
            .into_iter()
            .filter(|(id, _)| *id != 3 || self.day == 0)
            .map(|(id, name)| {
                let changed = morning(self.day) * 1000;
                let mut fields: Fields = vec![
                    ("Description", format!("{name} set-points").into()),
                    ("CreationDate", Field::Date(SET_UP)),
                    ("UpdateDate", Field::Date(changed)),
                ];
                fields.extend(self.base(id, name));
                Record::new("ReflectionTemplate", fields)
            })
            .collect()
    }

    /// What the extended properties of LTUs mean.
    pub(super) fn extended_properties(&self) -> Vec<Record> {
        [(3, "Room", "Text"), (4, "Pump runs", "Digital")]
            .into_iter()
            .map(|(id, name, kind)| {
                let ids: Fields = vec![
                    ("WUMUnitItemID", 70.into()),
                    ("WUMFunctionID", 8.into()),
                    ("WUMMaterialID", 1.into()),
                    ("WUMTypeID", 1.into()),
                ];
                let mut fields: Fields = vec![
                    ("WUM", Field::One(Record::new("WUM", ids))),
                    ("ValueType", kind.into()),
                ];
                fields.extend(self.base(id, name));
                Record::new("ExtendedProperty", fields)
            })
            .collect()
    }

    pub(super) fn countries(&self) -> Vec<Record> {
        self.places("Country", &[(1, "FR", "France"), (2, "AT", "Autriche")])
    }

    pub(super) fn cultures(&self) -> Vec<Record> {
        self.places(
            "Culture",
            &[(1, "fr-FR", "Français"), (2, "de-AT", "Deutsch")],
        )
    }

    fn places(&self, class: &'static str, rows: &[(i64, &str, &'static str)]) -> Vec<Record> {
        rows.iter()
            .map(|(id, code, name)| {
                let mut fields: Fields = vec![("Code", (*code).into())];
                fields.extend(self.base(*id, *name));
                Record::new(class, fields)
            })
            .collect()
    }
}
