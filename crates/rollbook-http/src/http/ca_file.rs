//! The certificates of a source's `ca_file`, and why a file has none.

use std::path::Path;

use reqwest::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The certificates of a file, or a message that fits after its name.
pub(super) fn certificates(file: &Path) -> Result<Vec<Certificate>, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("cannot be read: {}", error.kind()))?;
    let found = Certificate::from_pem_bundle(&bytes).unwrap_or_default();
    if found.is_empty() {
        return Err(without_certificate(&bytes).to_owned());
    }
    match CertificateDer::pem_slice_iter(&bytes).all(|one| one.is_ok_and(is_authority)) {
        true => Ok(found),
        false => Err("contains a certificate that is damaged".to_owned()),
    }
}

/// Why no certificate of a source's `ca_file` can be trusted; fits after the file's name.
pub fn unusable_ca_file(file: &Path) -> Option<String> {
    certificates(file).err()
}

fn is_authority(certificate: CertificateDer<'_>) -> bool {
    RootCertStore::empty().add(certificate).is_ok()
}

/// DER is a SEQUENCE, which begins with this byte.
const DER: u8 = 0x30;

fn without_certificate(bytes: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(bytes);
    if bytes.trim_ascii().is_empty() {
        "is empty; write PEM certificates into it"
    } else if text.contains("PRIVATE KEY-----") {
        "contains a private key and no certificate; it needs the PEM certificate of the authority"
    } else if text.contains("-----BEGIN CERTIFICATE-----") {
        "contains a certificate that is damaged"
    } else if bytes[0] == DER {
        "is not PEM, perhaps DER; `openssl x509 -inform der -in FILE -out FILE.pem` converts it"
    } else {
        "contains no PEM certificate"
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const AUTHORITY: &str = include_str!("tests/certificates/authority.pem");
    const KEY: &str = include_str!("tests/certificates/server.key");

    #[test]
    fn why_a_file_has_no_certificate() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        let lines: String = AUTHORITY
            .lines()
            .filter(|line| !line.contains("-----"))
            .collect();
        let der = STANDARD.decode(&lines).expect("base64");
        let damaged = AUTHORITY.replacen(&lines[..8], "AAAAAAAA", 1);
        let cut = AUTHORITY.replace("-----END CERTIFICATE-----", "");
        let damage = Some("contains a certificate that is damaged");
        let rows: [(&str, &[u8], Option<&str>); 9] = [
            ("an authority", AUTHORITY.as_bytes(), None),
            ("two", &[AUTHORITY, AUTHORITY].concat().into_bytes(), None),
            (
                "a key",
                KEY.as_bytes(),
                Some(
                    "contains a private key and no certificate; it needs the PEM certificate of the authority",
                ),
            ),
            (
                "DER",
                &der,
                Some(
                    "is not PEM, perhaps DER; `openssl x509 -inform der -in FILE -out FILE.pem` converts it",
                ),
            ),
            (
                "nothing",
                b"",
                Some("is empty; write PEM certificates into it"),
            ),
            (
                "blanks",
                b" \n",
                Some("is empty; write PEM certificates into it"),
            ),
            ("a text", b"hello", Some("contains no PEM certificate")),
            ("a damaged one", damaged.as_bytes(), damage),
            ("a cut one", cut.as_bytes(), damage),
        ];
        for (name, bytes, expected) in rows {
            std::fs::write(&file, bytes).expect("written");
            assert_eq!(unusable_ca_file(&file).as_deref(), expected, "{name}");
        }
        let missing = unusable_ca_file(&folder.path().join("none"));
        assert_eq!(missing.as_deref(), Some("cannot be read: entity not found"));
    }
}
