//! Signs requests by OAuth 1.0a (RFC 5849) without a token, with HMAC-SHA256.
//!
//! Only GET: the parameters are those of the query and of the header. The surprise: a signature has a time and a nonce that
//! servers remember, so a request that is repeated must be signed again.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::error::HttpErrorKind;
use super::page_request::encode;

/// The method's name: that of RFC 5849 3.4.2 with SHA-256 in place of SHA-1 (webuntis-oneroster.md 1.7).
const METHOD: &str = "HMAC-SHA256";

/// Signs the requests of one client.
pub(crate) struct RequestSigner {
    client_id: String,
    client_secret: SecretString,
}

impl RequestSigner {
    pub(crate) fn new(client_id: &str, client_secret: &SecretString) -> Self {
        Self {
            client_id: client_id.to_owned(),
            client_secret: client_secret.clone(),
        }
    }

    /// What no message may contain.
    pub(super) fn secret(&self) -> &str {
        self.client_secret.expose_secret()
    }

    /// The value of `Authorization` for a GET of this address, with a new nonce.
    pub(super) fn authorization(
        &self,
        address: &Url,
        now: Timestamp,
    ) -> Result<SecretString, HttpErrorKind> {
        let mut nonce = [0; 16];
        aws_lc_rs::rand::fill(&mut nonce)
            .map_err(|_| HttpErrorKind::Setup("the system has no random numbers".into()))?;
        let nonce = format!("{:032x}", u128::from_be_bytes(nonce));
        Ok(self.signed(address, now.as_second(), &nonce).into())
    }

    fn signed(&self, address: &Url, time: i64, nonce: &str) -> String {
        let time = time.to_string();
        let mut parameters = vec![
            ("oauth_consumer_key", self.client_id.as_str()),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", METHOD),
            ("oauth_timestamp", &time),
            ("oauth_version", "1.0"),
        ];
        let signature = signature(&base_string("GET", address, &parameters), self.secret(), "");
        parameters.push(("oauth_signature", &signature));
        let pairs = parameters
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", encoded(value)));
        format!("OAuth {}", pairs.collect::<Vec<_>>().join(", "))
    }
}

/// The signature base string (RFC 5849 3.4.1): method, address without its query, all parameters in order.
fn base_string(method: &str, address: &Url, parameters: &[(&str, &str)]) -> String {
    let query = address.query_pairs();
    let query = query.map(|(name, value)| (encoded(&name), encoded(&value)));
    let given = parameters.iter();
    let given = given.map(|(name, value)| (encoded(name), encoded(value)));
    let mut pairs: Vec<(String, String)> = query.chain(given).collect();
    pairs.sort_unstable();
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    let pairs = pairs.collect::<Vec<_>>().join("&");
    // The URL parser has lowered scheme and host and dropped the usual port.
    let address = format!(
        "{}{}",
        address.origin().ascii_serialization(),
        address.path()
    );
    format!("{method}&{}&{}", encoded(&address), encoded(&pairs))
}

/// The base64 of the HMAC under both secrets (RFC 5849 3.4.2); without a token its secret is empty.
fn signature(base_string: &str, client_secret: &str, token_secret: &str) -> String {
    let key = format!("{}&{}", encoded(client_secret), encoded(token_secret));
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, base_string.as_bytes()))
}

/// Percent-encoding (RFC 5849 3.6): everything but letters, digits and `-._~`.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    encode(text, &mut encoded);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    /// The examples of RFC 5849 3.4.1.1 and 1.2; a form's body and a token are parameters like others.
    #[test]
    fn the_base_strings_of_the_standard() {
        let address = url("http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b");
        let parameters = [
            ("c2", ""),
            ("a3", "2 q"),
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
        ];
        assert_eq!(
            base_string("POST", &address, &parameters),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D\
             %26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method\
             %3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
        let ported = base_string("GET", &url("https://www.example.net:8080/?q=1"), &[]);
        assert_eq!(ported, "GET&https%3A%2F%2Fwww.example.net%3A8080%2F&q%3D1");
        let plus = base_string("GET", &url("https://a.example/x%20y?q=a+b"), &[]);
        assert_eq!(plus, "GET&https%3A%2F%2Fa.example%2Fx%2520y&q%3Da%2520b");
    }

    /// RFC 5849 1.2 with HMAC-SHA256, and a client without a token; calculated by another program.
    #[test]
    fn signatures_under_both_secrets() {
        let parameters = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", METHOD),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ];
        let address = url("http://photos.example.net/photos?file=vacation.jpg&size=original");
        let text = base_string("GET", &address, &parameters);
        assert_eq!(
            signature(&text, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00"),
            "HtMwoX2zenlFjgGg/SNEoKEQmL7CzxYFEKzs7er044Y="
        );
        let signer = RequestSigner::new("rollbook", &"a secret&more".into());
        let address = url(
            "https://sis.example/ims/oneroster/v1p1/users?limit=100&filter=\
             dateLastModified%3E%3D%272026-02-03T07%3A00%3A00.000Z%27",
        );
        assert_eq!(
            signer.signed(&address, 1_770_102_000, "n"),
            "OAuth oauth_consumer_key=\"rollbook\", oauth_nonce=\"n\", oauth_signature_method=\"HMAC-SHA256\", \
             oauth_timestamp=\"1770102000\", oauth_version=\"1.0\", \
             oauth_signature=\"5Tg849oB6eM2bJHlS6Zc%2FCAUVDac5p08V3fK49z0r3w%3D\""
        );
    }

    #[test]
    fn no_nonce_comes_twice() {
        let signer = RequestSigner::new("rollbook", &"secret".into());
        let address = url("https://sis.example/users");
        let sign = || {
            signer
                .authorization(&address, Timestamp::UNIX_EPOCH)
                .expect("random")
        };
        assert_ne!(sign().expose_secret(), sign().expose_secret());
    }
}
