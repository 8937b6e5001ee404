//! The unit file, as `systemd-analyze` sees it; passed over where that is not installed, and said so.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Ten times the exposure that the unit may have: 1.2 (reliability.md 9 S1).
const EXPOSURE: &str = "12";

/// The unit as it is shipped.
fn shipped() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("systemd/rollbook.service")
}

/// Asks systemd-analyze; nothing where there is none.
fn analyze(arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new("systemd-analyze");
    match command.args(arguments).env("LC_ALL", "C").output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("passed over: systemd-analyze cannot be run here: {error}");
            None
        }
    }
}

/// Everything that a command said.
fn said(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    texts.concat()
}

#[test]
fn the_unit_is_exposed_as_little_as_can_be() {
    let unit = shipped().display().to_string();
    let threshold = format!("--threshold={EXPOSURE}");
    let arguments = ["security", "--offline=true", "--no-pager"];
    let Some(output) = analyze(&[&arguments[..], &[&threshold, &unit]].concat()) else {
        return;
    };
    assert!(output.status.success(), "{}", said(&output));
    let words = "Overall exposure level for rollbook.service";
    assert!(said(&output).contains(words), "{}", said(&output));
    let strict = analyze(&[&arguments[..], &["--threshold=1", &unit]].concat());
    let is_refused = strict.is_some_and(|output| !output.status.success());
    assert!(is_refused, "a threshold that nothing can pass was passed");
}

/// What systemd finds wrong with the shipped unit, with one line of it replaced.
///
/// Its program is replaced by the one that was built, because systemd looks whether it is there.
fn complaints(line: &str, other: &str) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(shipped()).expect("the unit");
    assert!(text.contains(line), "{line} is not in the unit");
    let text = text
        .replace(line, other)
        .replace("/usr/bin/rollbook", env!("CARGO_BIN_EXE_rollbook"));
    let unit = folder.path().join("rollbook.service");
    fs::write(&unit, text).expect("written");
    let unit = unit.display().to_string();
    let output = analyze(&["verify", "--man=no", &unit])?;
    Some(format!(
        "{}{}",
        said(&output),
        output.status.code().unwrap_or(-1)
    ))
}

#[test]
fn systemd_has_nothing_to_say_about_the_unit() {
    let Some(found) = complaints("WatchdogSec=60s", "WatchdogSec=60s") else {
        return;
    };
    // Any text is a failure, because systemd ends with 0 after a line that it ignored.
    assert_eq!(found, "0");
    let wrong = complaints("WatchdogSec=60s", "WatchdogSeck=60s").unwrap_or_default();
    assert!(
        wrong.contains("WatchdogSeck"),
        "a wrong line was not seen: {wrong:?}"
    );
}

#[test]
fn the_unit_keeps_what_the_program_relies_on() {
    let text = fs::read_to_string(shipped()).expect("the unit");
    for line in [
        "Type=notify",
        "NotifyAccess=main",
        "ExecStart=/usr/bin/rollbook run",
        "Restart=on-failure",
        "RestartPreventExitStatus=78",
        "StartLimitIntervalSec=0",
        "UMask=0077",
        "StateDirectoryMode=0700",
        "RuntimeDirectoryMode=0750",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing");
    }
}
