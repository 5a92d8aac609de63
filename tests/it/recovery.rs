//! Recovery by mail. Names begin with the item of the project's list of attacks, part F, that the test holds against.

mod answers;
mod delivery;
mod links;

use std::path::Path;

use axum::http::StatusCode;
use tempfile::TempDir;

use crate::support::app::{Answer, ISSUER, TestApp};
use crate::support::browser::{Browser, Page};
use crate::support::fixtures::TestUser;

/// A password that may be chosen.
const NEW: &str = "eleven quiet geese over Brest";
/// Another one.
const OTHER: &str = "nine brass kettles in the snow";

/// An application whose mails go into a folder.
struct Office {
    app: TestApp,
    folder: TempDir,
}

impl Office {
    async fn open() -> Self {
        Self::with(&[]).await
    }

    async fn with(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("a name").to_owned();
        let own = [("GUICHET_MAIL__FOLDER", path.as_str()), ("GUICHET_MAIL__FROM", "no-reply@op.test")];
        Self { app: TestApp::with(&[&own, environment].concat()).await, folder }
    }

    /// Lets the job do its work; gives all mails that were ever delivered, the oldest first.
    async fn mails(&self) -> Vec<Mail> {
        self.app.app.mail.as_ref().expect("mails leave").round().await;
        read(self.folder.path())
    }

    /// Asks for a link in a new browser and gives the link out of the latest mail.
    async fn link(&self, email: &str) -> String {
        let sent = ask(&mut self.app.browser(), email).await;
        assert_eq!((sent.answer.status, sent.kind()), (StatusCode::OK, Some("password-reset")), "{sent:?}");
        let mails = self.mails().await;
        mails.last().expect("a mail").link()
    }

    /// Whether this password signs this person in.
    async fn signs_in(&self, user: &TestUser, password: &str) -> bool {
        let mut browser = self.app.browser();
        let page = browser.get("/sign-in").await;
        browser.sign_in(&page, &user.email, password).await.kind() == Some("account")
    }
}

/// Asks for a link on the page for it.
async fn ask(browser: &mut Browser, email: &str) -> Page {
    let page = browser.get("/password-reset").await;
    assert_eq!(page.kind(), Some("password-reset"), "{page:?}");
    browser.submit(&page, &[("email", email)]).await
}

/// Opens a link in a new browser and chooses a password.
async fn choose(app: &TestApp, link: &str, password: &str) -> Answer {
    let mut browser = app.browser();
    let page = browser.get(link).await;
    assert_eq!(page.kind(), Some("password-reset"), "{page:?}");
    browser.submit_once(&page, &[("new_password", password), ("repeat_password", password)]).await
}

/// Whether a link opens its form.
async fn holds(app: &TestApp, link: &str) -> bool {
    let page = app.browser().get(link).await;
    match (page.answer.status.as_u16(), page.kind()) {
        (200, Some("password-reset")) => true,
        (400, Some("error")) => false,
        _ => panic!("{page:?}"),
    }
}

fn is_done(answer: &Answer) -> bool {
    answer.status == StatusCode::OK && answer.body.contains("data-page=\"status\"")
}

/// A delivered mail: headers and both texts, with the transfer encoding undone.
#[derive(Debug)]
struct Mail(String);

impl Mail {
    /// The link to a new password.
    fn link(&self) -> String {
        let (_, rest) = self.0.split_once("/password-reset/").unwrap_or_else(|| panic!("no link in {}", self.0));
        let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        let (before, _) = self.0.split_once("/password-reset/").expect("it was there");
        let origin = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        format!("{origin}/password-reset/{token}")
    }

    fn token(&self) -> String {
        self.link().strip_prefix(&format!("{ISSUER}/password-reset/")).expect("a link of ours").to_owned()
    }

    fn is_notice(&self) -> bool {
        self.0.contains("/account")
    }

    fn is_to(&self, email: &str) -> bool {
        self.0.contains(&format!("To: {email}\r\n"))
    }
}

fn read(folder: &Path) -> Vec<Mail> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| Mail(decode(&std::fs::read_to_string(path).expect("a mail")))).collect()
}

/// Undoes quoted-printable as far as these tests look: soft line breaks and the equals sign.
fn decode(text: &str) -> String {
    assert!(!text.contains("Content-Transfer-Encoding: base64"), "{text}");
    text.replace("=\r\n", "").replace("=3D", "=")
}
