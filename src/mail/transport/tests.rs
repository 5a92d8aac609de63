//! Both ways out, each to a receiver of the test's own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use lettre::transport::smtp::client::Certificate;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

use super::*;
use crate::base::Secret;
use crate::config::SmtpSecurity;

fn message(to: &str) -> Message {
    Message {
        id: Uuid::from_u128(7),
        at: Timestamp::from_seconds(1_790_000_000),
        to: to.to_owned(),
        mail: Mail {
            subject: "Mot de passe changé".to_owned(),
            text: "Bonjour Inès,\nhttps://sso.example.org/password-reset/gpr_secret\n".to_owned(),
            html: "<p>Bonjour</p>".to_owned(),
        },
    }
}

fn mailer(way: Way) -> Mailer {
    Mailer { from: "no-reply@example.org".to_owned(), way }
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_folder_takes_one_whole_private_file_a_mail() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("deep/mails");
    let mailer = mailer(Way::Folder(Folder::new(folder.clone())));
    let first = Message { id: Uuid::from_u128(9), ..message("ines@example.org") };
    mailer.send(&first).await.unwrap();
    mailer.send(&message("ines@example.org")).await.unwrap();
    let names = files(&folder);
    assert_eq!(names.len(), 2, "nothing unfinished is left: {names:?}");
    assert!(names[0].ends_with(&format!("{}.eml", first.id)), "names are ordered by time: {names:?}");
    let path = folder.join(&names[0]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let text = std::fs::read_to_string(&path).unwrap();
    for part in [
        "From: no-reply@example.org",
        "To: ines@example.org",
        "Date: Mon, 21 Sep 2026",
        "Message-ID: <00000000-0000-0000-0000-000000000009@example.org>",
        "Auto-Submitted: auto-generated",
        "multipart/alternative",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[tokio::test]
async fn an_address_cannot_smuggle_a_header() {
    let place = tempfile::tempdir().unwrap();
    let mailer = mailer(Way::Folder(Folder::new(place.path().to_owned())));
    for to in ["a@example.org\r\nBcc: b@example.org", "a@example.org, b@example.org", "", "a"] {
        let refused = mailer.send(&message(to)).await.unwrap_err();
        assert!(matches!(refused, MailError::Message(_)), "{to:?}: {refused}");
        assert!(!refused.to_string().contains("example.org"));
    }
    let mut forged = message("a@example.org");
    forged.mail.subject = "Hello\r\nBcc: b@example.org".to_owned();
    mailer.send(&forged).await.unwrap();
    let text = std::fs::read_to_string(place.path().join(&files(place.path())[0])).unwrap();
    assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "{text}");
}

/// What the server does.
#[derive(Clone, Default)]
struct Conduct {
    starttls: bool,
    tls: Option<TlsAcceptor>,
    /// Answer to `RCPT TO` instead of 250.
    refusal: Option<&'static str>,
}

/// Every line that the server was told, in order; `TLS` marks where the connection became protected.
type Heard = Arc<Mutex<Vec<String>>>;

/// Serves one connection after another, as a mail server does in RFC 5321 §3.
async fn server(conduct: Conduct, wrapped: bool) -> (u16, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Heard::default();
    let (ears, mut conduct) = (heard.clone(), conduct);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if wrapped {
                let tls = conduct.tls.clone().unwrap();
                let Ok(stream) = tls.accept(stream).await else { continue };
                ears.lock().unwrap().push("TLS".to_owned());
                conduct.starttls = false;
                talk(stream, &conduct, &ears, true).await;
            } else if let Some(stream) = talk(stream, &conduct, &ears, true).await {
                let tls = conduct.tls.clone().unwrap();
                let Ok(stream) = tls.accept(stream).await else { continue };
                ears.lock().unwrap().push("TLS".to_owned());
                let protected = Conduct { starttls: false, ..conduct.clone() };
                talk(stream, &protected, &ears, false).await;
            }
        }
    });
    (port, heard)
}

/// Talks until the client leaves; gives the stream back when it wants TLS.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: S, conduct: &Conduct, ears: &Heard, greet: bool) -> Option<S> {
    let mut stream = BufReader::new(stream);
    if greet {
        stream.write_all(b"220 mx.test ESMTP\r\n").await.ok()?;
    }
    let mut in_data = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        ears.lock().unwrap().push(line.clone());
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let answer = match verb.as_str() {
            _ if in_data && line != "." => continue,
            "EHLO" if conduct.starttls => "250-mx.test\r\n250 STARTTLS".to_owned(),
            "EHLO" => "250-mx.test\r\n250 AUTH PLAIN".to_owned(),
            "STARTTLS" if conduct.starttls => "220 go ahead".to_owned(),
            "AUTH" => "235 welcome".to_owned(),
            "RCPT" => conduct.refusal.unwrap_or("250 ok").to_owned(),
            "DATA" => "354 go on".to_owned(),
            "QUIT" => "221 bye".to_owned(),
            "MAIL" | "." | "RSET" | "NOOP" => "250 ok".to_owned(),
            _ => "502 what?".to_owned(),
        };
        in_data = verb == "DATA";
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        if answer.starts_with("220") {
            return Some(stream.into_inner());
        }
    }
}

