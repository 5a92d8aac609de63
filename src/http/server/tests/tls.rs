use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, CertifiedKey, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::certificate::Certificate;
use super::*;

fn certificate(name: &str) -> CertifiedKey<KeyPair> {
    let signing_key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&signing_key).unwrap();
    CertifiedKey { cert, signing_key }
}

fn write(folder: &Path, made: &CertifiedKey<KeyPair>, client_certificates: ClientCertificates) -> TlsOptions {
    let options = TlsOptions {
        certificate_file: folder.join("tls.crt"),
        private_key_file: folder.join("tls.key"),
        client_certificates,
    };
    std::fs::write(&options.certificate_file, made.cert.pem()).unwrap();
    std::fs::write(&options.private_key_file, made.signing_key.serialize_pem()).unwrap();
    options
}

/// Trusts whatever the server shows, but checks its signature.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

type Shown = Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>;

async fn connect(
    address: SocketAddr,
    shown: Shown,
    version: &'static SupportedProtocolVersion,
    alpn: &[u8],
) -> Result<TlsStream<TcpStream>, std::io::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting(provider)));
    let mut config = match shown {
        Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn certificate_seen(
    address: SocketAddr,
    shown: Shown,
    version: &'static SupportedProtocolVersion,
) -> Option<String> {
    let mut stream = connect(address, shown, version, b"http/1.1").await.ok()?;
    let answer = ask(&mut stream, "/certificate").await?;
    answer.rsplit_once("\r\n").map(|(_, body)| body.to_owned())
}

#[tokio::test]
async fn client_certificates_are_optional_and_proven() {
    let folder = tempfile::tempdir().unwrap();
    let tls = write(folder.path(), &certificate("localhost"), ClientCertificates::Optional);
    let server = start(&ServerOptions { tls: Some(tls), ..options() }).await;
    let client = certificate("client");
    let der = client.cert.der().clone();
    let key = |key: &KeyPair| PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        assert_eq!(certificate_seen(server.address, None, version).await.as_deref(), Some("none"));
        let shown = (der.clone(), key(&client.signing_key));
        assert_eq!(certificate_seen(server.address, Some(shown), version).await, Some(der.len().to_string()));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused() {
    use rustls::client::ResolvesClientCert;
    use rustls::sign::CertifiedKey as Signing;

    #[derive(Debug)]
    struct Stolen(Arc<Signing>);
    impl ResolvesClientCert for Stolen {
        fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<Signing>> {
            Some(Arc::clone(&self.0))
        }
        fn has_certs(&self) -> bool {
            true
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let tls = write(folder.path(), &certificate("localhost"), ClientCertificates::Optional);
    let server = start(&ServerOptions { tls: Some(tls), ..options() }).await;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let foreign = PrivateKeyDer::try_from(certificate("thief").signing_key.serialize_der()).unwrap();
    let foreign = provider.key_provider.load_private_key(foreign).unwrap();
    let stolen = Signing::new(vec![certificate("client").cert.der().clone()], foreign);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting(Arc::clone(&provider))))
            .with_client_cert_resolver(Arc::new(Stolen(Arc::new(stolen.clone()))));
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let answer = match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
            Ok(mut stream) => ask(&mut stream, "/certificate").await,
            Err(_) => None,
        };
        assert_eq!(answer, None);
    }
}

#[tokio::test]
async fn http_2_by_alpn_and_good_bye_at_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let tls = write(folder.path(), &certificate("localhost"), ClientCertificates::Off);
    let server = start(&ServerOptions { tls: Some(tls), ..options() }).await;
    let mut stream = connect(server.address, None, &rustls::version::TLS13, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    // Preface, empty SETTINGS; then HEADERS on stream 1: GET / with the static table and `:authority t`.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    stream.write_all(b"\0\0\x06\x01\x05\0\0\0\x01\x82\x87\x84\x01\x01t").await.unwrap();
    let frame = async |stream: &mut TlsStream<TcpStream>| {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let mut body = vec![0; usize::from(head[1]) * 256 + usize::from(head[2])];
        stream.read_exact(&mut body).await.unwrap();
        (head[3], body)
    };
    let mut kinds = Vec::new();
    while !kinds.contains(&0) {
        kinds.push(frame(&mut stream).await.0);
    }
    assert!(kinds.contains(&1), "HEADERS come before DATA: {kinds:?}");
    let stopping = tokio::spawn(server.stop());
    loop {
        let (kind, body) = frame(&mut stream).await;
        if kind == 7 {
            assert_eq!(body.get(4..8), Some(&[0; 4][..]), "GOAWAY without error");
            break;
        }
    }
    drop(stream);
    stopping.await.unwrap();
}

#[tokio::test]
async fn changed_files_replace_the_certificate_and_bad_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let first = certificate("localhost");
    let options = write(folder.path(), &first, ClientCertificates::Off);
    let current = Certificate::load(options.clone(), Arc::new(aws_lc_rs::default_provider())).await.unwrap();
    assert!(!current.reload().await.unwrap());
    std::fs::write(&options.private_key_file, "nonsense").unwrap();
    assert!(matches!(current.reload().await, Err(ServeError::Pem { .. })));
    std::fs::write(&options.private_key_file, certificate("other").signing_key.serialize_pem()).unwrap();
    assert!(matches!(current.reload().await, Err(ServeError::Tls(_))), "the key fits another certificate");
    write(folder.path(), &certificate("localhost"), ClientCertificates::Off);
    assert!(current.reload().await.unwrap());
    assert!(!current.reload().await.unwrap());
}

#[tokio::test]
async fn a_silent_handshake_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let tls = write(folder.path(), &certificate("localhost"), ClientCertificates::Off);
    let server = start(&ServerOptions { tls: Some(tls), ..options() }).await;
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let seen = certificate_seen(server.address, None, &rustls::version::TLS13).await;
    assert_eq!(seen.as_deref(), Some("none"));
}

#[tokio::test]
async fn missing_files_and_taken_addresses_are_named() {
    let tls = TlsOptions {
        certificate_file: "/nonexistent/tls.crt".into(),
        private_key_file: "/nonexistent/tls.key".into(),
        client_certificates: ClientCertificates::Off,
    };
    let error = Bound::bind(&ServerOptions { tls: Some(tls), ..options() }).await.unwrap_err();
    assert!(error.to_string().contains("/nonexistent/tls.crt"), "{error}");
    let server = start(&options()).await;
    let error = Bound::bind(&ServerOptions::plain(server.address)).await.unwrap_err();
    assert!(error.to_string().contains(&server.address.to_string()), "{error}");
}
