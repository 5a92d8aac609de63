//! What a page tells the person about what they just did.

use crate::i18n::{self, Locale};

/// A sentence that the page shows beside a field, at the top of a form, or at the top of the account page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// E-mail or password is wrong; the page never says which.
    WrongCredentials,
    /// Too many failed tries.
    TooManyTries {
        /// Seconds until the next try is taken.
        seconds: u64,
    },
    /// The server cannot check passwords right now.
    Busy,
    /// The page's anti-forgery token or journey is too old; the form can be sent again.
    Expired,
    /// No e-mail address was given.
    EmailMissing,
    /// What was given is no e-mail address.
    EmailMalformed,
    /// No password was given.
    PasswordMissing,
    /// The current password, asked for on a change, is wrong.
    CurrentPasswordWrong,
    /// The new password is too short.
    PasswordTooShort {
        /// Least number of characters.
        minimum: usize,
    },
    /// The new password is too long.
    PasswordTooLong {
        /// Greatest number of characters.
        maximum: usize,
    },
    /// The new password is in the list of the most used.
    PasswordTooCommon,
    /// The new password holds the person's name or address.
    PasswordContainsName,
    /// The new password is the current one.
    PasswordUnchanged,
    /// The two entries of the new password differ.
    PasswordsDiffer,
    /// The typed number is no national identifier.
    NumberMalformed,
    /// The upstream provider knows nobody of the typed number.
    NumberUnknown,
    /// Somebody's request waits for the same person.
    NumberPending,
    /// A name is missing, too long, or holds what is no text.
    NameMissing,
    /// No tenant was chosen.
    TenantMissing,
    /// Done: the password changed.
    PasswordChanged,
    /// Done: one session ended.
    SessionEnded,
    /// Done: all sessions but this one ended.
    OtherSessionsEnded,
    /// Done: a consent was withdrawn.
    ConsentWithdrawn,
    /// Done: an account was made at the first sign-in.
    Welcome,
    /// Done: an upstream provider was linked.
    Linked,
    /// Done: such a link was removed.
    Unlinked,
    /// Done: the person proved anew who they are.
    Proven,
    /// Done: the person joined a tenant.
    Joined,
    /// Address or password is wrong, and the people of this address sign in at the upstream provider whose button is first.
    SignInElsewhere,
    /// An account has the address that an upstream provider told: its owner signs in, to link the two.
    AccountExists,
}

impl Message {
    /// The sentence in a language.
    pub fn text(self, locale: Locale) -> String {
        let plain = |key| i18n::t(locale, key).to_owned();
        match self {
            Self::WrongCredentials => plain("message.wrong_credentials"),
            Self::TooManyTries { seconds } => {
                i18n::t_with(locale, "message.too_many_tries", &[("wait", &i18n::duration(locale, seconds))])
            }
            Self::Busy => plain("message.busy"),
            Self::Expired => plain("message.expired"),
            Self::EmailMissing => plain("message.email_missing"),
            Self::EmailMalformed => plain("message.email_malformed"),
            Self::PasswordMissing => plain("message.password_missing"),
            Self::CurrentPasswordWrong => plain("message.current_password_wrong"),
            Self::PasswordTooShort { minimum } => {
                i18n::t_with(locale, "message.password_too_short", &[("minimum", &minimum.to_string())])
            }
            Self::PasswordTooLong { maximum } => {
                i18n::t_with(locale, "message.password_too_long", &[("maximum", &maximum.to_string())])
            }
            Self::PasswordTooCommon => plain("message.password_too_common"),
            Self::PasswordContainsName => plain("message.password_contains_name"),
            Self::PasswordUnchanged => plain("message.password_unchanged"),
            Self::PasswordsDiffer => plain("message.passwords_differ"),
            Self::NumberMalformed => plain("message.number_malformed"),
            Self::NumberUnknown => plain("message.number_unknown"),
            Self::NumberPending => plain("message.number_pending"),
            Self::NameMissing => plain("message.name_missing"),
            Self::TenantMissing => plain("message.tenant_missing"),
            Self::PasswordChanged => plain("message.password_changed"),
            Self::SessionEnded => plain("message.session_ended"),
            Self::OtherSessionsEnded => plain("message.other_sessions_ended"),
            Self::ConsentWithdrawn => plain("message.consent_withdrawn"),
            Self::Welcome => plain("message.welcome"),
            Self::Linked => plain("message.linked"),
            Self::Unlinked => plain("message.unlinked"),
            Self::Proven => plain("message.proven"),
            Self::Joined => plain("message.joined"),
            Self::SignInElsewhere => plain("message.sign_in_elsewhere"),
            Self::AccountExists => plain("message.account_exists"),
        }
    }

    /// Whether it tells of something done, not of something wrong.
    pub const fn is_success(self) -> bool {
        matches!(
            self,
            Self::PasswordChanged
                | Self::SessionEnded
                | Self::OtherSessionsEnded
                | Self::ConsentWithdrawn
                | Self::Welcome
                | Self::Linked
                | Self::Unlinked
                | Self::Proven
                | Self::Joined
        )
    }

    /// Whether trying again with other input is pointless for now: shown as a warning.
    pub const fn is_warning(self) -> bool {
        matches!(
            self,
            Self::TooManyTries { .. }
                | Self::Busy
                | Self::Expired
                | Self::AccountExists
                | Self::NumberPending
                | Self::SignInElsewhere
        )
    }
}
