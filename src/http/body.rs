//! Reading a body into one piece of memory, within every limit.
//!
//! gzip is unpacked here and not by the client, because only here the unpacked size, the ratio and
//! a missing end can be seen while the bytes arrive. Whether a body is gzip its first two bytes say: a proxy may lose the
//! header, or leave it on a body that it has unpacked. Text in another charset than UTF-8 is turned into it.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use reqwest::Response;

use super::charset;
use super::client::fault;
use super::deadline::Deadline;
use super::error::Kind;
use super::limits::{RATIO, RATIO_AFTER};
use super::reply::Headers;
use super::rules::Timeouts;

/// What becomes of a body that is larger than the limit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    /// It is refused.
    Refuse,
    /// What came until then is enough.
    Cut,
}

/// Reads a body to its end, into `room`, which is empty. The headers come apart from the response, which has given them away.
pub(super) async fn read(
    mut response: Response,
    headers: &Headers,
    room: Vec<u8>,
    (limit, beyond): (u64, Beyond),
    deadline: &mut Deadline,
    (host, timeouts): (&str, &Timeouts),
) -> Result<Vec<u8>, Kind> {
    let packing = packing(headers)?;
    let stated = response.content_length().unwrap_or_default();
    if packing == Packing::None && stated > limit && beyond == Beyond::Refuse {
        return Err(Kind::TooLarge(limit));
    }
    let mut body = Body::new(packing, room, stated, limit);
    loop {
        let piece = deadline
            .piece(response.chunk(), |piece| {
                piece
                    .as_ref()
                    .map_or(0, |piece| piece.as_ref().map_or(0, |bytes| bytes.len()))
            })
            .await?
            .map_err(|error| fault(&error, host, timeouts))?;
        let Some(piece) = piece else {
            let body = body.finish()?;
            return Ok(charset::to_utf8(body, headers.get("content-type")));
        };
        match body.take(&piece) {
            Err(Kind::TooLarge(_)) if beyond == Beyond::Cut => return Ok(body.cut()),
            taken => taken?,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
}

/// More than one coding, or one that was not asked for, is refused: it can hide a bomb in a bomb.
fn packing(headers: &Headers) -> Result<Packing, Kind> {
    let codings = headers.all("content-encoding");
    match codings.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Packing::None),
        "gzip" | "x-gzip" => Ok(Packing::Gzip),
        _ => Err(Kind::Encoding),
    }
}

/// A body under way.
enum Body {
    /// Too little has come to see whether it is packed.
    Begun {
        declared: Packing,
        room: Vec<u8>,
        stated: u64,
        limit: u64,
        head: Vec<u8>,
    },
    Plain(Bounded),
    Packed(Box<MultiGzDecoder<Bounded>>),
}

/// How gzip begins (RFC 1952 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a body is by its first bytes; where they say nothing, what its header says.
fn packing_of(head: &[u8], declared: Packing) -> Packing {
    match *head {
        [first, second, ..] if [first, second] == GZIP => Packing::Gzip,
        // The text of an answer, or a web page: the header was left on it.
        [b'{' | b'[' | b'<' | b'"' | b' ' | b'\t' | b'\r' | b'\n', ..] => Packing::None,
        [0xef, 0xbb, ..] => Packing::None,
        _ => declared,
    }
}

impl Body {
    fn new(declared: Packing, room: Vec<u8>, stated: u64, limit: u64) -> Self {
        Self::Begun {
            declared,
            room,
            stated,
            limit,
            head: Vec::new(),
        }
    }

