//! What of `[combos]` and of references is understood, and every mistake in them.

use std::sync::Arc;

use super::*;
use crate::connector::api::streams;
use crate::document::{Document, FileText};
use crate::model::By;

const SHELF: &str = r#"
connector = "shelf"
title = "Shelf"
base_url = "https://shelf.example"

[settings]
region = { default = "AU", choices = ["AU", "NZ", "SG"] }

[combos]
stream = "lists"
list = "list"
id = "id"
code = "code"
label = "label"

[combos.by_setting.genders]
setting = "region"
lists = { AU = "genders", NZ = "nz-genders" }

[streams.lists]
path = "/lists/{list}"
rows = "[]"
key = ["list", "id"]
[streams.lists.for_each]
list = [{ list = "genders" }, { list = "nz-genders" }, { list = "countries" }]
[streams.lists.columns]
list = "= {list} : text"
id = "Id : integer"
code = "Code : text"
label = "Label : text"

[streams.people]
path = "/people"
rows = "[]"
key = ["person"]
[streams.people.columns]
person = "Id : integer"
gender_id = { from = "Gender : integer", combo = "{genders}" }
country = { from = "Country : text", combo = { list = "countries", by = "code" } }
name = "Name : text"
"#;

fn shelf(text: &str) -> Connector {
    Document::read(&FileText::new("shelf.toml", text), &[])
        .expect("a connector")
        .value
}

#[test]
fn a_setting_picks_the_list_of_each_source() {
    let connector = shelf(SHELF);
    let specs = streams(&connector).expect("no problem");
    let columns = specs["lists"].combos.expect("the lists");
    assert_eq!((columns.list, columns.label, columns.active), (0, 3, None));
    assert_eq!(specs["lists"].needed(), [0, 1, 0, 0, 1, 2, 3]);
    assert_eq!(specs["people"].combos, None);
    let combos = connector.combos.as_ref().expect("combos");
    for (region, expected) in [
        ("AU", Some("genders")),
        ("NZ", Some("nz-genders")),
        ("SG", None),
    ] {
        let settings = Variables::from([("region".to_owned(), region.to_owned())]);
        let mut texts = settings.clone();
        texts.extend(combos.picked(&settings));
        let people = specs["people"].of_source(&Arc::new(texts), &BTreeMap::new());
        let reference = |column: usize| people.reference(&people.columns[column]);
        let list = reference(1).map(|reference| (reference.list, reference.by));
        assert_eq!(
            list,
            expected.map(|list| (list.to_owned(), By::Id)),
            "{region}"
        );
        let country = reference(2).expect("a fixed list");
        assert_eq!((country.list.as_str(), country.by), ("countries", By::Code));
        assert_eq!(reference(3), None);
    }
}

/// A list fills no template, and counts all the same.
#[test]
fn what_a_stream_needs_may_be_a_text_or_a_list() {
    let connector = shelf(SHELF);
    let mut people = streams(&connector).expect("no problem")["people"].clone();
    people.needs = vec!["region".to_owned(), "schools".to_owned()];
    let unset =
        |setting: &str| format!("not requested, because the source's setting `{setting}` is empty");
    for (region, schools, expected) in [
        ("AU", &["1"] as &[&str], None),
        ("", &["1"], Some(unset("region"))),
        ("AU", &[], Some(unset("schools"))),
    ] {
        let settings = Variables::from([("region".to_owned(), region.to_owned())]);
        let schools = schools.iter().map(|one| (*one).to_owned()).collect();
        let lists = BTreeMap::from([("schools".to_owned(), schools)]);
        let people = people.of_source(&Arc::new(settings), &lists);
        assert_eq!(people.unset(), expected);
    }
}

#[test]
fn every_mistake_is_reported_with_its_path() {
    let rows = [
        (
            "stream = \"lists\"",
            "stream = \"list\"",
            "combos.stream: there is no stream `list` (did you mean `lists`?)",
        ),
        (
            "label = \"label\"\n",
            "label = \"lable\"\n",
            "combos.label: lists has no column `lable` (did you mean `label`?)",
        ),
        (
            "label = \"label\"\n",
            "label = \"label\"\nactive = \"activ\"\n",
            "combos.active: lists has no column `activ` (known: `list`, `id`, `code`, `label`)",
        ),
        (
            "setting = \"region\"",
            "setting = \"regoin\"",
            "combos.by_setting.genders.setting: there is no setting `regoin` (did you mean `region`?)",
        ),
        (
            "NZ = \"nz-genders\" }",
            "NSW = \"nz-genders\" }",
            "combos.by_setting.genders.lists.NSW: invalid value `NSW` for `region` (known: `AU`, `NZ`, `SG`)",
        ),
        (
            "by_setting.genders]",
            "by_setting.region]",
            "combos.by_setting.region: `region` is a setting already (give the list another name)",
        ),
        (
            "NZ = \"nz-genders\" }",
            "NZ = \"nz-gender\" }",
            "streams.people.columns.gender_id: there is no list `nz-gender` (did you mean `nz-genders`?)",
        ),
        (
            "list = \"countries\", by",
            "list = \"country\", by",
            "streams.people.columns.country: there is no list `country` (did you mean `countries`?)",
        ),
        (
            "Country : text\"",
            "Country : json\"",
            "streams.people.columns.country: a combo list explains one value, and this column is JSON (leave `combo` out, and name the list in `help`)",
        ),
        (
            "name = \"Name",
            "country_code = \"Name",
            "streams.people.columns.country: `country_code` would occur twice in the labelled view (rename one of both columns)",
        ),
    ];
    for (right, wrong, expected) in rows {
        assert!(SHELF.contains(right), "{right}");
        let connector = shelf(&SHELF.replacen(right, wrong, 1));
        let problems = streams(&connector).expect_err(wrong);
        let reported: Vec<String> = problems
            .iter()
            .map(|problem| {
                let help = problem.help.as_deref().unwrap_or_default();
                format!("{}: {} ({help})", problem.at.join("."), problem.message)
            })
            .collect();
        assert!(
            reported.iter().any(|problem| problem == expected),
            "{expected}\n{reported:#?}"
        );
    }
}
