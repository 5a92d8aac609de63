//! The members of a client's registration that go beyond signing people in, as options of `client create|update`.

use clap::Args;

use super::output::Failure;
use crate::oauth::ClientMetadata;
use crate::oauth::client_metadata::{ApplicationType, SubjectType};
use crate::oauth::registration_request::LOCALIZABLE;

/// Options. An empty text takes a member away; a list is replaced.
#[derive(Debug, Args)]
#[command(next_help_heading = "Further members")]
pub(super) struct FurtherMembers {
    /// web or native: a native client may have private-use schemes and loopback addresses.
    #[arg(long, value_name = "TYPE")]
    application_type: Option<String>,
    /// public, or pairwise: a `sub` that only clients of its sector see.
    #[arg(long, value_name = "TYPE")]
    subject_type: Option<String>,
    /// A JSON array of the sector's redirect URIs; its host is the sector.
    #[arg(long, value_name = "URI")]
    sector_identifier_uri: Option<String>,
    /// Where logout tokens go.
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
    /// Whether logout tokens must name the session.
    #[arg(long, value_name = "BOOL")]
    backchannel_logout_session_required: Option<bool>,
    /// A page of the client that ends its session when a browser loads it.
    #[arg(long, value_name = "URI")]
    frontchannel_logout_uri: Option<String>,
    /// Whether that page is told issuer and session.
    #[arg(long, value_name = "BOOL")]
    frontchannel_logout_session_required: Option<bool>,
    /// Whether every ID token tells when the person signed in.
    #[arg(long, value_name = "BOOL")]
    require_auth_time: Option<bool>,
    /// Seconds after which a person signs in anew where a request says nothing.
    #[arg(long, value_name = "SECONDS")]
    default_max_age: Option<u64>,
    /// Authentication context wanted where a request names none; repeatable, best first.
    #[arg(long = "default-acr-value", value_name = "ACR")]
    default_acr_values: Vec<String>,
    /// E-mail address of somebody responsible; repeatable.
    #[arg(long = "contact", value_name = "EMAIL")]
    contacts: Vec<String>,
    /// The same for all installations of a software.
    #[arg(long, value_name = "ID")]
    software_id: Option<String>,
    /// Its version.
    #[arg(long, value_name = "VERSION")]
    software_version: Option<String>,
    /// A text or link in another language, such as `client_name#fr=Agenda`; repeatable.
    #[arg(long = "localized", value_name = "MEMBER#LANGUAGE=VALUE")]
    localized: Vec<String>,
}

/// Takes over a text that was named; an empty one takes the member away.
pub(super) fn set(member: &mut Option<String>, named: Option<String>) {
    if let Some(text) = named {
        *member = (!text.is_empty()).then_some(text);
    }
}

impl FurtherMembers {
    /// Takes over what was named; what was not stays.
    pub(super) fn apply(self, metadata: &mut ClientMetadata) -> Result<(), Failure> {
        match self.application_type.as_deref() {
            None => {}
            Some("web") => metadata.application_type = ApplicationType::Web,
            Some("native") => metadata.application_type = ApplicationType::Native,
            Some(other) => return Err(Failure::new(format!("{other} is no application type"))),
        }
        match self.subject_type.as_deref() {
            None => {}
            Some("public") => metadata.subject_type = SubjectType::Public,
            Some("pairwise") => metadata.subject_type = SubjectType::Pairwise,
            Some(other) => return Err(Failure::new(format!("{other} is no subject type"))),
        }
        for (named, member) in [
            (self.sector_identifier_uri, &mut metadata.sector_identifier_uri),
            (self.backchannel_logout_uri, &mut metadata.backchannel_logout_uri),
            (self.frontchannel_logout_uri, &mut metadata.frontchannel_logout_uri),
            (self.software_id, &mut metadata.software_id),
            (self.software_version, &mut metadata.software_version),
        ] {
            set(member, named);
        }
        for (named, member) in [
            (self.backchannel_logout_session_required, &mut metadata.backchannel_logout_session_required),
            (self.frontchannel_logout_session_required, &mut metadata.frontchannel_logout_session_required),
            (self.require_auth_time, &mut metadata.require_auth_time),
        ] {
            *member = named.unwrap_or(*member);
        }
        metadata.default_max_age = self.default_max_age.or(metadata.default_max_age);
        for (named, member) in
            [(self.default_acr_values, &mut metadata.default_acr_values), (self.contacts, &mut metadata.contacts)]
        {
            if !named.is_empty() {
                *member = named.into_iter().filter(|text| !text.is_empty()).collect();
            }
        }
        for text in self.localized {
            localize(metadata, &text)?;
        }
        Ok(())
    }
}

fn localize(metadata: &mut ClientMetadata, text: &str) -> Result<(), Failure> {
    let wrong = || Failure::new(format!("{text} is not MEMBER#LANGUAGE=VALUE with one of {}", LOCALIZABLE.join(", ")));
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let (member, language) = name.split_once('#').ok_or_else(wrong)?;
    if !LOCALIZABLE.contains(&member) || language.is_empty() {
        return Err(wrong());
    }
    if value.is_empty() {
        metadata.localized.remove(name);
    } else {
        metadata.localized.insert(name.to_owned(), value.to_owned());
    }
    Ok(())
}
