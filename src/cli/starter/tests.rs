//! Tests of `starter.rs` and `starter/derived.rs`: what they write is a configuration that nothing is wrong with.

use std::collections::BTreeSet;
use std::fs;

use super::*;
use crate::setup::{Folders, Overlay, Setup};

/// Loads what was written for these vendors, as `rollbook check` does.
fn loaded(names: &[&str]) -> (Setup, Starter) {
    let folder = tempfile::tempdir().expect("a folder");
    let connectors = Connectors::built_in().expect("right");
    let starter = of(names, &connectors, folder.path());
    for draft in &starter.drafts {
        let path = folder.path().join(&draft.name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, &draft.text).expect("written");
    }
    let folders = Folders {
        config: folder.path().to_owned(),
        jobs: folder.path().join("jobs"),
        state: folder.path().to_owned(),
    };
    match Setup::load(&folders, &Overlay::default()) {
        Ok(setup) => (setup, starter),
        Err(problems) => panic!("{names:?}: {problems:#?}"),
    }
}

fn known() -> Vec<String> {
    let connectors = Connectors::built_in().expect("right");
    connectors.names().map(str::to_owned).collect()
}

#[test]
fn every_vendor_alone_and_all_together_are_right() {
    let known = known();
    let all: Vec<&str> = known.iter().map(String::as_str).collect();
    let alone = all.iter().map(std::slice::from_ref);
    for names in alone.chain([&all[..]]) {
        let (setup, starter) = loaded(names);
        let found: BTreeSet<&str> = setup
            .config
            .sources
            .values()
            .map(|source| source.connector.as_str())
            .collect();
        assert_eq!(found, names.iter().copied().collect());
        let read: BTreeSet<String> = setup
            .config
            .jobs
            .values()
            .map(|job| job.source.to_string())
            .collect();
        assert_eq!(read.len(), names.len(), "a source without a job: {read:?}");
        assert!(!starter.secrets.is_empty());
    }
}

#[test]
fn every_vendor_can_be_derived_from_its_description_alone() {
    let connectors = Connectors::built_in().expect("right");
    for name in known() {
        let connector = connectors.get(&name).expect("known");
        let part = derived::part(&name, connector);
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("jobs")).expect("made");
        fs::write(folder.path().join("rollbook.toml"), &part.text).expect("written");
        for job in &part.jobs {
            fs::write(folder.path().join(&job.name), &job.text).expect("written");
        }
        let folders = Folders {
            config: folder.path().to_owned(),
            jobs: folder.path().join("jobs"),
            state: folder.path().to_owned(),
        };
        if let Err(problems) = Setup::load(&folders, &Overlay::default()) {
            panic!("{name}: {problems:#?}\n{}", part.text);
        }
    }
}

#[test]
fn every_secret_is_told_of_where_it_is_made_and_where_it_is_handed_over() {
    let (_, starter) = loaded(&["wisenet"]);
    assert_eq!(
        starter.secrets,
        ["wisenet_client_secret", "wisenet_refresh_token"]
    );
    let text = |name: &str| {
        let draft = starter.drafts.iter().find(|draft| draft.name == name);
        &draft.expect("a draft").text
    };
    for name in &starter.secrets {
        let made = format!("systemd-creds encrypt --name={name} - ");
        assert!(text("rollbook.toml").contains(&made), "{name}");
        let handed = format!("\nLoadCredentialEncrypted={name}:");
        assert!(text("credentials.conf").contains(&handed), "{name}");
    }
}

/// The list in the program is the folder, and each part of the shipped file is about one source.
#[test]
fn every_shipped_job_and_source_is_in_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<String> = fs::read_dir(root.join("jobs"))
        .expect("the jobs")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    files.sort();
    let listed: Vec<String> = EXAMPLE_JOBS
        .iter()
        .map(|(name, _)| format!("{name}.toml"))
        .collect();
    assert_eq!(files, listed);
    let whole: toml::Table = EXAMPLE.parse().expect("TOML");
    for (name, source) in whole["sources"].as_table().expect("sources") {
        let connector = source["connector"].as_str().expect("a name");
        let part = example(connector).unwrap_or_else(|| panic!("{name} has no part of its own"));
        let part: toml::Table = part.text.parse().expect("TOML");
        let own = part["sources"].as_table().expect("sources");
        assert_eq!(own.len(), 1);
        assert_eq!(own.get(name), Some(source), "{name} has lines elsewhere");
    }
    let head: toml::Table = head().parse().expect("TOML");
    assert!(!head.contains_key("sources"));
}
