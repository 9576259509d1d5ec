//! Whom programs in an image trust over TLS.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The certificates of Mozilla's list as one PEM file (RFC 7468), in the order of the list.
///
/// They come with this crate and not from the machine that builds, whose list would make another image.
pub(crate) fn mozilla() -> String {
    let mut file = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        file.push_str("-----BEGIN CERTIFICATE-----\n");
        let mut encoded = STANDARD.encode(certificate);
        while !encoded.is_empty() {
            let rest = encoded.split_off(encoded.len().min(64));
            file.push_str(&encoded);
            file.push('\n');
            encoded = rest;
        }
        file.push_str("-----END CERTIFICATE-----\n");
    }
    file
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};

    use super::*;

    #[test]
    fn every_certificate_of_the_list_can_be_read_again() {
        let file = mozilla();
        let read: Vec<_> = CertificateDer::pem_slice_iter(file.as_bytes()).map(Result::unwrap).collect();
        assert!(read.len() > 100);
        assert_eq!(read, webpki_root_certs::TLS_SERVER_ROOT_CERTS);
    }
}
