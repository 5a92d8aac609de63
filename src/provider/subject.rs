//! The person a token is about: account, tenant and roles as they are now, and the claims that scopes release.

use serde_json::{Map, Value, json};

use super::{Provider, ProviderError};
use crate::base::id::{TenantId, UserId};
use crate::model::client::Client;
use crate::model::role::Role;
use crate::model::tenant::Membership;
use crate::model::user::User;
use crate::oauth::client_metadata::SubjectType;
use crate::oauth::registration::sector;
use crate::oauth::{ErrorCode, OAuthError, Release, Scope, claims};
use crate::store::Conn;

/// An active person in a tenant of theirs. Only [`load`] makes one.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The account.
    pub user: User,
    /// The tenant and the roles there; `None` for a person without a tenant.
    pub membership: Option<Membership>,
}

/// Reads a person and their membership; a disabled account and an ended membership are `invalid_grant`.
pub async fn load(conn: &mut Conn, user: UserId, tenant: Option<TenantId>) -> Result<Subject, ProviderError> {
    let gone = |why| ProviderError::from(OAuthError::new(ErrorCode::InvalidGrant).detail(why));
    let (user, membership) = match tenant {
        Some(tenant) => {
            let found = conn.user_with_memberships(user, Some(tenant)).await?;
            found.map(|(user, mut memberships)| (user, memberships.pop())).unzip()
        }
        None => (conn.user_by_id(user).await?, None),
    };
    let user = user.filter(User::is_active).ok_or_else(|| gone("the account is disabled or gone"))?;
    let membership = membership.flatten();
    if tenant.is_some() && membership.is_none() {
        return Err(gone("the membership or its tenant ended"));
    }
    Ok(Subject { user, membership })
}

/// The `sub` by which `client` knows a person: the person's UUID, or for a client with pairwise subjects one that only its
/// sector sees (OpenID Connect Core §8). Every token, hint and answer takes it from here.
pub fn sub(provider: &Provider, client: Option<&Client>, user: &User) -> String {
    let pairwise = client.filter(|client| client.metadata.subject_type == SubjectType::Pairwise);
    match pairwise {
        None => user.uuid.to_string(),
        // Registration sees to it that there is one sector; one client is the narrowest.
        Some(client) => {
            let sector = sector(&client.metadata).unwrap_or_else(|| format!("client:{}", client.client_id));
            provider.secrets().pairwise(&sector, user.uuid)
        }
    }
}

impl Subject {
    /// Roles in the tenant.
    pub fn roles(&self) -> Vec<Role> {
        self.membership.as_ref().map(|member| member.roles.clone()).unwrap_or_default()
    }

    /// The claims of userinfo (OpenID Connect Core §5.3.2): [`sub`] for the client, and what is released; nothing empty.
    pub fn userinfo(&self, sub: String, release: Release<'_>) -> Map<String, Value> {
        let mut all = self.released(release);
        all.insert("sub".to_owned(), sub.into());
        all
    }

    /// The claims about the person in an ID token: `tenant_id`, `tenant` and `roles` by their scopes, and those that are
    /// released by name. Those of the other scopes come from userinfo (OpenID Connect Core §5.4).
    pub fn id_token(&self, release: Release<'_>) -> Map<String, Value> {
        let by_name = Release { scope: &Scope::default(), ..release };
        let standard = self.standard_claims().into_iter().filter(|(claim, _)| by_name.takes(claim));
        standard.chain(self.tenant_claims().into_iter().filter(|(claim, _)| release.takes(claim))).collect()
    }

    /// Every claim about the person that is released, for an ID token that no userinfo follows.
    pub fn released(&self, release: Release<'_>) -> Map<String, Value> {
        self.standard_claims()
            .into_iter()
            .chain(self.tenant_claims())
            .filter(|(claim, _)| release.takes(claim))
            .collect()
    }

    /// `tenant_id`, `tenant` and `roles`; nothing without a tenant.
    fn tenant_claims(&self) -> Map<String, Value> {
        let Some(Membership { tenant, roles, .. }) = &self.membership else { return Map::new() };
        let mut all = Map::new();
        all.insert("tenant_id".to_owned(), tenant.uuid.to_string().into());
        all.insert(
            "tenant".to_owned(),
            json!({"code": tenant.code, "kind": tenant.kind.as_str(), "name": tenant.name}),
        );
        all.insert("roles".to_owned(), json!(roles));
        all
    }

