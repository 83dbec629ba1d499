//! Proving the password to the telephone network (digest authentication, RFC 3261, section 22, RFC 7616 and RFC 8760).

use bytesstr::BytesStr;
use ezk_sip_types::Headers;
use ezk_sip_types::header::typed::{
    Algorithm, AlgorithmValue, AuthChallenge, DigestChallenge, DigestResponse, QopOption,
    QopResponse, Username,
};
use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::message::Message;

/// Who proves it.
pub(super) struct Credentials<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a str,
}

/// What a request is proved for.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    pub(super) nonce: &'a str,
}

/// A challenge that can be answered.
pub(super) struct Challenge {
    /// The header that the answer goes into.
    header: &'static str,
    digest: DigestChallenge,
    hash: Hash,
}

#[derive(Clone, Copy)]
enum Hash {
    Md5,
    Sha256,
}

impl Hash {
    /// The order in which challenges are preferred.
    const ALL: [Self; 2] = [Self::Sha256, Self::Md5];

    fn is_of(self, algorithm: &Algorithm) -> bool {
        let value = match self {
            Self::Md5 => AlgorithmValue::MD5,
            Self::Sha256 => AlgorithmValue::SHA256,
        };
        *algorithm == Algorithm::AlgorithmValue(value)
    }

    fn of(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(text)),
            Self::Sha256 => hex::encode(Sha256::digest(text)),
        }
    }
}

impl Challenge {
    /// The challenge of a refused request that is answered; none where there is none that can be.
    pub(super) fn of(message: &Message, status: u16) -> Option<Self> {
        let (from, header) = match status {
            401 => ("WWW-Authenticate", "Authorization"),
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return None,
        };
        // The parser cuts an algorithm's name at a byte: it must not be in a letter of several.
        let values = message.all(from).filter(|value| value.is_ascii());
        let digests: Vec<DigestChallenge> = values.filter_map(digest).collect();
        Hash::ALL.into_iter().find_map(|hash| {
            let digest = digests.iter().find(|digest| hash.is_of(&digest.algorithm))?.clone();
            let answered = digest.qop.is_empty() || digest.qop.contains(&QopOption::Auth);
            answered.then_some(Self { header, digest, hash })
        })
    }

    /// Whether only the number once given is too old.
    pub(super) fn is_stale(&self) -> bool {
        self.digest.stale
    }

    /// The header that proves the password, and its value.
    pub(super) fn answer(
        &self,
        who: &Credentials<'_>,
        asked: &Asked<'_>,
    ) -> (&'static str, String) {
        let Self { digest, hash, .. } = self;
        let secret = hash.of(&format!("{}:{}:{}", who.user, digest.realm, who.password));
        let request = hash.of(&format!("{}:{}", asked.method, asked.uri));
        let nonce = &digest.nonce;
        let (response, qop_response) = if digest.qop.is_empty() {
            (hash.of(&format!("{secret}:{nonce}:{request}")), None)
        } else {
            let own = asked.nonce;
            let response = hash.of(&format!("{secret}:{nonce}:00000001:{own}:auth:{request}"));
            let qop = QopResponse { qop: QopOption::Auth, cnonce: own.into(), nc: 1 };
            (response, Some(qop))
        };
        let answer = DigestResponse {
            username: Username::new(who.user.into()),
            realm: digest.realm.clone(),
            nonce: nonce.clone(),
            uri: asked.uri.into(),
            response: response.into(),
            algorithm: digest.algorithm.clone(),
            opaque: digest.opaque.clone(),
            qop_response,
            userhash: false,
            other: Vec::new(),
        };
        let mut headers = Headers::new();
        let name = ezk_sip_types::Name::from(self.header);
        headers.insert_type(name.clone(), &answer);
        let value = headers.get_raw(&name).as_slice().first().map(BytesStr::to_string);
        (self.header, value.unwrap_or_default())
    }
}

fn digest(value: &BytesStr) -> Option<DigestChallenge> {
    let mut one = Headers::new();
    let name = ezk_sip_types::Name::from("WWW-Authenticate");
    one.insert(name.clone(), value.clone());
    match one.get::<AuthChallenge>(name).ok()? {
        AuthChallenge::Digest(digest) => Some(digest),
        AuthChallenge::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, header: &str, value: &str) -> Option<Challenge> {
        let text = format!("SIP/2.0 {status} No\r\n{header}: {value}\r\nCSeq: 1 INVITE\r\n\r\n");
        Challenge::of(&Message::read(text.as_bytes()).unwrap(), status)
    }

    /// The example of RFC 2617, section 3.5, and that of RFC 7616, section 3.9.1.
    #[test]
    fn answers_are_those_of_the_standards() {
        let who = Credentials { user: "Mufasa", password: "Circle Of Life" };
        let asked = Asked { method: "GET", uri: "/dir/index.html", nonce: "0a4f113b" };
        let challenge = refused(
            401,
            "WWW-Authenticate",
            "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        );
        let (header, value) = challenge.unwrap().answer(&who, &asked);
        assert_eq!(header, "Authorization");
        for part in [
            "response=\"6629fae49393a05397450978507c4ef1\"",
            "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
            "qop=auth",
            "nc=00000001",
        ] {
            assert!(value.contains(part), "{part}: {value}");
        }
        let who = Credentials { user: "Mufasa", password: "Circle of Life" };
        let own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let asked = Asked { method: "GET", uri: "/dir/index.html", nonce: own };
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let challenge = |algorithm: &str| {
            let value = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth\", algorithm={algorithm}, nonce=\"{nonce}\""
            );
            refused(407, "Proxy-Authenticate", &value)
        };
        let (header, value) = challenge("SHA-256").unwrap().answer(&who, &asked);
        assert_eq!(header, "Proxy-Authorization");
        let response = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        assert!(value.contains(response), "{value}");
        let (_, value) = challenge("MD5").unwrap().answer(&who, &asked);
        assert!(value.contains("8ca523f5e9506fed4657c9700eebdbec"), "{value}");
        assert!(challenge("MD6").is_none());
    }

    #[test]
    fn what_cannot_be_answered_is_no_challenge() {
        for value in [
            "Basic realm=\"a\"",
            "Digest realm=\"a\"",
            "Digest",
            "",
            "Digest realm=\"a\", nonce=\"b\", qop=\"auth-int\"",
            "Digest realm=\"a\", nonce=\"b\", algorithm=\"abcé-x\"",
        ] {
            assert!(refused(401, "WWW-Authenticate", value).is_none(), "{value}");
        }
        assert!(refused(401, "Proxy-Authenticate", "Digest realm=\"a\", nonce=\"b\"").is_none());
    }
}
