//! HTTP/1.1 without input or output: bytes to a request, a reply to bytes.

/// The most that is taken of a head, and of a body, in bytes.
const MOST: (usize, usize) = (16 << 10, 16 << 20);

/// A request, whole.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    /// The client wants no body back.
    pub(crate) head_only: bool,
    /// The client wants nothing behind this.
    pub(crate) last: bool,
}

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    status: u16,
    body: Vec<u8>,
}

impl Request {
    /// Takes the first request out of what was received; nothing if it is not whole yet, and the
    /// reply that refuses it if it is none.
    pub(crate) fn take(received: &mut Vec<u8>) -> Result<Option<Request>, Reply> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Request::new(&mut fields);
        let start = match head.parse(received) {
            Ok(httparse::Status::Complete(start)) => start,
            Ok(httparse::Status::Partial) if received.len() < MOST.0 => return Ok(None),
            Ok(httparse::Status::Partial) => return Err(Reply::new(431, "too long a head\n")),
            Err(error) => return Err(Reply::new(400, format!("{error}\n"))),
        };
        let field = |name: &str| {
            let mut fields = head.headers.iter();
            let found = fields.find(|field| field.name.eq_ignore_ascii_case(name));
            found.map(|field| String::from_utf8_lossy(field.value).trim().to_ascii_lowercase())
        };
        if field("Transfer-Encoding").is_some() {
            return Err(Reply::new(411, "say how long the body is\n"));
        }
        let length = match field("Content-Length").map(|text| text.parse::<usize>()) {
            None => 0,
            Some(Ok(length)) if length <= MOST.1 => length,
            Some(Ok(_)) => return Err(Reply::new(413, "too long a body\n")),
            Some(Err(_)) => return Err(Reply::new(400, "a length that is none\n")),
        };
        if received.len() < start + length {
            return Ok(None);
        }
        let (method, path) = (head.method.unwrap_or_default(), head.path.unwrap_or_default());
        let connection = field("Connection").unwrap_or_default();
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            body: received[start..start + length].to_vec(),
            head_only: method == "HEAD",
            last: connection == "close" || head.version == Some(0) && connection != "keep-alive",
        };
        received.drain(..start + length);
        Ok(Some(request))
    }
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply { status, body: body.into() }
    }

    /// What goes over the wire; `last` tells the client that nothing comes behind it.
    pub(crate) fn bytes(&self, head_only: bool, last: bool) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            404 => "Not Found",
            405 => "Method Not Allowed",
            _ => "No",
        };
        let connection = if last { "close" } else { "keep-alive" };
        let head = format!(
            "HTTP/1.1 {} {reason}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
            self.status,
            self.body.len()
        );
        let body = if head_only { &[] } else { &*self.body };
        [head.as_bytes(), body].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_one_by_one_and_whole() {
        let mut received =
            b"POST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.0\r\n".to_vec();
        let first = Request::take(&mut received).unwrap().unwrap();
        assert_eq!((&*first.path, &*first.body, first.last), ("/echo", &b"hi"[..], false));
        assert!(Request::take(&mut received).unwrap().is_none());
        received.extend_from_slice(b"\r\n");
        assert!(Request::take(&mut received).unwrap().unwrap().last);
        assert!(received.is_empty());
        assert_eq!(Request::take(&mut b"nonsense\r\n\r\n".to_vec()).unwrap_err().status, 400);
    }
}
