//! Reading a body into one piece of memory, within every limit.
//!
//! gzip is unpacked here and not by the client, because only here the unpacked size, the ratio and
//! a missing end can be seen while the bytes arrive.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use reqwest::Response;

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
            return body.finish();
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
    Plain(Bounded),
    Packed {
        decoder: Box<MultiGzDecoder<Bounded>>,
        began: bool,
    },
}

impl Body {
    fn new(packing: Packing, mut room: Vec<u8>, stated: u64, limit: u64) -> Self {
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
            Packing::Gzip => Self::Packed {
                decoder: Box::new(MultiGzDecoder::new(inside)),
                began: false,
            },
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Kind> {
        let (written, inside) = match self {
            Self::Plain(inside) => (inside.write_all(piece), inside),
            Self::Packed { decoder, began } => {
                *began = true;
                decoder.get_mut().packed += piece.len() as u64;
                (decoder.write_all(piece), decoder.get_mut())
            }
        };
        written.map_err(|_| inside.full.take().unwrap_or_else(broken_packing))
    }

    fn finish(self) -> Result<Vec<u8>, Kind> {
        match self {
            Self::Plain(inside) => Ok(inside.bytes),
            // An empty body with the header is what some servers send beside 204.
            Self::Packed { began: false, .. } => Ok(Vec::new()),
            Self::Packed { mut decoder, .. } => {
                if decoder.try_finish().is_err() {
                    return Err(decoder.get_mut().full.take().unwrap_or_else(broken_packing));
                }
                Ok(std::mem::take(&mut decoder.get_mut().bytes))
            }
        }
    }

    fn cut(self) -> Vec<u8> {
        match self {
            Self::Plain(inside) => inside.bytes,
            Self::Packed { mut decoder, .. } => std::mem::take(&mut decoder.get_mut().bytes),
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
        let mut body = Body::new(Packing::Gzip, Vec::new(), bytes.len() as u64, limit);
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
            ("not gzip", &text, Err(broken_packing())),
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
}
