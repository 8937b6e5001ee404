//! Bodies that are decoded while they arrive.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use wiremock::ResponseTemplate;

use super::pages::{requests, server, status};
use super::*;
use crate::http::limits::PIECE;

/// Adds up numbers, a line each.
#[derive(Default)]
struct Lines {
    sum: u64,
    pieces: usize,
    most: usize,
}

impl Lines {
    fn read(&mut self, text: &[u8]) -> Result<(), UnexpectedResponse> {
        let text = std::str::from_utf8(text).expect("UTF-8");
        for line in text.lines() {
            let number: u64 = line
                .trim_end_matches('€')
                .parse()
                .map_err(|_| UnexpectedResponse::of_value("it is no number"))?;
            self.sum += number;
        }
        Ok(())
    }
}

impl BodyDecoder<(u64, usize, usize)> for Lines {
    fn take(&mut self, body: &mut Vec<u8>) -> Result<(), UnexpectedResponse> {
        self.most = self.most.max(body.len());
        let Some(end) = body.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(());
        };
        self.pieces += 1;
        let lines: Vec<u8> = body.drain(..=end).collect();
        self.read(&lines)
    }

    fn finish(
        mut self: Box<Self>,
        reply: &Reply,
    ) -> Result<(u64, usize, usize), UnexpectedResponse> {
        self.read(&reply.body)?;
        Ok((self.sum, self.pieces, self.most.max(reply.body.len())))
    }
}

/// What was read, the number of requests, and how often the run said that it goes on.
async fn read(
    answers: Vec<ResponseTemplate>,
) -> (Result<(u64, usize, usize), HttpError>, usize, usize) {
    let server = server(answers).await;
    let clock = monday().clock();
    let wide = SessionRules {
        body_limit: 64 << 20,
        ..rules(&server.uri())
    };
    let session = session(wide, None, &clock);
    let activity = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&activity);
    let count = Arc::new(move |_| _ = count.fetch_add(1, Ordering::Relaxed));
    let budget = RunBudget::with_observer(&clock, RunBudget::USUAL, count);
    let ask = PageRequest {
        path: "/lines".into(),
        query: Vec::new(),
        headers: Vec::new(),
        what: "page 1 of lines".into(),
        effort: Effort::USUAL,
    };
    let decode = Decode::new(Lines::default);
    let read = session.get(&ask, &budget, decode).await;
    let requests = requests(&server).await;
    (read, requests, activity.load(Ordering::Relaxed))
}

fn lines(numbers: u64, end: &str) -> String {
    let lines = (1..=numbers).map(|number| format!("{number:07}{end}\n"));
    lines.collect()
}

#[tokio::test]
async fn a_large_body_is_never_held_whole() {
    const NUMBERS: u64 = 600_000;
    const SUM: u64 = NUMBERS * (NUMBERS + 1) / 2;
    let text = lines(NUMBERS, "");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).expect("memory");
    let packed = packed.finish().expect("memory");
    let with_euro = lines(NUMBERS, "€");
    let other = encoding_rs::WINDOWS_1252.encode(&with_euro).0.into_owned();
    let wide: Vec<u8> = with_euro
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let wide = [vec![0xff, 0xfe], wide].concat();
    let latin = "text/plain; charset=windows-1252";
    for (what, body, header) in [
        ("as it is", text.into_bytes(), None),
        ("gzip", packed, Some(("content-encoding", "gzip"))),
        ("another charset", other, Some(("content-type", latin))),
        (
            "declared so and UTF-8",
            with_euro.into_bytes(),
            Some(("content-type", latin)),
        ),
        ("UTF-16", wide, None),
    ] {
        let mut answer = status(200).set_body_bytes(body);
        if let Some((name, value)) = header {
            answer = answer.insert_header(name, value);
        }
        let (read, requests, activity) = read(vec![answer]).await;
        let (sum, pieces, most) = read.expect(what);
        assert_eq!((sum, requests), (SUM, 1), "{what}");
        assert!(activity > pieces, "{what}: the run is not taken for stuck");
        assert!(pieces >= 3, "{what}: {pieces} pieces");
        assert!(most < 3 * PIECE, "{what}: {most} bytes at once");
    }
}

/// What was decoded of a response that is bad behind is forgotten with it.
#[tokio::test]
async fn a_page_that_fails_behind_is_read_again_from_its_start() {
    let good = lines(400_000, "");
    let bad = [good.as_str(), "x\n"].concat();
    let answers = [bad, good].map(|body| status(200).set_body_string(body));
    let (read, requests, _) = read(answers.into()).await;
    assert_eq!(read.expect("the second is right").0, 400_000 * 400_001 / 2);
    assert_eq!(requests, 2);
}

/// The limit counts what was decoded and forgotten.
#[tokio::test]
async fn a_body_without_an_end_is_refused() {
    let server = server(vec![status(200).set_body_string(lines(600_000, ""))]).await;
    let clock = monday().clock();
    let limited = SessionRules {
        body_limit: 3 << 20,
        ..rules(&server.uri())
    };
    let session = session(limited, None, &clock);
    let budget = RunBudget::new(&clock, RunBudget::USUAL);
    let ask = PageRequest {
        path: "/lines".into(),
        query: Vec::new(),
        headers: Vec::new(),
        what: "page 1 of lines".into(),
        effort: Effort::USUAL,
    };
    let read = session
        .get(&ask, &budget, Decode::new(Lines::default))
        .await;
    let error = read.expect_err("it is too large");
    assert!(
        matches!(error.kind(), HttpErrorKind::TooLarge(_)),
        "{error}"
    );
}
