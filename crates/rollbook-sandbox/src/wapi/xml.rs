//! Records as XML by data contract (wapi.md 3.4): Pascal names, base class first, the rest of
//! each class in alphabetical order, nulls as `i:nil`.

use std::fmt::Write as _;

use super::payloads::Payload;
use super::record::{Field, Record};
use crate::calendar::instant;

const NAMESPACES: &str = " xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns=\"https://api.wit-datacenter.com/\"";
/// Fields of the base class, in its own order.
const BASE: &[&str] = &["ID", "Name", "Picture"];
/// Fields of the middle class of a Flux, which its short form has too.
const SHORT_FLUX: &[&str] = &[
    "Description",
    "FirstDataDate",
    "InfrastructureID",
    "LastDataDate",
    "Period",
];

pub(super) fn write(rows: &Payload, out: &mut String) {
    match rows {
        Payload::One(record) => element(record, NAMESPACES, out),
        Payload::List(records) => {
            let class = contract(records.first().map_or("Entity", |record| record.class));
            _ = write!(out, "<ArrayOf{class}{NAMESPACES}>");
            records.iter().for_each(|record| element(record, "", out));
            _ = write!(out, "</ArrayOf{class}>");
        }
    }
}

fn contract(class: &str) -> &str {
    if class == "PointGroup" {
        "DataGroup"
    } else {
        class
    }
}

fn element(record: &Record, namespaces: &str, out: &mut String) {
    let class = contract(record.class);
    _ = write!(out, "<{class}{namespaces}>");
    members(record, out);
    _ = write!(out, "</{class}>");
}

fn members(record: &Record, out: &mut String) {
    let mut fields: Vec<&(&str, Field)> = record.fields.iter().collect();
    let level = |name: &str| {
        if let Some(index) = BASE.iter().position(|base| *base == name) {
            return (0, index);
        }
        (
            if record.class == "Flux" && SHORT_FLUX.contains(&name) {
                1
            } else {
                2
            },
            0,
        )
    };
    fields.sort_by_key(|(name, _)| (level(name), *name));
    for (name, value) in fields {
        match value {
            Field::Null => _ = write!(out, "<{name} i:nil=\"true\"/>"),
            Field::One(inner) => {
                _ = write!(out, "<{name}>");
                members(inner, out);
                _ = write!(out, "</{name}>");
            }
            Field::Many(inner) => {
                _ = write!(out, "<{name}>");
                inner.iter().for_each(|record| element(record, "", out));
                _ = write!(out, "</{name}>");
            }
            value => _ = write!(out, "<{name}>{}</{name}>", escaped(&text(value))),
        }
    }
}

fn text(value: &Field) -> String {
    match value {
        Field::Bool(truth) => truth.to_string(),
        Field::Int(number) => number.to_string(),
        Field::Real(number) => number.to_string(),
        Field::NotANumber => "NaN".to_owned(),
        Field::Text(text) => text.clone(),
        Field::Date(millis) => instant(*millis).strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        Field::Unset => "0001-01-01T00:00:00".to_owned(),
        Field::Guid(guid) => {
            let digits = format!("{guid:032x}");
            format!(
                "{}-{}-{}-{}-{}",
                &digits[..8],
                &digits[8..12],
                &digits[12..16],
                &digits[16..20],
                &digits[20..]
            )
        }
        Field::Null | Field::One(_) | Field::Many(_) => String::new(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
