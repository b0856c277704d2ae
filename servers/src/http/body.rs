//! The body of a request, in a length or in chunks (RFC 9112, sections 6 and 7).

use super::request::{Framing, MOST_BODY};
use super::response::Status;
use crate::mutants::{Fault, planted};

/// The trailer fields of one request; more are answered with 431.
const MOST_TRAILERS: usize = 16;

/// Where in a body the input stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// So many bytes of a body with a stated length are missing.
    Length(u64),
    /// A line with the size of a chunk is next.
    Size,
    /// So many bytes of a chunk are missing.
    Chunk(u64),
    /// The line end behind a chunk is next.
    LineEnd,
    /// The trailer fields behind the last chunk are next.
    Trailers,
    /// The body is whole.
    Whole,
}

impl From<Framing> for Progress {
    fn from(framing: Framing) -> Progress {
        match framing {
            Framing::Length(0) => Progress::Whole,
            Framing::Length(length) => Progress::Length(length),
            Framing::Chunked => Progress::Size,
        }
    }
}

impl Progress {
    /// Moves one step on: takes bytes from the beginning of `input`, appends to `body` what
    /// belongs there, and returns how many were taken. None are taken while a line is incomplete,
    /// and none once the body is whole. `full` says that the input cannot grow any more.
    pub(crate) fn step(
        &mut self,
        input: &[u8],
        full: bool,
        body: &mut Vec<u8>,
    ) -> Result<usize, Status> {
        match *self {
            Progress::Whole => Ok(0),
            Progress::Length(left) => {
                if planted(Fault::OverwritesBodies) && !input.is_empty() {
                    body.clear();
                }
                let taken = take(input, left, body);
                *self = match left - taken as u64 {
                    0 => Progress::Whole,
                    left => Progress::Length(left),
                };
                Ok(taken)
            }
            Progress::Chunk(left) => {
                let taken = take(input, left, body);
                *self = match left - taken as u64 {
                    0 => Progress::LineEnd,
                    left => Progress::Chunk(left),
                };
                Ok(taken)
            }
            Progress::Size => match httparse::parse_chunk_size(input) {
                Ok(httparse::Status::Complete((_, size)))
                    if size > MOST_BODY - body.len() as u64 =>
                {
                    Err(Status::ContentTooLarge)
                }
                Ok(httparse::Status::Complete((length, size))) => {
                    *self = if size == 0 { Progress::Trailers } else { Progress::Chunk(size) };
                    Ok(length)
                }
                Ok(httparse::Status::Partial) if !full => Ok(0),
                _ => Err(Status::BadRequest),
            },
            Progress::LineEnd => match input {
                [b'\r', b'\n', ..] => {
                    *self = Progress::Size;
                    Ok(2)
                }
                [] | [b'\r'] => Ok(0),
                _ => Err(Status::BadRequest),
            },
            Progress::Trailers => {
                let mut fields = [httparse::EMPTY_HEADER; MOST_TRAILERS];
                match httparse::parse_headers(input, &mut fields) {
                    Ok(httparse::Status::Complete((length, _))) => {
                        *self = Progress::Whole;
                        Ok(length)
                    }
                    Ok(httparse::Status::Partial) if !full => Ok(0),
                    Ok(_) | Err(httparse::Error::TooManyHeaders) => Err(Status::FieldsTooLarge),
                    Err(_) => Err(Status::BadRequest),
                }
            }
        }
    }
}

/// Moves at most `left` bytes from the beginning of `input` to `body`, and says how many.
fn take(input: &[u8], left: u64, body: &mut Vec<u8>) -> usize {
    let taken = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
    body.extend_from_slice(&input[..taken]);
    taken
}
