//! What an entry must have: its classes, attributes and values (ldif.md 5).

use std::collections::{BTreeMap, BTreeSet};

use super::names::parse_dn;
use super::{Line, Parsed, Report};

struct Class {
    name: &'static str,
    superior: &'static str,
    must: &'static [&'static str],
    /// Separated by spaces, in lower case.
    may: &'static str,
}

/// Attributes of organizationalPerson and organizationalUnit, of which this leaves out none that RFC 4519 names.
const ADDRESS: &str = "x121address registeredaddress destinationindicator preferreddeliverymethod telexnumber \
    teletexterminalidentifier telephonenumber internationalisdnnumber facsimiletelephonenumber street postofficebox \
    postalcode postaladdress physicaldeliveryofficename st l";

/// The table of ldif.md 5.
const CLASSES: &[Class] = &[
    Class {
        name: "top",
        superior: "",
        must: &["objectclass"],
        may: "",
    },
    Class {
        name: "person",
        superior: "top",
        must: &["cn", "sn"],
        may: "description seealso telephonenumber userpassword",
    },
    Class {
        name: "organizationalperson",
        superior: "person",
        must: &[],
        may: "title ou",
    },
    Class {
        name: "inetorgperson",
        superior: "organizationalperson",
        must: &[],
        may: "audio businesscategory carlicense departmentnumber displayname employeenumber employeetype givenname \
            homephone homepostaladdress initials jpegphoto labeleduri mail manager mobile o pager photo roomnumber \
            secretary uid usercertificate x500uniqueidentifier preferredlanguage usersmimecertificate userpkcs12",
    },
    Class {
        name: "groupofnames",
        superior: "top",
        must: &["cn", "member"],
        may: "businesscategory seealso owner ou o description",
    },
    Class {
        name: "organizationalunit",
        superior: "top",
        must: &["ou"],
        may: "businesscategory description searchguide seealso userpassword",
    },
];

pub const SINGLE_VALUED: &[&str] = &["displayname", "employeenumber", "preferredlanguage"];

fn may(class: &Class) -> BTreeSet<&'static str> {
    let mut names: BTreeSet<&str> = class.may.split_whitespace().collect();
    names.extend(class.must);
    if ["organizationalperson", "organizationalunit"].contains(&class.name) {
        names.extend(ADDRESS.split_whitespace());
    }
    names
}

/// The attributes that each name has, by name in lower case without options.
type Values<'a> = BTreeMap<String, Vec<&'a Line>>;

pub fn check_entry(record: &Parsed, names: &[Vec<(String, String)>], report: &mut Report) {
    let mut values: Values = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for line in &record.lines {
        values.entry(line.base()).or_default().push(line);
        check_value(line, report);
        if !seen.insert((line.name.to_lowercase(), line.value.to_lowercase())) {
            let text = format!("{}: this value is listed twice", line.name);
            report.add(line.number, 1, text, "5 rule 6");
        }
    }
    check_classes(record, &values, report);
    for name in SINGLE_VALUED {
        if let Some([_, second, ..]) = values.get(*name).map(Vec::as_slice) {
            let text = format!("{} has one value", second.name);
            report.add(second.number, 1, text, "5 rule 4");
        }
    }
    for (name, value) in names.first().into_iter().flatten() {
        let of_name = values.get(&name.to_ascii_lowercase());
        let mut of_name = of_name.into_iter().flatten();
        if !of_name.any(|line| line.value.to_lowercase() == value.to_lowercase()) {
            let text = format!("the value of {name} in the dn is not in the entry");
            report.add(record.line, 5, text, "4 rule 3");
        }
    }
}

fn check_classes(record: &Parsed, values: &Values, report: &mut Report) {
    let Some(lines) = values.get("objectclass") else {
        report.add(record.line, 1, "no objectClass", "5 rule 1");
        return;
    };
    let listed: BTreeSet<String> = (lines.iter())
        .map(|line| line.value.to_ascii_lowercase())
        .collect();
    let known = (CLASSES.iter()).filter(|class| listed.contains(class.name));
    let known: Vec<&Class> = known.collect();
    for class in &known {
        if !class.superior.is_empty() && !listed.contains(class.superior) {
            let text = format!("objectClass {} without {}", class.name, class.superior);
            report.add(record.line, 1, text, "5 rule 1");
        }
        for name in class
            .must
            .iter()
            .filter(|name| !values.contains_key(**name))
        {
            let text = format!("objectClass {} without {name}", class.name);
            report.add(record.line, 1, text, "5 rule 2");
        }
    }
    let allowed: BTreeSet<&str> = known.iter().flat_map(|class| may(class)).collect();
    if known.len() != listed.len() {
        return;
    }
    for (name, lines) in values {
        if !allowed.contains(name.as_str())
            && !["dn", "changetype", "control", "-"].contains(&name.as_str())
        {
            let text = format!("no class allows {name}");
            report.add(lines[0].number, 1, text, "5 rule 3");
        }
    }
}

pub fn check_value(line: &Line, report: &mut Report) {
    match line.base().as_str() {
        "mail"
            if !line.value.is_ascii()
                || line.value.contains(char::is_whitespace)
                || !line.value.contains('@') =>
        {
            report.add(line.number, 7, "mail: not an address in ASCII", "5 rule 5");
        }
        "member" | "owner" | "manager" | "secretary" | "seealso" => {
            if let Err(text) = parse_dn(&line.value) {
                let text = format!("{}: {text}", line.name);
                report.add(line.number, 1, text, "5 rule 5");
            }
        }
        "-" => report.add(line.number, 1, "`-` outside a modify", "3 rule 3"),
        _ => {}
    }
}
