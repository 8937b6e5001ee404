//! Reads a body, piece by piece, within every limit.
//!
//! gzip is decompressed here and not by the client, because only here the decompressed size, the ratio and
//! a missing end can be checked while the bytes arrive. The first two bytes decide whether a body is gzip: a proxy
//! may drop the header, or leave it on a body that it has decompressed. Text in another charset is converted to UTF-8.

use std::io::{self, Write};
use std::time::Duration;

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::Response;

use super::charset::Charset;
use super::client::error_kind;
use super::deadline::Deadline;
use super::error::HttpErrorKind;
use super::limits::{PIECE, RATIO, RATIO_AFTER};
use super::reply::Headers;
use super::rules::Timeouts;
use rollbook_core::model::UnexpectedResponse;

/// What to do with a body that is larger than the limit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oversized {
    Refuse,
    /// The bytes up to the limit are kept.
    Truncate,
}

/// Reads a body to its end. `headers` were taken out of `response` before.
pub(crate) async fn read(
    response: Response,
    headers: &Headers,
    limit: (u64, Oversized),
    deadline: Deadline,
    peer: (&str, &Timeouts),
) -> Result<Vec<u8>, HttpErrorKind> {
    let mut reader = BodyReader::begin(response, headers, limit, deadline, peer)?;
    let mut text = Vec::new();
    reader.fill(&mut text, usize::MAX).await?;
    Ok(text)
}

/// A response whose body is being read.
pub(crate) struct BodyReader<'a> {
    response: Response,
    body: Body,
    charset: Charset,
    oversized: Oversized,
    deadline: Deadline,
    host: &'a str,
    timeouts: &'a Timeouts,
}

impl<'a> BodyReader<'a> {
    /// Begins; `headers` were taken out of `response` before.
    pub fn begin(
        response: Response,
        headers: &Headers,
        (limit, oversized): (u64, Oversized),
        deadline: Deadline,
        (host, timeouts): (&'a str, &'a Timeouts),
    ) -> Result<Self, HttpErrorKind> {
        let declared = content_coding(headers)?;
        let content_length = response.content_length().unwrap_or_default();
        if declared == Coding::None && content_length > limit && oversized == Oversized::Refuse {
            return Err(HttpErrorKind::TooLarge(limit));
        }
        Ok(Self {
            response,
            body: Body::new(declared, content_length, limit),
            charset: Charset::of(headers.get("content-type")),
            oversized,
            deadline,
            host,
            timeouts,
        })
    }

    /// Reads on until `text` has at least this many bytes; returns whether the body ended before. What is in `text` stays
    /// in front.
    pub async fn fill(&mut self, text: &mut Vec<u8>, enough: usize) -> Result<bool, HttpErrorKind> {
        let from = text.len();
        self.body.swap(text);
        let ended = self.receive(enough).await;
        self.body.swap(text);
        let ended = ended?;
        self.charset.convert(text, from, ended);
        Ok(ended)
    }

    /// The program itself took this long before it went on reading: no fault of the server.
    pub fn postpone(&mut self, by: Duration) {
        self.deadline.postpone(by);
    }

    async fn receive(&mut self, enough: usize) -> Result<bool, HttpErrorKind> {
        let (host, timeouts) = (self.host, self.timeouts);
        while self.body.len() < enough {
            let chunk = self
                .deadline
                .chunk(self.response.chunk(), |chunk| {
                    chunk
                        .as_ref()
                        .map_or(0, |chunk| chunk.as_ref().map_or(0, |bytes| bytes.len()))
                })
                .await?
                .map_err(|error| error_kind(&error, host, timeouts))?;
            let Some(chunk) = chunk else {
                self.body.end()?;
                return Ok(true);
            };
            match self.body.take(&chunk) {
                Err(HttpErrorKind::TooLarge(_)) if self.oversized == Oversized::Truncate => {
                    return Ok(true);
                }
                taken => taken?,
            }
        }
        Ok(false)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    None,
    Gzip,
    /// With the zlib header as in RFC 9110 8.4.1.2, or without one, as some servers send it. A cut is not noticed here, but
    /// by the parser of the JSON.
    Deflate,
}

/// More than one coding is refused, because it can nest decompression bombs; also one that this program cannot read.
fn content_coding(headers: &Headers) -> Result<Coding, HttpErrorKind> {
    let codings = headers.all("content-encoding");
    let names = codings
        .split(',')
        .map(|name| name.trim().trim_matches('"').to_ascii_lowercase());
    // A charset is a frequent mistake; it changes nothing.
    let is_none =
        |name: &String| matches!(name.as_str(), "" | "identity" | "none" | "utf-8" | "utf8");
    let mut names = names.filter(|name| !is_none(name));
    match (names.next().as_deref(), names.next()) {
        (None, _) => Ok(Coding::None),
        (Some("gzip" | "x-gzip"), None) => Ok(Coding::Gzip),
        (Some("deflate"), None) => Ok(Coding::Deflate),
        _ => Err(HttpErrorKind::Encoding),
    }
}

/// A body while it is received.
enum Body {
    /// Too few bytes to detect gzip.
    Undetected {
        declared: Coding,
        buffer: Vec<u8>,
        content_length: u64,
        limit: u64,
        head: Vec<u8>,
    },
    Plain(Bounded),
    Packed(Box<Unpacker>),
}

/// A decompressor that writes into the buffer.
enum Unpacker {
    Gzip(MultiGzDecoder<Bounded>),
    Zlib(ZlibDecoder<Bounded>),
    Deflate(DeflateDecoder<Bounded>),
}

impl Unpacker {
    fn write_all(&mut self, chunk: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.write_all(chunk),
            Self::Zlib(decoder) => decoder.write_all(chunk),
            Self::Deflate(decoder) => decoder.write_all(chunk),
        }
    }

