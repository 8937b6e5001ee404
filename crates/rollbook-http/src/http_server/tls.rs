//! HTTPS with the certificate and key of the configuration.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, crypto};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Bytes that wait for a slow reader, in place of 64 KiB.
pub(super) const TLS_BUFFER: usize = 16 << 10;

/// Makes HTTPS of plain connections; certificates and key are PEM.
///
/// # Errors
/// Why they cannot be used; repeats nothing of the key.
pub(super) fn acceptor(certificates: &[u8], key: &[u8]) -> Result<TlsAcceptor, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
    let chain = chain.map_err(|_| "the certificate is not PEM".to_owned())?;
    if chain.is_empty() {
        return Err("the certificate has no `BEGIN CERTIFICATE`".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| "the key is not a private key in PEM".to_owned())?;
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| format!("certificate and key cannot be used: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_or_key_is_said() {
        let other = b"-----BEGIN OTHER-----\nAAAA\n-----END OTHER-----\n";
        let certificate = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (certificates, key, expected) in [
            (
                &b""[..],
                &b""[..],
                "the certificate has no `BEGIN CERTIFICATE`",
            ),
            (other, b"", "the certificate has no `BEGIN CERTIFICATE`"),
            (
                certificate,
                b"hunter2",
                "the key is not a private key in PEM",
            ),
            (
                certificate,
                certificate,
                "the key is not a private key in PEM",
            ),
        ] {
            let error = acceptor(certificates, key).err();
            assert_eq!(error.as_deref(), Some(expected));
        }
    }
}
