//! What can be made to go wrong, and how each failure is called.

use std::fmt;

/// Where a failure shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The discovery document.
    Discovery,
    /// The key set.
    Jwks,
    /// What the browser brings back to the client.
    Callback,
    /// The answer of the token endpoint.
    Token,
    /// The ID token within it.
    IdToken,
    /// The answer about the person: userinfo, `/me`, `/user`.
    Userinfo,
    /// GitHub's list of e-mail addresses.
    Emails,
    /// The logout token that is sent to the client.
    LogoutToken,
}

impl Stage {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Discovery, "discovery"),
        (Self::Jwks, "jwks"),
        (Self::Callback, "callback"),
        (Self::Token, "token"),
        (Self::IdToken, "id_token"),
        (Self::Userinfo, "userinfo"),
        (Self::Emails, "emails"),
        (Self::LogoutToken, "logout_token"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(stage, _)| *stage == self).map_or("", |(_, name)| name)
    }
}

macro_rules! faults {
    ($($variant:ident $name:literal [$($stage:ident)+] $about:literal)+) => {
        /// What goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault { $(#[doc = $about] $variant,)+ }

        /// Each fault, its name, the stages that can show it, and what it is in French.
        const FAULTS: &[(Fault, &str, &[Stage], &str)] =
            &[$((Fault::$variant, $name, &[$(Stage::$stage),+], $about),)+];
    };
}

faults! {
    Hang "hang" [Discovery Jwks Token Userinfo Emails] "aucune réponse"
    Status500 "500" [Discovery Jwks Token Userinfo Emails] "erreur 500"
    Html "html" [Discovery Jwks Token Userinfo Emails] "page HTML au lieu de JSON"
    Huge "huge" [Discovery Jwks Token Userinfo Emails] "réponse de 100 Mo"
    Slow "slow" [Discovery Jwks Token Userinfo Emails] "un octet par seconde"
    Truncated "truncated" [Discovery Jwks Token Userinfo Emails] "JSON tronqué"
    RedirectLoop "redirect_loop" [Discovery Jwks Token Userinfo Emails] "boucle de redirections"
    RedirectPrivate "redirect_private" [Discovery Jwks Token Userinfo Emails] "redirection vers une adresse interne"
    AccessDenied "access_denied" [Callback] "la personne annule"
    LoginRequired "login_required" [Callback] "erreur login_required"
    ServerError "server_error" [Callback] "erreur server_error"
    Unavailable "temporarily_unavailable" [Callback] "erreur temporarily_unavailable"
    MissingState "missing_state" [Callback] "state absent"
    WrongState "wrong_state" [Callback] "state d’une autre demande"
    MissingIssuer "missing_iss" [Callback] "iss absent"
    MissingCode "missing_code" [Callback] "code absent"
    UnknownCode "unknown_code" [Callback] "code inconnu"
    WrongIssuer "wrong_iss" [Discovery Callback IdToken LogoutToken] "iss d’un autre"
    LegacyIssuer "legacy_iss" [IdToken] "iss sans https:// (ancienne forme de Google)"
    WrongAudience "wrong_aud" [IdToken LogoutToken] "aud d’un autre"
    ManyAudiences "many_aud" [IdToken] "plusieurs aud, azp d’un autre"
    WrongNonce "wrong_nonce" [IdToken] "nonce d’une autre demande"
    MissingNonce "missing_nonce" [IdToken] "nonce absent"
    Expired "expired" [IdToken LogoutToken] "exp dépassé"
    MissingExpiry "missing_exp" [IdToken] "exp absent"
    Future "future" [IdToken] "iat dans une heure"
    AlgNone "alg_none" [IdToken LogoutToken] "alg none, sans signature"
    AlgHs256 "alg_hs256" [IdToken LogoutToken] "HS256 avec le secret du client"
    UnknownKey "unknown_key" [IdToken LogoutToken] "kid qui n’est pas publié"
    BadSignature "bad_signature" [IdToken LogoutToken] "signature fausse"
    WrongHash "wrong_at_hash" [IdToken] "at_hash faux"
    Missing "missing" [IdToken] "id_token absent"
    MissingSubject "missing_sub" [IdToken Userinfo] "sub (id) absent"
    NullSubject "null_sub" [IdToken Userinfo] "sub (id) null"
    EmptySubject "empty_sub" [IdToken Userinfo] "sub (id) vide"
    NumberSubject "number_sub" [IdToken Userinfo] "sub nombre au lieu de texte (id texte au lieu de nombre)"
    LongSubject "long_sub" [IdToken Userinfo] "sub (id) de 10 Kio"
    OtherSubject "other_sub" [IdToken Userinfo] "sub (id) d’un autre"
    MissingAcr "missing_acr" [IdToken] "acr absent"
    UnknownAcr "unknown_acr" [IdToken] "acr inconnu (0)"
    NoNationalId "no_national_id" [Userinfo] "identifiant national absent"
    OtherNationalId "other_national_id" [Userinfo] "identifiant national d’un autre professionnel"
    BadNationalId "bad_national_id" [Userinfo] "RPPS dont la clé est fausse"
    WrongType "wrong_type" [Userinfo] "text/plain au lieu de JSON"
    Unauthorized "401" [Userinfo Emails] "jeton refusé"
    NoEmail "no_email" [Userinfo Emails] "adresse électronique absente"
    NoEvents "missing_events" [LogoutToken] "events absent"
    WithNonce "with_nonce" [LogoutToken] "nonce interdit"
    InvalidGrant "invalid_grant" [Token] "code refusé"
    InvalidClient "invalid_client" [Token] "client refusé"
    Error200 "error_200" [Token] "erreur avec le statut 200 (GitHub)"
    OtherApp "other_app" [Token] "jeton émis pour une autre application"
    NarrowScope "narrow_scope" [Token] "moins de portées que demandé"
}

/// A fault at a stage. Its text is `stage:fault`: `token:hang`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Where.
    pub stage: Stage,
    /// What.
    pub fault: Fault,
}

impl Failure {
    /// This fault at this stage, which may be one that shows nothing.
    pub const fn at(stage: Stage, fault: Fault) -> Self {
        Self { stage, fault }
    }

    /// Every failure there is.
    pub fn all() -> impl Iterator<Item = Self> {
        FAULTS.iter().flat_map(|(fault, _, stages, _)| stages.iter().map(|stage| Self::at(*stage, *fault)))
    }

    /// Reads `stage:fault`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::all().find(|failure| failure.to_string() == text)
    }

    /// What it is, in French.
    pub fn about(self) -> &'static str {
        FAULTS.iter().find(|(fault, ..)| *fault == self.fault).map_or("", |(.., about)| about)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = FAULTS.iter().find(|(fault, ..)| *fault == self.fault).map_or("", |(_, name, ..)| name);
        write!(f, "{}:{name}", self.stage.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_name_of_its_own() {
        let all: Vec<Failure> = Failure::all().collect();
        assert!(all.len() > 60);
        for failure in all {
            assert_eq!(Failure::parse(&failure.to_string()), Some(failure));
        }
        assert_eq!(Failure::parse("token:hang"), Some(Failure::at(Stage::Token, Fault::Hang)));
        for wrong in ["", "hang", "token:", "token:wrong_nonce", "Token:hang"] {
            assert_eq!(Failure::parse(wrong), None, "{wrong}");
        }
    }
}