    fn open(packing: Packing, mut room: Vec<u8>, stated: u64, limit: u64) -> Self {
        // JSON packs to about a twelfth; a guess that is too small only costs a copy or two.
        let expected = if packing == Packing::Gzip {
            stated.saturating_mul(8)
        } else {
            stated
        };
        let capacity = usize::try_from(expected.min(limit)).unwrap_or(0);
        if room.capacity() < capacity {
            // A little more than asked for, so that the next page fits too; growing would double it.
            room = Vec::with_capacity(capacity + capacity / 16);
        }
        let inside = Bounded {
            bytes: room,
            packed: 0,
            limit,
            packing,
            full: None,
        };
        match packing {
            Packing::None => Self::Plain(inside),
            Packing::Gzip => Self::Packed(Box::new(MultiGzDecoder::new(inside))),
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Kind> {
        let (written, inside) = match self {
            Self::Begun { head, .. } if head.len() + piece.len() < GZIP.len() => {
                head.extend_from_slice(piece);
                return Ok(());
            }
            Self::Begun { head, .. } => {
                let mut start = std::mem::take(head);
                if start.is_empty() {
                    self.decide(piece);
                    return self.take(piece);
                }
                start.extend_from_slice(piece);
                self.decide(&start);
                return self.take(&start);
            }
            Self::Plain(inside) => (inside.write_all(piece), inside),
            Self::Packed(decoder) => {
                decoder.get_mut().packed += piece.len() as u64;
                (decoder.write_all(piece), decoder.get_mut())
            }
        };
        written.map_err(|_| inside.full.take().unwrap_or_else(broken_packing))
    }

    fn decide(&mut self, head: &[u8]) {
        if let Self::Begun {
            declared,
            room,
            stated,
            limit,
            ..
        } = self
        {
            let packing = packing_of(head, *declared);
            *self = Self::open(packing, std::mem::take(room), *stated, *limit);
        }
    }

    fn finish(mut self) -> Result<Vec<u8>, Kind> {
        if let Self::Begun { head, .. } = &mut self {
            let head = std::mem::take(head);
            if head.is_empty() {
                // An empty body with the header is what some servers send beside 204.
                return Ok(head);
            }
            self.decide(&head);
            self.take(&head)?;
        }
        match self {
            Self::Plain(inside) => Ok(inside.bytes),
            Self::Packed(mut decoder) => {
                if decoder.try_finish().is_err() {
                    return Err(decoder.get_mut().full.take().unwrap_or_else(broken_packing));
                }
                Ok(std::mem::take(&mut decoder.get_mut().bytes))
            }
            Self::Begun { head, .. } => Ok(head),
        }
    }

    fn cut(self) -> Vec<u8> {
        match self {
            Self::Begun { head, .. } => head,
            Self::Plain(inside) => inside.bytes,
            Self::Packed(mut decoder) => std::mem::take(&mut decoder.get_mut().bytes),
        }
    }
}

fn broken_packing() -> Kind {
    Kind::BadAnswer(200, "the gzip packing is broken or cut".into())
}

/// Memory with a lid.
struct Bounded {
    bytes: Vec<u8>,
    packed: u64,
    limit: u64,
    packing: Packing,
    full: Option<Kind>,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let size = (self.bytes.len() + piece.len()) as u64;
        if size > self.limit {
            self.full = Some(Kind::TooLarge(self.limit));
        } else if self.packing == Packing::Gzip && size > RATIO_AFTER && size > self.packed * RATIO
        {
            self.full = Some(Kind::Bomb);
        }
        if self.full.is_some() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder
            .write_all(text)
            .and_then(|()| encoder.finish())
            .expect("memory does not fail")
    }

    fn unpack(bytes: &[u8], limit: u64, piece: usize) -> Result<Vec<u8>, Kind> {
        take(Packing::Gzip, bytes, limit, piece)
    }

    fn take(declared: Packing, bytes: &[u8], limit: u64, piece: usize) -> Result<Vec<u8>, Kind> {
        let mut body = Body::new(declared, Vec::new(), bytes.len() as u64, limit);
        bytes.chunks(piece).try_for_each(|piece| body.take(piece))?;
        body.finish()
    }

    #[test]
    fn gzip_by_rows() {
        let text = br#"{"users":[{"sourcedId":"u1"}]}"#.repeat(400);
        let whole = packed(&text);
        let mut flipped = whole.clone();
        let last = flipped.len() - 6;
        flipped[last] ^= 1;
        let twice = [whole.clone(), whole.clone()].concat();
        let cut = whole[..whole.len() - 3].to_vec();
        let half = whole[..whole.len() / 2].to_vec();
        let tail = [whole.clone(), b"tail".to_vec()].concat();
        let limit = 1 << 20;
        for (name, bytes, should) in [
            ("whole", &whole, Ok(text.clone())),
            (
                "two members",
                &twice,
                Ok([text.clone(), text.clone()].concat()),
            ),
            ("empty", &Vec::new(), Ok(Vec::new())),
            ("cut in the check sum", &cut, Err(broken_packing())),
            ("cut in the middle", &half, Err(broken_packing())),
            ("wrong check sum", &flipped, Err(broken_packing())),
            ("garbage behind", &tail, Err(broken_packing())),
            ("not gzip but text", &text, Ok(text.clone())),
            ("one letter", &b"1".to_vec(), Err(broken_packing())),
            ("half a beginning", &vec![0x1f], Err(broken_packing())),
            ("neither", &b"\x00\x01\x02".to_vec(), Err(broken_packing())),
        ] {
            for piece in [1, 7, 1 << 20] {
                assert_eq!(
                    unpack(bytes, limit, piece),
                    should,
                    "{name}, {piece} bytes a piece"
                );
            }
        }
        assert_eq!(unpack(&whole, 1000, 64), Err(Kind::TooLarge(1000)));
        assert_eq!(
            unpack(&packed(&vec![0; 3 << 20]), 64 << 20, 512),
            Err(Kind::Bomb)
        );
    }

    #[test]
    fn the_first_bytes_outweigh_the_header() {
        let text = br#"{"users":[{"sourcedId":"u1"}]}"#.repeat(400);
        let whole = packed(&text);
        let marked = [b"\xef\xbb\xbf".to_vec(), text.clone()].concat();
        let page = b"<html>busy</html>".to_vec();
        let cut = whole[..whole.len() / 2].to_vec();
        for (name, declared, bytes, should) in [
            (
                "gzip without its header",
                Packing::None,
                &whole,
                Ok(text.clone()),
            ),
            (
                "cut gzip without its header",
                Packing::None,
                &cut,
                Err(broken_packing()),
            ),
            ("the header on text", Packing::Gzip, &text, Ok(text.clone())),
            (
                "the header on text with a mark",
                Packing::Gzip,
                &marked,
                Ok(marked.clone()),
            ),
            (
                "the header on a web page",
                Packing::Gzip,
                &page,
                Ok(page.clone()),
            ),
            ("text", Packing::None, &text, Ok(text.clone())),
            (
                "one letter",
                Packing::None,
                &b"1".to_vec(),
                Ok(b"1".to_vec()),
            ),
            ("nothing", Packing::None, &Vec::new(), Ok(Vec::new())),
        ] {
            for piece in [1, 2, 7, 1 << 20] {
                let seen = take(declared, bytes, 1 << 20, piece);
                assert_eq!(seen, should, "{name}, {piece} bytes a piece");
            }
        }
        let bomb = packed(&vec![0; 3 << 20]);
        assert_eq!(take(Packing::None, &bomb, 64 << 20, 512), Err(Kind::Bomb));
        assert_eq!(
            take(Packing::None, &whole, 1000, 64),
            Err(Kind::TooLarge(1000))
        );
        assert_eq!(
            take(Packing::Gzip, &text, 1000, 64),
            Err(Kind::TooLarge(1000))
        );
    }
}
