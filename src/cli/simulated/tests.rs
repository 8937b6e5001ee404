//! A written configuration is complete, private, and in a folder that was empty.

use std::os::unix::fs::MetadataExt as _;

use super::*;
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Folders, Overlay, check};

#[tokio::test]
async fn what_is_written_needs_no_further_step() {
    let sandbox = Sandbox::start(rollbook_sandbox::Options::default());
    let sandbox = sandbox.await.expect("simulated vendors");
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("trial");
    make_empty(&config).expect("created");
    write(&config, &sandbox).expect("written");
    let folders = Folders {
        jobs: config.join("jobs"),
        state: folder.path().to_owned(),
        config: config.clone(),
        source: None,
    };
    let (setup, problems) = check(
        &folders,
        &Overlay::default(),
        &Secrets::new(&config, None),
        |_| None,
    );
    assert!(!problems.has_errors(), "{problems}");
    let setup = setup.expect("a configuration");
    assert_eq!(setup.jobs.len(), EXAMPLE_JOBS.len());
    assert_eq!(folders.mirror(&setup), config.join("mirror.db"));
    for endpoint in sandbox
        .endpoints()
        .iter()
        .filter(|one| !one.vendor.starts_with("oneroster"))
    {
        let source = setup
            .sources
            .values()
            .find(|one| one.config.connector.as_str() == endpoint.vendor);
        let texts = &source.expect("a source").settings.texts;
        let is_written = endpoint
            .settings
            .iter()
            .all(|(name, value)| texts.get(name) == Some(value));
        assert!(is_written, "{}: {texts:?}", endpoint.vendor);
    }
    let credentials = fs::read_dir(config.join("credentials")).expect("the folder");
    for file in credentials.map(|file| file.expect("a file")) {
        assert_eq!(
            file.metadata().expect("metadata").mode() & 0o7777,
            0o600,
            "{file:?}"
        );
    }
    sandbox.stop().await;
}

#[test]
fn a_folder_with_content_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    make_empty(&folder.path().join("new/below")).expect("created");
    make_empty(&folder.path().join("new/below")).expect("still empty");
    let refused = make_empty(folder.path()).expect_err("content").into_text();
    assert!(
        refused.contains("is not empty, so nothing was written"),
        "{refused}"
    );
}