fn smtp(port: u16, security: SmtpSecurity, host: &str) -> Smtp {
    let credentials = (security != SmtpSecurity::None).then(|| ("guichet".to_owned(), Secret::new("pw".to_owned())));
    Smtp::new(config::Smtp { host: host.to_owned(), port, credentials, security })
}

/// A certificate for `localhost` with what serves and what trusts it.
fn localhost() -> (TlsAcceptor, Certificate) {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), Certificate::from_der(cert.der().to_vec()).unwrap())
}

fn heard(heard: &Heard) -> String {
    heard.lock().unwrap().join("\n")
}

/// Whether the server heard anything that tells of the mail or the account with it.
fn learnt(heard: &Heard) -> bool {
    let heard = self::heard(heard);
    ["MAIL", "RCPT", "AUTH", "gpr_"].iter().any(|secret| heard.contains(secret))
}

#[tokio::test]
async fn a_server_in_clear_takes_a_mail() {
    let (port, ears) = server(Conduct::default(), false).await;
    mailer(Way::Smtp(Box::new(smtp(port, SmtpSecurity::None, "127.0.0.1"))))
        .send(&message("ines@example.org"))
        .await
        .unwrap();
    let heard = heard(&ears);
    for part in ["MAIL FROM:<no-reply@example.org>", "RCPT TO:<ines@example.org>", "gpr_secret", "text/html"] {
        assert!(heard.contains(part), "{part} is not in {heard}");
    }
}

#[tokio::test]
async fn starttls_comes_before_everything_that_counts() {
    let (acceptor, root) = localhost();
    let (port, ears) = server(Conduct { starttls: true, tls: Some(acceptor), refusal: None }, false).await;
    let way = smtp(port, SmtpSecurity::StartTls, "localhost").trusting(root);
    mailer(Way::Smtp(Box::new(way))).send(&message("ines@example.org")).await.unwrap();
    let heard = heard(&ears);
    let (before, after) = heard.split_once("TLS\nEHLO").expect("it went over to TLS");
    assert!(!before.contains("AUTH") && !before.contains("MAIL"), "{before}");
    assert!(after.contains("AUTH PLAIN") && after.contains("gpr_secret"), "{after}");
}

#[tokio::test]
async fn a_server_without_starttls_learns_nothing() {
    let (port, ears) = server(Conduct::default(), false).await;
    let way = smtp(port, SmtpSecurity::StartTls, "localhost");
    let refused = mailer(Way::Smtp(Box::new(way))).send(&message("ines@example.org")).await;
    assert!(matches!(refused, Err(MailError::Server(_))), "{refused:?}");
    assert!(!learnt(&ears), "{}", heard(&ears));
}

#[tokio::test]
async fn tls_from_the_first_byte_to_a_known_server_alone() {
    let (acceptor, root) = localhost();
    let (port, ears) = server(Conduct { tls: Some(acceptor), ..Conduct::default() }, true).await;
    let unknown = smtp(port, SmtpSecurity::Tls, "localhost");
    assert!(mailer(Way::Smtp(Box::new(unknown))).send(&message("ines@example.org")).await.is_err());
    let misnamed = smtp(port, SmtpSecurity::Tls, "127.0.0.1").trusting(root.clone());
    assert!(mailer(Way::Smtp(Box::new(misnamed))).send(&message("ines@example.org")).await.is_err());
    assert!(!learnt(&ears), "{}", heard(&ears));
    let known = smtp(port, SmtpSecurity::Tls, "localhost").trusting(root);
    mailer(Way::Smtp(Box::new(known))).send(&message("ines@example.org")).await.unwrap();
    assert!(heard(&ears).starts_with("TLS\nEHLO") && heard(&ears).contains("gpr_secret"));
}

#[tokio::test]
async fn a_refusal_is_told_by_its_code_alone() {
    let refusal = Some("550 no such user ines@example.org here");
    let (port, _) = server(Conduct { refusal, ..Conduct::default() }, false).await;
    let way = smtp(port, SmtpSecurity::None, "127.0.0.1");
    let refused = mailer(Way::Smtp(Box::new(way))).send(&message("ines@example.org")).await.unwrap_err();
    assert_eq!(refused.to_string(), "the server does not take it: it answered 550");
    let gone = smtp(1, SmtpSecurity::None, "127.0.0.1");
    let refused = mailer(Way::Smtp(Box::new(gone))).send(&message("ines@example.org")).await.unwrap_err();
    assert!(!refused.to_string().contains("ines"), "{refused}");
}
