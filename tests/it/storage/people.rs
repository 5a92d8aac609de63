//! Accounts, tenants, memberships.

use guichet::base::id::{TenantId, UserId};
use guichet::model::role::Role;
use guichet::model::tenant::{NewTenant, TenantKind, TenantStatus};
use guichet::model::user::{NewUser, UserStatus};
use guichet::store::{Constraint, Store, StoreError};
use serde_json::json;

use super::{START, at, new_tenant, new_user, tx, uuid};
use crate::support::stores::{all_options, raw, stores};

fn full_user() -> NewUser {
    NewUser {
        email: " Hélène.Ünal@Example.FR ".to_owned(),
        email_verified: true,
        first_name: "Hélène".to_owned(),
        last_name: "Ünal".to_owned(),
        rpps: Some("10000000019".to_owned()),
        locale: Some("fr".to_owned()),
        claims: json!({ "gender": "female", "address": { "locality": "Paris" } }).as_object().unwrap().clone(),
        password_hash: Some("$argon2id$x".to_owned()),
        platform_admin: true,
    }
}

#[tokio::test]
async fn an_account_is_found_by_each_of_its_names_as_it_was_made() {
    for (engine, store) in stores().await {
        let new = full_user();
        let made = tx!(store, conn => conn.insert_user(&full_user(), uuid(7), START)).unwrap();
        let mut read = store.read().await.unwrap();
        for found in [
            read.user_by_id(made.id).await.unwrap(),
            read.user_by_uuid(uuid(7)).await.unwrap(),
            read.user_by_email("hélène.ünal@example.fr").await.unwrap(),
        ] {
            let found = found.unwrap_or_else(|| panic!("{engine}: not found"));
            assert_eq!((found.id, found.uuid, found.email.as_str()), (made.id, uuid(7), new.email.trim()), "{engine}");
            assert_eq!((found.email_verified, found.platform_admin), (true, true), "{engine}");
            assert_eq!((&found.first_name, &found.last_name), (&new.first_name, &new.last_name), "{engine}");
            assert_eq!((&found.rpps, &found.locale, &found.claims), (&new.rpps, &new.locale, &new.claims), "{engine}");
            assert_eq!(
                (&found.password_hash, found.password_changed_at),
                (&new.password_hash, Some(START)),
                "{engine}"
            );
            assert_eq!((found.status, found.created_at, found.updated_at), (UserStatus::Active, START, START));
            assert_eq!(found.last_login_at, None);
        }
        assert!(read.user_by_id(UserId::new(made.id.get() + 1)).await.unwrap().is_none(), "{engine}");
        assert!(read.user_by_email("Hélène.Ünal@Example.FR").await.unwrap().is_none(), "only the canonical form");
        assert_eq!(read.count_users().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn address_and_rpps_are_unique_and_the_refusal_says_which() {
    for (engine, store) in stores().await {
        tx!(store, conn => conn.insert_user(&full_user(), uuid(1), START)).unwrap();
        let same_address = NewUser { email: "HE\u{301}LE\u{300}NE.ÜNAL@example.fr".to_owned(), ..NewUser::default() };
        let refused = tx!(store, conn => conn.insert_user(&same_address, uuid(2), START)).unwrap_err();
        assert_eq!(refused, StoreError::Conflict(Constraint::UserEmail), "{engine}");
        let same_rpps = NewUser { email: "other@example.fr".to_owned(), ..full_user() };
        let refused = tx!(store, conn => conn.insert_user(&same_rpps, uuid(3), START)).unwrap_err();
        assert_eq!(refused, StoreError::Conflict(Constraint::UserRpps), "{engine}");
        let same_uuid = NewUser { email: "third@example.fr".to_owned(), ..NewUser::default() };
        let refused = tx!(store, conn => conn.insert_user(&same_uuid, uuid(1), START)).unwrap_err();
        assert_eq!(refused, StoreError::Conflict(Constraint::Other), "{engine}");
        assert_eq!(store.read().await.unwrap().count_users().await.unwrap(), 1, "{engine}");
    }
}

#[tokio::test]
async fn the_parts_of_an_account_change_one_by_one() {
    for (engine, store) in stores().await {
        let id = new_user(&store, "a@x.fr").await.id;
        tx!(store, conn => conn.set_password(id, "first", at(1))).unwrap();
        tx!(store, conn => conn.rehash_password(id, "second")).unwrap();
        tx!(store, conn => conn.set_last_login(id, at(3))).unwrap();
        tx!(store, conn => conn.update_user_names(id, "Zoé", "Ng", Some("en"), at(4))).unwrap();
        assert!(tx!(store, conn => conn.set_user_status(id, UserStatus::Disabled, at(5))).unwrap(), "{engine}");
        assert!(!tx!(store, conn => conn.set_user_status(id, UserStatus::Disabled, at(6))).unwrap(), "{engine}");
        let user = store.read().await.unwrap().user_by_id(id).await.unwrap().unwrap();
        assert_eq!(
            (user.password_hash.as_deref(), user.password_changed_at),
            (Some("second"), Some(at(1))),
            "{engine}"
        );
        assert_eq!((user.last_login_at, user.updated_at), (Some(at(3)), at(5)), "{engine}");
        assert_eq!((user.first_name.as_str(), user.locale.as_deref()), ("Zoé", Some("en")), "{engine}");
        assert!(!user.is_active());
        assert_eq!(found(&store, "zoe").await, [id], "the search follows the name");
    }
}

async fn found(store: &Store, search: &str) -> Vec<UserId> {
    let list = store.read().await.unwrap().list_users(Some(search), 10, None).await.unwrap();
    list.into_iter().map(|user| user.id).collect()
}

#[tokio::test]
async fn people_are_found_without_accents_and_case_in_either_order() {
    for (engine, store) in stores().await {
        let helene = tx!(store, conn => conn.insert_user(&full_user(), uuid(1), START)).unwrap().id;
        let other = new_user(&store, "50%_off\\@x.fr".replace('\\', "").leak()).await.id;
        for search in ["helene", "ÜNAL", "hélène unal", "Unal Helene", "example.fr", "e.u"] {
            assert_eq!(found(&store, search).await, [helene], "{engine}: {search}");
        }
        for search in ["%_", "50%"] {
            assert_eq!(found(&store, search).await, [other], "{engine}: {search}");
        }
        assert_eq!(found(&store, "h_l").await, [], "{engine}: no wildcard from outside");
        assert_eq!(found(&store, "\\").await, [], "{engine}");
        assert_eq!(found(&store, "").await, [helene, other], "{engine}");
        let page = store.read().await.unwrap().list_users(None, 1, Some(helene)).await.unwrap();
        assert_eq!(page.first().map(|user| user.id), Some(other), "{engine}");
    }
}

#[tokio::test]
async fn a_tenant_is_found_by_its_code_in_any_case() {
    for (engine, store) in stores().await {
        let tenant = new_tenant(&store, "Étoile").await;
        let mut read = store.read().await.unwrap();
        for found in [
            read.tenant_by_id(tenant.id).await.unwrap(),
            read.tenant_by_uuid(tenant.uuid).await.unwrap(),
            read.tenant_by_code(" org-étoile").await.unwrap(),
        ] {
            assert_eq!(found.as_ref(), Some(&tenant), "{engine}");
        }
        let same = NewTenant {
            name: "x".to_owned(),
            kind: TenantKind::HomeCare,
            department: None,
            code: "org-ÉTOILE".to_owned(),
        };
        let refused = tx!(store, conn => conn.insert_tenant(&same, uuid(9), START)).unwrap_err();
        assert_eq!(refused, StoreError::Conflict(Constraint::TenantCode), "{engine}");

        let id = tenant.id;
        tx!(store, conn => conn.rename_tenant(id, "Lune", at(1))).unwrap();
        assert!(tx!(store, conn => conn.set_tenant_status(id, TenantStatus::Disabled, at(2))).unwrap());
        assert!(!tx!(store, conn => conn.set_tenant_status(id, TenantStatus::Disabled, at(3))).unwrap());
        let second = new_tenant(&store, "second").await;
        let all = store.read().await.unwrap().list_tenants(10, None).await.unwrap();
        assert_eq!(
            all.iter().map(|t| (t.name.as_str(), t.status)).collect::<Vec<_>>(),
            [("Lune", TenantStatus::Disabled), ("second", TenantStatus::Active)]
        );
        assert_eq!(store.read().await.unwrap().list_tenants(1, Some(id)).await.unwrap(), [second], "{engine}");
    }
}

#[tokio::test]
async fn roles_are_gathered_into_memberships_of_active_tenants() {
    for (engine, store) in stores().await {
        let (a, b) = (new_user(&store, "a@x.fr").await.id, new_user(&store, "b@x.fr").await.id);
        // Named so that the order by name is not the order of making, and accents do not count.
        let (second, first) = (new_tenant(&store, "beta").await, new_tenant(&store, "Álpha").await);
        for (user, tenant, role) in [
            (a, second.id, Role::Doctor),
            (a, second.id, Role::Admin),
            (a, first.id, Role::Nurse),
            (b, second.id, Role::Owner),
        ] {
            assert!(tx!(store, conn => conn.grant_role(user, tenant, role, START)).unwrap(), "{engine}");
            assert!(!tx!(store, conn => conn.grant_role(user, tenant, role, START)).unwrap(), "{engine}: twice");
        }
        let mut read = store.read().await.unwrap();
        let of = read.memberships_of(a).await.unwrap();
        assert_eq!(
            of.iter().map(|m| (m.tenant.id, m.roles.clone())).collect::<Vec<_>>(),
            [(first.id, vec![Role::Nurse]), (second.id, vec![Role::Admin, Role::Doctor])]
        );
        let one = read.membership(a, second.id).await.unwrap().unwrap();
        assert_eq!((one.user, one.roles), (a, vec![Role::Admin, Role::Doctor]), "{engine}");
        assert_eq!(read.membership(b, first.id).await.unwrap(), None);
        let (user, together) = read.user_with_memberships(a, None).await.unwrap().unwrap();
        assert_eq!((user.id, together), (a, of), "{engine}: the same at once");
        let (_, only) = read.user_with_memberships(a, Some(second.id)).await.unwrap().unwrap();
        assert_eq!(only, read.membership(a, second.id).await.unwrap().into_iter().collect::<Vec<_>>(), "{engine}");
        let (user, none) = read.user_with_memberships(b, Some(first.id)).await.unwrap().unwrap();
        assert_eq!((user.id, none), (b, vec![]), "{engine}: the account without the membership");
        assert!(read.user_with_memberships(UserId::new(99), None).await.unwrap().is_none(), "{engine}");

        let members = read.members_of(second.id, 10, None).await.unwrap();
        assert_eq!(members.iter().map(|(user, roles)| (user.id, roles.len())).collect::<Vec<_>>(), [(a, 2), (b, 1)]);
        assert_eq!(read.members_of(second.id, 1, None).await.unwrap().len(), 1, "{engine}: the limit counts people");
        assert_eq!(read.members_of(second.id, 10, Some(a)).await.unwrap()[0].0.id, b, "{engine}");
        drop(read);

        let tenant = second.id;
        assert!(tx!(store, conn => conn.revoke_role(a, tenant, Role::Admin)).unwrap());
        assert!(!tx!(store, conn => conn.revoke_role(a, tenant, Role::Admin)).unwrap());
        assert!(tx!(store, conn => conn.revoke_membership(a, tenant)).unwrap());
        assert!(!tx!(store, conn => conn.revoke_membership(a, tenant)).unwrap());
        assert_eq!(store.read().await.unwrap().memberships_of(a).await.unwrap().len(), 1, "{engine}");
        tx!(store, conn => conn.set_tenant_status(tenant, TenantStatus::Disabled, at(1))).unwrap();
        assert_eq!(store.read().await.unwrap().memberships_of(b).await.unwrap(), [], "{engine}: disabled");
        assert_eq!(store.read().await.unwrap().membership(b, tenant).await.unwrap(), None, "{engine}: disabled");
        let (user, of) = store.read().await.unwrap().user_with_memberships(b, None).await.unwrap().unwrap();
        assert_eq!((user.id, of), (b, vec![]), "{engine}: disabled");
    }
}

#[tokio::test]
async fn a_role_in_a_tenant_that_does_not_exist_is_refused() {
    for (engine, store) in stores().await {
        let user = new_user(&store, "a@x.fr").await.id;
        let refused = tx!(store, conn => conn.grant_role(user, TenantId::new(99), Role::Nurse, START)).unwrap_err();
        assert!(matches!(refused, StoreError::Other(_)), "{engine}: {refused}");
    }
}

#[tokio::test]
async fn an_impossible_row_is_named_but_its_value_is_not_told() {
    for (engine, options) in all_options().await {
        let store = Store::open(&options).await.unwrap();
        store.migrate().await.unwrap();
        let id = new_user(&store, "a@x.fr").await.id;
        raw(&options, "UPDATE users SET status = 'ghost'").await.unwrap();
        let error = store.read().await.unwrap().user_by_id(id).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Inconsistent { table: "users", column: "status", .. }),
            "{engine}: {error}"
        );
        assert!(!error.to_string().contains("ghost"), "{engine}");
        raw(&options, "UPDATE users SET status = 'active', claims = '[1]'").await.unwrap();
        let error = store.read().await.unwrap().user_by_id(id).await.unwrap_err();
        assert!(matches!(error, StoreError::Inconsistent { column: "claims", .. }), "{engine}: {error}");
    }
}
