//! How the file is written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn a_report_is_replaced_and_keeps_its_mode() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.html");
    replace(&path, b"one").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).expect("changed");
    replace(&path, b"two").expect("written");
    assert_eq!(fs::read(&path).expect("read"), b"two");
    let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o604);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    let missing = folder.path().join("missing/report.html");
    let error = replace(&missing, b"one").expect_err("no folder");
    let text = Exit::not_written(&missing, &error).into_text();
    assert!(text.ends_with("; create the folder first"), "{text}");
}