    /// Every standard claim that is known of the person. What the account itself holds wins over the stored claims.
    fn standard_claims(&self) -> Map<String, Value> {
        let user = &self.user;
        let mut all = user.claims.clone();
        if let Some(address) = user.address() {
            all.insert("email".to_owned(), address.into());
            all.insert("email_verified".to_owned(), user.email_verified.into());
        }
        all.insert("updated_at".to_owned(), user.updated_at.seconds().into());
        for (claim, value) in [("given_name", &user.first_name), ("family_name", &user.last_name)] {
            if !value.is_empty() {
                all.insert(claim.to_owned(), value.clone().into());
            }
        }
        if !user.first_name.is_empty() || !user.last_name.is_empty() {
            all.insert("name".to_owned(), user.display_name().into());
        }
        if let Some(locale) = &user.locale {
            all.insert("locale".to_owned(), locale.clone().into());
        }
        all.retain(|claim, value| claims::is_well_typed(claim, value));
        all
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::base::Timestamp;
    use crate::model::tenant::{Tenant, TenantKind, TenantStatus};
    use crate::model::user::UserStatus;

    fn subject() -> Subject {
        let now = Timestamp::from_seconds(1_000);
        let claims = json!({"nickname": "Cam", "nickname#fr": "Camcam", "phone_number": "+33 1 23 45 67 89",
            "birthdate": "never"});
        let user = User {
            id: UserId::new(1),
            uuid: Uuid::from_u128(1),
            email: "camille@example.org".to_owned(),
            email_verified: true,
            first_name: "Camille".to_owned(),
            last_name: "Durand".to_owned(),
            rpps: None,
            locale: None,
            claims: claims.as_object().unwrap().clone(),
            password_hash: None,
            password_changed_at: None,
            platform_admin: false,
            status: UserStatus::Active,
            created_at: now,
            updated_at: now,
            last_login_at: None,
        };
        let tenant = Tenant {
            id: TenantId::new(1),
            uuid: Uuid::from_u128(2),
            code: "ORG-1".to_owned(),
            name: "Pharmacie".to_owned(),
            kind: TenantKind::Pharmacy,
            department: None,
            status: TenantStatus::Active,
            created_at: now,
            updated_at: now,
        };
        let membership = Membership { user: user.id, tenant, roles: vec![Role::Doctor] };
        Subject { user, membership: Some(membership) }
    }

    fn names(claims: &Map<String, Value>) -> Vec<&str> {
        let mut names: Vec<_> = claims.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    fn userinfo(scope: &str, named: &[String], locales: &[String]) -> Map<String, Value> {
        let scope = Scope::parse(scope).unwrap();
        subject().userinfo("s".to_owned(), Release { scope: &scope, named, locales })
    }

    fn id_token(scope: &str, named: &[String], locales: &[String]) -> Map<String, Value> {
        let scope = Scope::parse(scope).unwrap();
        subject().id_token(Release { scope: &scope, named, locales })
    }

    #[test]
    fn userinfo_holds_what_scopes_and_names_release() {
        assert_eq!(names(&userinfo("openid", &[], &[])), ["sub"]);
        assert_eq!(names(&userinfo("openid email", &[], &[])), ["email", "email_verified", "sub"]);
        let named = ["name".to_owned(), "roles".to_owned(), "birthdate".to_owned()];
        let claims = userinfo("openid email", &named, &[]);
        assert_eq!(names(&claims), ["email", "email_verified", "name", "roles", "sub"]);
        assert_eq!(claims.get("name"), Some(&json!("Camille Durand")));
    }

    #[test]
    fn an_id_token_holds_what_is_named_and_not_what_scopes_release_at_userinfo() {
        assert_eq!(names(&id_token("openid profile email", &[], &[])), [""; 0]);
        assert_eq!(names(&id_token("openid tenant", &[], &[])), ["tenant", "tenant_id"]);
        let named = ["email".to_owned(), "roles".to_owned()];
        assert_eq!(names(&id_token("openid profile", &named, &[])), ["email", "roles"]);
    }

    #[test]
    fn a_claim_in_a_language_is_released_when_it_is_named_or_the_language_is_wanted() {
        let (french, named) = (["fr".to_owned()], ["nickname#fr".to_owned()]);
        assert!(!userinfo("openid profile", &[], &[]).contains_key("nickname#fr"));
        assert_eq!(userinfo("openid profile", &[], &french).get("nickname#fr"), Some(&json!("Camcam")));
        assert_eq!(names(&userinfo("openid", &[], &french)), ["sub"]);
        assert_eq!(names(&userinfo("openid", &named, &[])), ["nickname#fr", "sub"]);
        assert_eq!(names(&id_token("openid profile", &["nickname".to_owned()], &french)), ["nickname", "nickname#fr"]);
        assert_eq!(names(&id_token("openid profile", &[], &french)), [""; 0]);
    }
}
