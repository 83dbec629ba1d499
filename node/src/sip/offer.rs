//! What voice is offered, and what is answered (SDP: RFC 8866 and RFC 3264).

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use bytesstr::BytesStr;
use ezk_sdp_types::{Direction, MediaType, SessionDescription, TaggedAddress, TransportProtocol};

use super::voice::Codec;

/// The number under which pressed keys are offered.
pub(super) const KEYS: u8 = 101;

/// Where the other side hears, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) to: SocketAddr,
    pub(super) codec: Codec,
    /// It takes sound: whoever is put on hold sends only.
    pub(super) hears: bool,
    /// The other side's number of packets that tell of keys, beside the one that was offered to it; none where keys come
    /// by `INFO` only.
    pub(super) keys: Option<u8>,
}

/// Offers both kinds of G.711, and keys, at an address.
pub(super) fn offer(at: SocketAddr, session: u32) -> String {
    let (ip, port) = (at.ip(), at.port());
    let kind = if ip.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=- {session} 1 IN {kind} {ip}\r\ns=-\r\nc=IN {kind} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8 0 {KEYS}\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:{KEYS} telephone-event/8000\r\na=fmtp:{KEYS} 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

/// Reads an answer; none where it is none, takes no voice, or names a place to which nothing may be sent.
pub(super) fn answer(body: &Bytes, is_near: bool) -> Option<Agreed> {
    let text = BytesStr::from_utf8_bytes(body.clone()).ok()?;
    let session = SessionDescription::parse(&text).ok()?;
    let media = session.media_descriptions.first()?;
    let line = &media.media;
    let is_plain = line.media_type == MediaType::Audio && line.proto == TransportProtocol::RtpAvp;
    if !is_plain || line.port < 1_024 || media.direction == Direction::Inactive {
        return None;
    }
    let codec = line.fmts.iter().find_map(|format| match format {
        0 => Some(Codec::Pcmu),
        8 => Some(Codec::Pcma),
        _ => None,
    })?;
    let keys = media.rtpmap.iter().find(|map| {
        map.encoding.eq_ignore_ascii_case("telephone-event") && (96..128).contains(&map.payload)
    });
    let ip = match media.connection.as_ref().or(session.connection.as_ref())?.address {
        TaggedAddress::IP4(ip) => IpAddr::V4(ip),
        TaggedAddress::IP6(ip) => IpAddr::V6(ip),
        TaggedAddress::IP4FQDN(_) | TaggedAddress::IP6FQDN(_) => return None,
    };
    may_hear(ip, is_near).then(|| Agreed {
        to: SocketAddr::new(ip, line.port),
        codec,
        hears: media.direction != Direction::SendOnly,
        keys: keys.map(|map| map.payload),
    })
}

/// Whether sound may be sent there: one machine, and this one only where the telephone network is on it too.
fn may_hear(ip: IpAddr, is_near: bool) -> bool {
    let many = ip.is_multicast() || ip.is_unspecified() || ip == std::net::Ipv4Addr::BROADCAST;
    !many && (is_near || !ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Agreed> {
        answer(&Bytes::copy_from_slice(text.replace('\n', "\r\n").as_bytes()), false)
    }

    #[test]
    fn an_offer_can_be_answered_by_itself() {
        for at in ["10.0.0.7:4002", "[2001:db8::7]:4002"] {
            let at: SocketAddr = at.parse().unwrap();
            let agreed = Agreed { to: at, codec: Codec::Pcma, hears: true, keys: Some(KEYS) };
            assert_eq!(answer(&Bytes::from(offer(at, 7)), false), Some(agreed));
        }
    }

    #[test]
    fn answers_without_voice_or_to_nowhere_are_refused() {
        let good =
            "v=0\no=- 1 1 IN IP4 10.0.0.2\ns=-\nc=IN IP4 10.0.0.2\nt=0 0\nm=audio 9000 RTP/AVP 0\n";
        let agreed = Agreed {
            to: "10.0.0.2:9000".parse().unwrap(),
            codec: Codec::Pcmu,
            hears: true,
            keys: None,
        };
        assert_eq!(read(good), Some(agreed));
        for (direction, hears) in [("sendonly", false), ("recvonly", true), ("sendrecv", true)] {
            let answer = format!("{good}a={direction}\n");
            assert_eq!(read(&answer), Some(Agreed { hears, ..agreed }), "{direction}");
        }
        for (from, to) in [
            ("c=IN IP4 10.0.0.2", "c=IN IP4 224.0.0.1"),
            ("c=IN IP4 10.0.0.2", "c=IN IP4 255.255.255.255"),
            ("c=IN IP4 10.0.0.2", "c=IN IP4 127.0.0.1"),
            ("c=IN IP4 10.0.0.2", "c=IN IP4 0.0.0.0"),
            ("c=IN IP4 10.0.0.2", "c=IN IP4 pbx.example"),
            ("c=IN IP4 10.0.0.2\n", ""),
            ("AVP 0", "AVP 18"),
            ("RTP/AVP", "RTP/SAVP"),
            ("m=audio 9000", "m=audio 0"),
            ("m=audio 9000", "m=audio 53"),
            ("m=audio", "m=video"),
            ("m=audio 9000 RTP/AVP 0\n", ""),
            ("AVP 0\n", "AVP 0\na=inactive\n"),
        ] {
            assert_eq!(read(&good.replace(from, to)), None, "{to}");
        }
        assert_eq!(answer(&Bytes::from_static(b"\xff\xff"), false), None);
    }
}
