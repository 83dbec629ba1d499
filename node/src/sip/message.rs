//! SIP messages: read with a limit on their size, and written.

use bytes::Bytes;
use bytesstr::BytesStr;
use ezk_sip_types::header::typed::{CSeq, FromTo, Via};
use ezk_sip_types::msg::{Line, MessageLine, PullParser};
use ezk_sip_types::parse::Parse as _;
use ezk_sip_types::{Headers, Method, Name};

/// The largest message that is read, in bytes: an invitation with its offer has some 1,500, and the largest datagrams
/// that cross a network in one piece as many.
pub(super) const MESSAGE_BYTES_MAX: usize = 8 << 10;

/// Lines of headers of one message: those of some ten proxies fit.
const HEADERS_MAX: usize = 96;

/// Bytes that are no SIP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no SIP message")]
pub(super) struct Malformed;

/// A message as it came.
pub(super) struct Message {
    pub(super) line: MessageLine,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
}

impl Message {
    /// Reads one datagram (RFC 3261, section 7).
    ///
    /// # Errors
    /// [`Malformed`] where it is too large, has too many headers, or is none.
    pub(super) fn read(datagram: &[u8]) -> Result<Self, Malformed> {
        if datagram.len() > MESSAGE_BYTES_MAX {
            return Err(Malformed);
        }
        let source = Bytes::copy_from_slice(datagram);
        let mut lines = PullParser::new(&source, 0);
        let text = |line: Option<Result<_, _>>| match line {
            Some(Ok(line)) => std::str::from_utf8(line).map(Some).map_err(|_| Malformed),
            Some(Err(_)) => Err(Malformed),
            None => Ok(None),
        };
        let first = text(lines.next())?.ok_or(Malformed)?;
        let (_, line) = MessageLine::parse(&source)(first).map_err(|_| Malformed)?;
        let mut headers = Headers::new();
        for count in 0.. {
            let Some(line) = text(lines.next())? else { break };
            if count == HEADERS_MAX {
                return Err(Malformed);
            }
            let (_, Line { name, value }) = Line::parse(&source, line).map_err(|_| Malformed)?;
            headers.insert(name, value);
        }
        let body = source.get(lines.head_end()..).map(|body| source.slice_ref(body));
        Ok(Self { line, headers, body: body.unwrap_or_default() })
    }

    /// The status of a response.
    pub(super) fn status(&self) -> Option<u16> {
        match &self.line {
            MessageLine::Response(line) => Some(line.code.into_u16()),
            MessageLine::Request(_) => None,
        }
    }

    /// The method of a request.
    pub(super) fn method(&self) -> Option<&Method> {
        self.line.request_method()
    }

    /// A header's value as it stands there, where it stands there once.
    pub(super) fn only(&self, name: &str) -> Option<&BytesStr> {
        match self.headers.get_raw(&Name::from(name)).as_slice() {
            [only] => Some(only),
            [] | [_, ..] => None,
        }
    }

    /// All values of a header, as they stand there.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &BytesStr> {
        self.headers.get_raw(&Name::from(name)).as_slice().iter()
    }

    /// The number and the method of the transaction.
    pub(super) fn sequence(&self) -> Option<(u32, Method)> {
        let CSeq { cseq, method } = self.headers.get_named().ok()?;
        Some((cseq, method))
    }

    /// The mark of the transaction, of whoever sent the request last.
    pub(super) fn branch(&self) -> Option<BytesStr> {
        let via: Via = self.headers.get_named().ok()?;
        via.params.get_val("branch").cloned()
    }

    /// Who speaks or is spoken to.
    pub(super) fn peer(&self, name: &str) -> Option<FromTo> {
        self.only(name)?;
        self.headers.get(Name::from(name)).ok()
    }

    /// Answers a request: what has to be the same in an answer is (RFC 3261, section 8.2.6.2).
    ///
    /// None where the request lacks what an answer needs.
    pub(super) fn answer(&self, status: &str, tag: &str, more: &[(&str, &str)]) -> Option<Vec<u8>> {
        let to = self.only("To")?;
        let mut answer = format!("SIP/2.0 {status}\r\n");
        let mut vias = self.all("Via").peekable();
        vias.peek()?;
        for via in vias {
            push(&mut answer, "Via", via);
        }
        push(&mut answer, "From", self.only("From")?);
        push(&mut answer, "To", self.only("To")?);
        if !has_tag(to) {
            answer.truncate(answer.len() - "\r\n".len());
            answer.push_str(&format!(";tag={tag}\r\n"));
        }
        push(&mut answer, "Call-ID", self.only("Call-ID")?);
        push(&mut answer, "CSeq", self.only("CSeq")?);
        for (name, value) in more {
            push(&mut answer, name, value);
        }
        answer.push_str("Content-Length: 0\r\n\r\n");
        Some(answer.into_bytes())
    }
}

/// Whether a `To` has a tag, after its address: it may be a `tel:`, which the parser does not read.
fn has_tag(to: &str) -> bool {
    let parameters = to.rsplit_once('>').map_or(to, |(_, parameters)| parameters);
    parameters.split(';').skip(1).any(|one| one.trim().to_ascii_lowercase().starts_with("tag="))
}

/// Writes one header.
pub(super) fn push(message: &mut String, name: &str, value: &str) {
    message.push_str(name);
    message.push_str(": ");
    message.push_str(value);
    message.push_str("\r\n");
}
