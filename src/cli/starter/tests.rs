//! Tests of `starter.rs` and `starter/derived.rs`: what they write is a configuration that nothing is wrong with.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Loads a configuration of these sources, as `rollbook check` does.
fn loaded(sources: &[StarterSource]) -> Setup {
    let folder = tempfile::tempdir().expect("a folder");
    let jobs = folder.path().join("jobs");
    fs::create_dir(&jobs).expect("made");
    let mut text = head().to_owned();
    for source in sources {
        text.push_str(&source.text);
        text.push('\n');
        for job in &source.jobs {
            fs::write(jobs.join(format!("{}.toml", job.stem)), &job.text).expect("written");
        }
    }
    fs::write(folder.path().join("rollbook.toml"), &text).expect("written");
    let folders = Folders {
        config: folder.path().to_owned(),
        jobs,
        state: folder.path().to_owned(),
        source: None,
    };
    match Setup::load(&folders, &Overlay::default()) {
        Ok(setup) => setup,
        Err(problems) => panic!("{problems}\n{text}"),
    }
}

fn known() -> Vec<String> {
    let connectors = Connectors::built_in().expect("right");
    connectors.names().map(str::to_owned).collect()
}

fn of(connector: &str, name: &str, grant: Option<GrantKind>) -> StarterSource {
    let connectors = Connectors::built_in().expect("right");
    source(connector, name, &connectors, grant).expect("known")
}

#[test]
fn every_connector_alone_and_all_together_are_right() {
    let known = known();
    let all: Vec<&str> = known.iter().map(String::as_str).collect();
    let alone = all.iter().map(std::slice::from_ref);
    for names in alone.chain([&all[..]]) {
        let sources: Vec<StarterSource> = names.iter().map(|name| of(name, name, None)).collect();
        let setup = loaded(&sources);
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
        assert!(
            sources
                .iter()
                .all(|source| !credentials(&source.text).is_empty())
        );
    }
}

#[test]
fn every_connector_can_be_derived_from_its_file_alone() {
    let connectors = Connectors::built_in().expect("right");
    for name in known() {
        let connector = connectors.get(&name).expect("known");
        loaded(&[derived::part(&name, &name, connector, None)]);
    }
}

#[test]
fn every_connector_can_have_two_sources_and_each_of_its_grants() {
    let connectors = Connectors::built_in().expect("right");
    for name in known() {
        let connector = connectors.get(&name).expect("known");
        let second = format!("{name}_2");
        for grant in offered_grants(&connector.auth) {
            let sources = [of(&name, &name, None), of(&name, &second, Some(grant))];
            assert_eq!(grant_of(&sources[1]), Some(grant), "{name}");
            let setup = loaded(&sources);
            let jobs = sources
                .iter()
                .map(|source| source.jobs.len())
                .sum::<usize>();
            assert_eq!(setup.jobs.len(), jobs, "{name}: two jobs of one name");
            for config in setup.config.sources.values() {
                assert_eq!(config.connector.as_str(), name);
            }
            let other = &sources[1].text;
            for credential in credentials(other) {
                assert!(
                    credential.starts_with(&format!("{second}_")),
                    "{credential}"
                );
            }
            let old = format!("login {name}`");
            assert!(!other.contains(&old), "{other}");
        }
    }
}

/// Sensitive streams, and those contained in another, are comments until an admin enables them.
#[test]
fn what_is_opt_in_is_a_comment() {
    for name in ["oneroster", "oneroster_1_2"] {
        let source = of(name, name, None);
        let job = &source.jobs[0].text;
        for (stream, sign) in [
            ("academic_sessions", ""),
            ("courses", ""),
            ("results", "#"),
            ("terms", "#"),
            ("grading_periods", "#"),
            ("demographics", "#"),
        ] {
            let line = format!("\n  {sign}\"{stream}\",");
            assert!(job.contains(&line), "{name} {stream}: {job}");
        }
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
