//! The common name of a certificate's subject, which names the client at Pro Santé Connect (`tls_client_auth`).

/// Tags of DER (X.690) that lead to a subject.
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
/// `id-at-commonName`, 2.5.4.3, with its tag and length.
const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];

/// The subject's common name, of a certificate in DER. The handshake proved that its holder has the key; nothing else is
/// looked at.
pub(super) fn common_name(der: &[u8]) -> Option<String> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (body, _) = expect(certificate, SEQUENCE)?;
    let rest = expect(body, VERSION).map_or(body, |(_, rest)| rest);
    let (_serial, rest) = expect(rest, INTEGER)?;
    let (_algorithm, rest) = expect(rest, SEQUENCE)?;
    let (_issuer, rest) = expect(rest, SEQUENCE)?;
    let (_validity, rest) = expect(rest, SEQUENCE)?;
    let (mut names, _) = expect(rest, SEQUENCE)?;
    while let Some((one, rest)) = expect(names, SET) {
        let (pair, _) = expect(one, SEQUENCE)?;
        if let Some(value) = pair.strip_prefix(&COMMON_NAME) {
            let (_, text, _) = element(value)?;
            return String::from_utf8(text.to_vec()).ok();
        }
        names = rest;
    }
    None
}

/// The content of an element that has this tag, and what follows it.
fn expect(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(der)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content, rest.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if octets.len() > 3 {
            return None;
        }
        (octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_name_of_the_subject() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::OrganizationName, "Exemple");
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "guichet-demo");
        let certificate = parameters.self_signed(&key).unwrap();
        assert_eq!(common_name(certificate.der()).as_deref(), Some("guichet-demo"));
        for cut in [0, 1, 5, 40, certificate.der().len() - 1] {
            assert_eq!(common_name(&certificate.der()[..cut]), None, "{cut}");
        }
    }
}