    fn try_finish(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Zlib(decoder) => decoder.try_finish(),
            Self::Deflate(decoder) => decoder.try_finish(),
        }
    }

    fn get_mut(&mut self) -> &mut Bounded {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zlib(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
        }
    }
}

/// Magic number of gzip (RFC 1952 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The coding by the first bytes; else the declared one.
fn detect_coding(head: &[u8], declared: Coding) -> Coding {
    match *head {
        [first, second, ..] if [first, second] == GZIP => Coding::Gzip,
        _ if declared == Coding::Deflate && is_zlib(head) => Coding::Deflate,
        // JSON or a web page: a proxy decompressed the body and left the header.
        [b'{' | b'[' | b'<' | b'"' | b' ' | b'\t' | b'\r' | b'\n', ..] => Coding::None,
        [0xef, 0xbb, ..] => Coding::None,
        _ => declared,
    }
}

/// The header of zlib (RFC 1950 2.2).
fn is_zlib(head: &[u8]) -> bool {
    match *head {
        [method, flags, ..] => {
            method & 0x0f == 8 && (u16::from(method) * 256 + u16::from(flags)).is_multiple_of(31)
        }
        _ => false,
    }
}

impl Body {
    fn new(declared: Coding, content_length: u64, limit: u64) -> Self {
        Self::Undetected {
            declared,
            buffer: Vec::new(),
            content_length,
            limit,
            head: Vec::new(),
        }
    }

    fn open(
        coding: Coding,
        head: &[u8],
        mut buffer: Vec<u8>,
        content_length: u64,
        limit: u64,
    ) -> Self {
        // gzip shrinks JSON to about a twelfth; too small a guess costs only a copy or two.
        let expected = if coding != Coding::None {
            content_length.saturating_mul(8)
        } else {
            content_length
        };
        let capacity = usize::try_from(expected.min(limit)).unwrap_or(0).min(PIECE);
        if buffer.capacity() < capacity {
            // A little more than declared, so that the next page fits too; growing would double it.
            buffer.reserve_exact(capacity + capacity / 16 - buffer.len());
        }
        let output = Bounded {
            bytes: buffer,
            packed: 0,
            unpacked: 0,
            limit,
            coding,
            full: None,
        };
        match coding {
            Coding::None => Self::Plain(output),
            Coding::Gzip => Self::Packed(Box::new(Unpacker::Gzip(MultiGzDecoder::new(output)))),
            Coding::Deflate => Self::Packed(Box::new(match is_zlib(head) {
                true => Unpacker::Zlib(ZlibDecoder::new(output)),
                false => Unpacker::Deflate(DeflateDecoder::new(output)),
            })),
        }
    }

