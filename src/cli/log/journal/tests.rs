//! What a journal receives; one that reads nothing blocks no writer.

use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

/// A journal of the test's own, and a log that writes to it.
fn journal() -> (tempfile::TempDir, UnixDatagram, Queue) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listens = UnixDatagram::bind(&path).expect("a socket");
    let sends = UnixDatagram::unbound().expect("a socket");
    let queue = Queue::start(to(sends, &path), loss).expect("a thread");
    (folder, listens, queue)
}

/// The fields of a datagram, as the journal reads them.
fn fields(mut line: &[u8]) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    while let Some(end) = line.iter().position(|byte| *byte == b'\n') {
        let name = String::from_utf8_lossy(&line[..end]).into_owned();
        let (length, rest) = line[end + 1..].split_first_chunk::<8>().expect("a length");
        let length = usize::try_from(u64::from_le_bytes(*length)).expect("small");
        let value = String::from_utf8_lossy(&rest[..length]).into_owned();
        assert_eq!(rest[length], b'\n', "{name}");
        fields.push((name, value));
        line = &rest[length + 1..];
    }
    fields
}

fn heard(listens: &UnixDatagram) -> Vec<(String, String)> {
    let mut room = vec![0; 256 * 1024];
    let length = listens.recv(&mut room).expect("a datagram");
    fields(&room[..length])
}

#[test]
fn a_line_has_its_priority_and_its_fields() {
    let (_folder, listens, queue) = journal();
    let lines = tracing_subscriber::registry().with(Journal(queue));
    tracing::subscriber::with_default(lines, || {
        tracing::error!(
            job = "rosters",
            duration_ms = 12,
            error = "disk full",
            "two\nlines"
        );
    });
    let pairs = heard(&listens);
    let value = |name: &str| {
        let found = pairs.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    for (name, expected) in [
        ("PRIORITY", "3"),
        ("SYSLOG_IDENTIFIER", "rollbook"),
        ("MESSAGE", "rosters: two\nlines: disk full"),
        ("ROLLBOOK_JOB", "rosters"),
        ("ROLLBOOK_DURATION_MS", "12"),
    ] {
        assert_eq!(value(name), Some(expected), "{name} in {pairs:?}");
    }
}

#[test]
fn a_long_value_is_cut_between_letters() {
    let mut line = Datagram::default();
    line.put("MESSAGE", &"ä".repeat(MAX_FIELD));
    assert_eq!(fields(&line.bytes)[0].1.len(), MAX_FIELD);
    line.bytes.clear();
    line.put("MESSAGE", &format!("x{}", "ä".repeat(MAX_FIELD)));
    assert_eq!(fields(&line.bytes)[0].1.len(), MAX_FIELD - 1);
}

#[test]
fn a_journal_that_reads_nothing_stops_nothing_and_receives_the_loss_later() {
    let (_folder, listens, queue) = journal();
    let lines = tracing_subscriber::registry().with(Journal(queue.clone()));
    // More than a socket and the queue can hold; without a queue this never ends.
    let total = 20_000;
    tracing::subscriber::with_default(lines, || {
        (0..total).for_each(|number| tracing::info!(number, "line"));
    });
    queue.flush(Duration::from_millis(1));
    listens
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("set");
    let (mut read, mut lost) = (0, None);
    while lost.is_none() {
        let pairs = heard(&listens);
        let message = pairs.iter().find(|(name, _)| name == "MESSAGE");
        let message = message.map(|(_, value)| value.as_str()).unwrap_or_default();
        match message.split_once(' ') {
            Some((count, "log lines were lost because the reader was too slow")) => {
                lost = count.parse::<u64>().ok();
            }
            _ => read += 1,
        }
    }
    assert!(
        lost.is_some_and(|lost| lost > 0 && lost + read <= total),
        "{lost:?} of {total}"
    );
}
