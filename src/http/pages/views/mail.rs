//! The mails to people: a subject, a plain text and an HTML part each.

use std::fmt;

use askama::Template;

use super::{describe_device, text_of};
use crate::base::Timestamp;
use crate::i18n::{self, Locale};
use crate::mail::{self, Content, Mail};

/// What all mails have in common.
#[derive(Debug, Clone)]
pub struct Stationery {
    /// Name of the service.
    pub brand: String,
    /// Language of a person who reads none of ours.
    pub default_locale: Locale,
    /// The account page.
    pub account_url: String,
}

/// Puts a letter in words, as of `now`.
pub fn letter(stationery: &Stationery, letter: &mail::Letter, now: Timestamp) -> Mail {
    let locale = letter.locales.iter().find_map(|tag| Locale::parse(tag)).unwrap_or(stationery.default_locale);
    let (brand, name) = (stationery.brand.clone(), letter.name.clone());
    match &letter.content {
        Content::PasswordReset { url, expires_at } => {
            let valid_seconds = expires_at.since(now).as_secs();
            PasswordResetMail { locale, brand, name, url: url.clone(), valid_seconds }.render()
        }
        Content::Invitation { tenant, url, expires_at } => {
            let valid_seconds = expires_at.since(now).as_secs();
            InvitationMail { locale, brand, tenant: tenant.clone(), url: url.clone(), valid_seconds }.render()
        }
        Content::PasswordChanged { at, user_agent } => {
            let device = user_agent.as_deref().map(|name| describe_device(locale, Some(name))).unwrap_or_default();
            let account_url = stationery.account_url.clone();
            PasswordChangedMail { locale, brand, name, at: *at, device, account_url }.render()
        }
    }
}

/// Tells a person that their password was changed.
#[derive(Clone)]
pub struct PasswordChangedMail {
    /// The person's language.
    pub locale: Locale,
    /// Name of the service.
    pub brand: String,
    /// The person's name.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// The browser, from [`super::describe_device`]; empty where there was none.
    pub device: String,
    /// The account page.
    pub account_url: String,
}

/// Gives a person the link to choose a new password.
#[derive(Clone)]
pub struct PasswordResetMail {
    /// The person's language.
    pub locale: Locale,
    /// Name of the service.
    pub brand: String,
    /// The person's name.
    pub name: String,
    /// The link, with its token.
    pub url: String,
    /// How long it is valid, in seconds.
    pub valid_seconds: u64,
}

/// Invites a person into a tenant.
#[derive(Clone)]
pub struct InvitationMail {
    /// The person's language.
    pub locale: Locale,
    /// Name of the service.
    pub brand: String,
    /// Who invites.
    pub tenant: String,
    /// The link, with its token.
    pub url: String,
    /// How long it is valid, in seconds.
    pub valid_seconds: u64,
}

impl fmt::Debug for InvitationMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitationMail").finish_non_exhaustive()
    }
}

impl fmt::Debug for PasswordChangedMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordChangedMail").field("at", &self.at).finish_non_exhaustive()
    }
}

impl fmt::Debug for PasswordResetMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordResetMail").finish_non_exhaustive()
    }
}

impl PasswordChangedMail {
    /// The mail.
    pub fn render(&self) -> Mail {
        let moment = i18n::moment(self.locale, self.at);
        let fill = |key, values: &[(&str, &str)]| i18n::t_with(self.locale, key, values);
        Letter {
            locale: self.locale,
            brand: &self.brand,
            name: &self.name,
            subject: fill("mail.password_changed.subject", &[("brand", &self.brand)]),
            text: fill("mail.password_changed.text", &[("brand", &self.brand), ("moment", &moment)]),
            detail: (!self.device.is_empty()).then(|| fill("mail.password_changed.where", &[("device", &self.device)])),
            url: &self.account_url,
            link: i18n::t(self.locale, "mail.password_changed.link"),
            not_you: i18n::t(self.locale, "mail.password_changed.not_you"),
        }
        .render()
    }
}

impl InvitationMail {
    /// The mail. Nobody knows the person's name yet.
    pub fn render(&self) -> Mail {
        let wait = i18n::duration(self.locale, self.valid_seconds);
        let values = [("tenant", self.tenant.as_str()), ("brand", &self.brand), ("wait", &wait)];
        let fill = |key| i18n::t_with(self.locale, key, &values);
        Letter {
            locale: self.locale,
            brand: &self.brand,
            name: "",
            subject: fill("mail.invitation.subject"),
            text: fill("mail.invitation.text"),
            detail: None,
            url: &self.url,
            link: i18n::t(self.locale, "mail.invitation.link"),
            not_you: i18n::t(self.locale, "mail.invitation.not_you"),
        }
        .render()
    }
}

impl PasswordResetMail {
    /// The mail.
    pub fn render(&self) -> Mail {
        let wait = i18n::duration(self.locale, self.valid_seconds);
        let fill = |key, values: &[(&str, &str)]| i18n::t_with(self.locale, key, values);
        Letter {
            locale: self.locale,
            brand: &self.brand,
            name: &self.name,
            subject: fill("mail.password_reset.subject", &[("brand", &self.brand)]),
            text: fill("mail.password_reset.text", &[("brand", &self.brand), ("wait", &wait)]),
            detail: None,
            url: &self.url,
            link: i18n::t(self.locale, "mail.password_reset.link"),
            not_you: i18n::t(self.locale, "mail.password_reset.not_you"),
        }
        .render()
    }
}

/// What the mails are made of.
struct Letter<'a> {
    locale: Locale,
    brand: &'a str,
    name: &'a str,
    subject: String,
    text: String,
    detail: Option<String>,
    url: &'a str,
    link: &'a str,
    not_you: &'a str,
}

impl Letter<'_> {
    fn render(&self) -> Mail {
        Mail {
            // A line break in a subject would begin another header.
            subject: self.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
            text: text_of(&LetterText { letter: self }),
            html: text_of(&LetterHtml { letter: self }),
        }
    }

    fn hello(&self) -> String {
        match self.name {
            "" => i18n::t(self.locale, "mail.hello_nobody").to_owned(),
            name => i18n::t_with(self.locale, "mail.hello", &[("name", name)]),
        }
    }

    fn signature(&self) -> String {
        i18n::t_with(self.locale, "mail.signature", &[("brand", self.brand)])
    }

    fn automatic(&self) -> &'static str {
        i18n::t(self.locale, "mail.automatic")
    }
}

#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct LetterText<'a> {
    letter: &'a Letter<'a>,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct LetterHtml<'a> {
    letter: &'a Letter<'a>,
}