    /// What was read, to be swapped with a buffer that has room.
    fn bytes(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Undetected { buffer, .. } => buffer,
            Self::Plain(output) => &mut output.bytes,
            Self::Packed(decoder) => &mut decoder.get_mut().bytes,
        }
    }

    fn swap(&mut self, other: &mut Vec<u8>) {
        std::mem::swap(self.bytes(), other);
    }

    fn len(&mut self) -> usize {
        self.bytes().len()
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), HttpErrorKind> {
        let (written, output) = match self {
            Self::Undetected { head, .. } if head.len() + chunk.len() < GZIP.len() => {
                head.extend_from_slice(chunk);
                return Ok(());
            }
            Self::Undetected { head, .. } => {
                let mut start = std::mem::take(head);
                if start.is_empty() {
                    self.detect(chunk);
                    return self.take(chunk);
                }
                start.extend_from_slice(chunk);
                self.detect(&start);
                return self.take(&start);
            }
            Self::Plain(output) => (output.write_all(chunk), output),
            Self::Packed(decoder) => {
                decoder.get_mut().packed += chunk.len() as u64;
                (decoder.write_all(chunk), decoder.get_mut())
            }
        };
        written.map_err(|_| output.full.take().unwrap_or_else(corrupt))
    }

    fn detect(&mut self, head: &[u8]) {
        if let Self::Undetected {
            declared,
            buffer,
            content_length,
            limit,
            ..
        } = self
        {
            let coding = detect_coding(head, *declared);
            *self = Self::open(
                coding,
                head,
                std::mem::take(buffer),
                *content_length,
                *limit,
            );
        }
    }

    /// The last chunk was taken.
    fn end(&mut self) -> Result<(), HttpErrorKind> {
        if let Self::Undetected { head, .. } = self {
            let head = std::mem::take(head);
            if head.is_empty() {
                // Some servers send 204 with the header and an empty body.
                return Ok(());
            }
            self.detect(&head);
            self.take(&head)?;
        }
        if let Self::Packed(decoder) = self
            && decoder.try_finish().is_err()
        {
            return Err(decoder.get_mut().full.take().unwrap_or_else(corrupt));
        }
        Ok(())
    }
}

fn corrupt() -> HttpErrorKind {
    HttpErrorKind::UnexpectedResponse(
        200,
        UnexpectedResponse::of_server("the compressed data is corrupt or truncated"),
    )
}

/// A buffer that enforces the size limit and the compression ratio.
struct Bounded {
    bytes: Vec<u8>,
    /// Bytes before decompression, and after it.
    packed: u64,
    unpacked: u64,
    limit: u64,
    coding: Coding,
    full: Option<HttpErrorKind>,
}

