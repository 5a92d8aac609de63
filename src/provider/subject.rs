//! The person a token is about: account, tenant and roles as they are now, and the claims that scopes release.

use serde_json::{Map, Value, json};

use super::ProviderError;
use crate::base::id::{TenantId, UserId};
use crate::model::role::Role;
use crate::model::tenant::Membership;
use crate::model::user::User;
use crate::oauth::{ErrorCode, OAuthError, Scope, claims};
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
    let user =
        conn.user_by_id(user).await?.filter(User::is_active).ok_or_else(|| gone("the account is disabled or gone"))?;
    let membership = match tenant {
        Some(tenant) => {
            Some(conn.membership(user.id, tenant).await?.ok_or_else(|| gone("the membership or its tenant ended"))?)
        }
        None => None,
    };
    Ok(Subject { user, membership })
}

impl Subject {
    /// Roles in the tenant.
    pub fn roles(&self) -> Vec<Role> {
        self.membership.as_ref().map(|member| member.roles.clone()).unwrap_or_default()
    }

    /// Adds `tenant_id`, `tenant` and `roles`, each by its own scope.
    pub fn add_tenant_claims(&self, scope: &Scope, into: &mut Map<String, Value>) {
        let Some(member) = &self.membership else { return };
        if scope.contains("tenant") {
            let tenant = &member.tenant;
            into.insert("tenant_id".to_owned(), tenant.uuid.to_string().into());
            into.insert(
                "tenant".to_owned(),
                json!({"code": tenant.code, "kind": tenant.kind.as_str(), "name": tenant.name}),
            );
        }
        if scope.contains("roles") {
            into.insert("roles".to_owned(), json!(member.roles));
        }
    }

    /// The claims of userinfo (OpenID Connect Core §5.3.2): `sub` and what the scopes release; nothing empty.
    pub fn userinfo(&self, scope: &Scope) -> Map<String, Value> {
        let mut released = Map::new();
        released.insert("sub".to_owned(), self.user.uuid.to_string().into());
        for (claim, value) in self.standard_claims() {
            if claims::scope_of(&claim).is_some_and(|needed| scope.contains(needed)) {
                released.insert(claim, value);
            }
        }
        self.add_tenant_claims(scope, &mut released);
        released
    }

    /// Every standard claim that is known of the person. What the account itself holds wins over the stored claims.
    fn standard_claims(&self) -> Map<String, Value> {
        let user = &self.user;
        let mut all = user.claims.clone();
        all.insert("email".to_owned(), user.email.clone().into());
        all.insert("email_verified".to_owned(), user.email_verified.into());
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
