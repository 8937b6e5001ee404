//! The unit file, checked by `systemd-analyze`; skipped with a message where that is not installed.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Ten times the maximum exposure of the unit: 1.2 (reliability.md 9 S1).
const EXPOSURE: &str = "12";

/// The same of the page and of the report: 0.3.
const EXPOSURE_OF_THE_PAGE: &str = "3";

fn shipped() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("systemd/rollbook.service")
}

/// Calls systemd-analyze; nothing where it is missing.
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

/// The whole output of a command.
fn reported(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    texts.concat()
}

#[test]
fn the_exposure_of_the_unit_is_low() {
    let unit = shipped().display().to_string();
    let threshold = format!("--threshold={EXPOSURE}");
    let arguments = ["security", "--offline=true", "--no-pager"];
    let Some(output) = analyze(&[&arguments[..], &[&threshold, &unit]].concat()) else {
        return;
    };
    assert!(output.status.success(), "{}", reported(&output));
    let words = "Overall exposure level for rollbook.service";
    assert!(reported(&output).contains(words), "{}", reported(&output));
    let strict = analyze(&[&arguments[..], &["--threshold=1", &unit]].concat());
    let is_refused = strict.is_some_and(|output| !output.status.success());
    assert!(is_refused, "a threshold that nothing can pass was passed");
}

/// systemd's complaints about the shipped unit, with one line of it replaced.
///
/// The program is replaced by the built one, because systemd checks that it exists.
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
        reported(&output),
        output.status.code().unwrap_or(-1)
    ))
}

#[test]
fn systemd_accepts_the_unit() {
    let Some(found) = complaints("WatchdogSec=60s", "WatchdogSec=60s") else {
        return;
    };
    // Any text is a failure, because systemd exits with 0 after a line that it ignored.
    assert_eq!(found, "0");
    let wrong = complaints("WatchdogSec=60s", "WatchdogSeck=60s").unwrap_or_default();
    assert!(
        wrong.contains("WatchdogSeck"),
        "a wrong line was not seen: {wrong:?}"
    );
}

#[test]
fn the_unit_has_the_lines_the_program_relies_on() {
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

#[test]
fn the_page_is_confined_even_more() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let unit = folder.join("rollbook-web.service").display().to_string();
    let threshold = format!("--threshold={EXPOSURE_OF_THE_PAGE}");
    let arguments = [
        "security",
        "--offline=true",
        "--no-pager",
        &threshold,
        &unit,
    ];
    if let Some(output) = analyze(&arguments) {
        assert!(output.status.success(), "{}", reported(&output));
    }
    let text = fs::read_to_string(unit).expect("the unit");
    for line in [
        "Type=notify",
        "ExecStart=/usr/bin/rollbook --config /etc/rollbook web",
        "DynamicUser=yes",
        "SupplementaryGroups=rollbook",
        "PrivateNetwork=yes",
        "TemporaryFileSystem=/etc/rollbook:ro /var/lib:ro",
        "MemoryMax=48M",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing");
    }
    let socket = fs::read_to_string(folder.join("rollbook-web.socket")).expect("the socket");
    assert!(
        socket.contains("\nListenStream=127.0.0.1:8181\n"),
        "{socket}"
    );
    // Both are replaced by files that systemd can check here.
    let copy = tempfile::tempdir().expect("a folder");
    let text = text.replace("/usr/bin/rollbook", env!("CARGO_BIN_EXE_rollbook"));
    let unit = copy.path().join("rollbook-web.service");
    fs::write(&unit, text).expect("written");
    let socket_file = copy.path().join("rollbook-web.socket");
    fs::write(&socket_file, socket).expect("written");
    let files = [unit, socket_file].map(|file| file.display().to_string());
    if let Some(output) = analyze(&["verify", "--man=no", &files[0], &files[1]]) {
        assert_eq!(reported(&output), "");
    }
}

#[test]
fn the_report_is_confined_and_written_daily() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let shipped = folder.join("rollbook-report.service").display().to_string();
    let threshold = format!("--threshold={EXPOSURE_OF_THE_PAGE}");
    let arguments = [
        "security",
        "--offline=true",
        "--no-pager",
        &threshold,
        &shipped,
    ];
    if let Some(output) = analyze(&arguments) {
        assert!(output.status.success(), "{}", reported(&output));
    }
    let copy = tempfile::tempdir().expect("a folder");
    let files = ["rollbook-report.service", "rollbook-report.timer"].map(|name| {
        let text = fs::read_to_string(folder.join(name)).expect("the unit");
        let file = copy.path().join(name);
        let text = text.replace("/usr/bin/rollbook", env!("CARGO_BIN_EXE_rollbook"));
        fs::write(&file, text).expect("written");
        file.display().to_string()
    });
    if let Some(output) = analyze(&["verify", "--man=no", &files[0], &files[1]]) {
        assert_eq!(reported(&output), "");
    }
}