impl Write for Bounded {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        let size = self.unpacked + chunk.len() as u64;
        if size > self.limit {
            self.full = Some(HttpErrorKind::TooLarge(self.limit));
        } else if self.coding != Coding::None && size > RATIO_AFTER && size > self.packed * RATIO {
            self.full = Some(HttpErrorKind::Bomb);
        }
        if self.full.is_some() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.unpacked = size;
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder
            .write_all(text)
            .and_then(|()| encoder.finish())
            .expect("memory does not fail")
    }

    fn unpack(bytes: &[u8], limit: u64, chunk: usize) -> Result<Vec<u8>, HttpErrorKind> {
        take(Coding::Gzip, bytes, limit, chunk)
    }

    fn take(
        declared: Coding,
        bytes: &[u8],
        limit: u64,
        chunk: usize,
    ) -> Result<Vec<u8>, HttpErrorKind> {
        let mut body = Body::new(declared, bytes.len() as u64, limit);
        bytes.chunks(chunk).try_for_each(|chunk| body.take(chunk))?;
        body.end()?;
        Ok(std::mem::take(body.bytes()))
    }

    #[test]
    fn gzip_by_rows() {
        let text = br#"{"users":[{"sourcedId":"u1"}]}"#.repeat(400);
        let whole = packed(&text);
        let mut flipped = whole.clone();
        let last = flipped.len() - 6;
        flipped[last] ^= 1;
        let members = [whole.clone(), whole.clone()].concat();
        let cut = whole[..whole.len() - 3].to_vec();
        let half = whole[..whole.len() / 2].to_vec();
        let tail = [whole.clone(), b"tail".to_vec()].concat();
        let limit = 1 << 20;
        for (name, bytes, should) in [
            ("whole", &whole, Ok(text.clone())),
            (
                "two members",
                &members,
                Ok([text.clone(), text.clone()].concat()),
            ),
            ("empty", &Vec::new(), Ok(Vec::new())),
            ("cut in the check sum", &cut, Err(corrupt())),
            ("cut in the middle", &half, Err(corrupt())),
            ("wrong check sum", &flipped, Err(corrupt())),
            ("garbage behind", &tail, Err(corrupt())),
            ("not gzip but text", &text, Ok(text.clone())),
            ("one letter", &b"1".to_vec(), Err(corrupt())),
            ("one byte of the magic number", &vec![0x1f], Err(corrupt())),
            ("neither", &b"\x00\x01\x02".to_vec(), Err(corrupt())),
        ] {
            for chunk in [1, 7, 1 << 20] {
                assert_eq!(
                    unpack(bytes, limit, chunk),
                    should,
                    "{name}, {chunk} bytes a chunk"
                );
            }
        }
        assert_eq!(unpack(&whole, 1000, 64), Err(HttpErrorKind::TooLarge(1000)));
        assert_eq!(
            unpack(&packed(&vec![0; 3 << 20]), 64 << 20, 512),
            Err(HttpErrorKind::Bomb)
        );
    }

    #[test]
    fn codings_in_every_spelling() {
        let text = br#"{"users":[{"sourcedId":"u1"}]}"#.repeat(400);
        let gzip = packed(&text);
        let zlib = {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            let written = encoder.write_all(&text).and_then(|()| encoder.finish());
            written.expect("memory does not fail")
        };
        let deflate = {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            let written = encoder.write_all(&text).and_then(|()| encoder.finish());
            written.expect("memory does not fail")
        };
        for (header, bytes) in [
            (&["gzip"][..], Some(&gzip)),
            (&["GZIP"], Some(&gzip)),
            (&["x-gzip"], Some(&gzip)),
            (&["X-GZip "], Some(&gzip)),
            (&["\"gzip\""], Some(&gzip)),
            (&["gzip", ""], Some(&gzip)),
            (&["identity, gzip"], Some(&gzip)),
            (&["deflate"], Some(&zlib)),
            (&["Deflate"], Some(&deflate)),
            (&["deflate"], Some(&gzip)),
            (&["deflate"], Some(&text)),
            (&[""], Some(&text)),
            (&["Identity"], Some(&text)),
            (&["none"], Some(&text)),
            (&["UTF-8"], Some(&text)),
            (&[], Some(&text)),
            (&["gzip, gzip"], None),
            (&["gzip", "gzip"], None),
            (&["gzip, deflate"], None),
            (&["br"], None),
            (&["zstd"], None),
            (&["aes128gcm"], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in header {
                headers.append("content-encoding", HeaderValue::from_static(value));
            }
            let coding = content_coding(&Headers::from(headers));
            let Some(bytes) = bytes else {
                assert_eq!(coding, Err(HttpErrorKind::Encoding), "{header:?}");
                continue;
            };
            let coding = coding.expect("a known coding");
            for chunk in [1, 7, 1 << 20] {
                let seen = take(coding, bytes, 1 << 20, chunk);
                assert_eq!(seen, Ok(text.clone()), "{header:?}, {chunk} bytes a chunk");
            }
            assert_eq!(
                take(coding, bytes, 1000, 64),
                Err(HttpErrorKind::TooLarge(1000))
            );
        }
        assert_eq!(
            take(Coding::Deflate, b"\xff\xff\xff", 1 << 20, 1),
            Err(corrupt())
        );
    }

    #[test]
    fn the_first_bytes_override_the_header() {
        let text = br#"{"users":[{"sourcedId":"u1"}]}"#.repeat(400);
        let whole = packed(&text);
        let marked = [b"\xef\xbb\xbf".to_vec(), text.clone()].concat();
        let page = b"<html>busy</html>".to_vec();
        let cut = whole[..whole.len() / 2].to_vec();
        for (name, declared, bytes, should) in [
            (
                "gzip without its header",
                Coding::None,
                &whole,
                Ok(text.clone()),
            ),
            (
                "cut gzip without its header",
                Coding::None,
                &cut,
                Err(corrupt()),
            ),
            ("the header on text", Coding::Gzip, &text, Ok(text.clone())),
            (
                "the header on text with a mark",
                Coding::Gzip,
                &marked,
                Ok(marked.clone()),
            ),
            (
                "the header on a web page",
                Coding::Gzip,
                &page,
                Ok(page.clone()),
            ),
            ("text", Coding::None, &text, Ok(text.clone())),
            (
                "one letter",
                Coding::None,
                &b"1".to_vec(),
                Ok(b"1".to_vec()),
            ),
            ("nothing", Coding::None, &Vec::new(), Ok(Vec::new())),
        ] {
            for chunk in [1, 2, 7, 1 << 20] {
                let seen = take(declared, bytes, 1 << 20, chunk);
                assert_eq!(seen, should, "{name}, {chunk} bytes a chunk");
            }
        }
        let bomb = packed(&vec![0; 3 << 20]);
        assert_eq!(
            take(Coding::None, &bomb, 64 << 20, 512),
            Err(HttpErrorKind::Bomb)
        );
        assert_eq!(
            take(Coding::None, &whole, 1000, 64),
            Err(HttpErrorKind::TooLarge(1000))
        );
        assert_eq!(
            take(Coding::Gzip, &text, 1000, 64),
            Err(HttpErrorKind::TooLarge(1000))
        );
    }
}
