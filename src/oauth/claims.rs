//! Standard claims by scope (OpenID Connect Core §5.1, §5.4).

/// Claims of the `profile` scope.
pub const PROFILE: [&str; 14] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];
/// Claims of the `email` scope.
pub const EMAIL: [&str; 2] = ["email", "email_verified"];
/// Claims of the `address` scope.
pub const ADDRESS: [&str; 1] = ["address"];
/// Claims of the `phone` scope.
pub const PHONE: [&str; 2] = ["phone_number", "phone_number_verified"];
/// Claims of the `tenant` scope.
pub const TENANT: [&str; 2] = ["tenant_id", "tenant"];
/// Claims of the `roles` scope.
pub const ROLES: [&str; 1] = ["roles"];

/// The scope that releases a claim, `None` for a claim that no scope releases.
pub fn scope_of(claim: &str) -> Option<&'static str> {
    [
        ("profile", &PROFILE[..]),
        ("email", &EMAIL[..]),
        ("address", &ADDRESS[..]),
        ("phone", &PHONE[..]),
        ("tenant", &TENANT[..]),
        ("roles", &ROLES[..]),
    ]
    .into_iter()
    .find(|(_, claims)| claims.contains(&claim))
    .map(|(scope, _)| scope)
}

/// Whether `value` has the JSON type that OpenID Connect Core §5.1 gives `claim`; unknown claims and null never have.
pub fn is_well_typed(claim: &str, value: &serde_json::Value) -> bool {
    match claim {
        "email_verified" | "phone_number_verified" => value.is_boolean(),
        "updated_at" => value.is_number(),
        "address" => value.as_object().is_some_and(|parts| parts.values().all(serde_json::Value::is_string)),
        "birthdate" => value.as_str().is_some_and(is_birthdate),
        _ => scope_of(claim).is_some() && value.as_str().is_some_and(|text| !text.is_empty()),
    }
}

/// `YYYY-MM-DD`, `0000-MM-DD` or `YYYY`.
fn is_birthdate(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let digits = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
    match parts.as_slice() {
        [year] => digits(year, 4),
        [year, month, day] => {
            digits(year, 4)
                && digits(month, 2)
                && digits(day, 2)
                && ("01"..="12").contains(month)
                && ("01"..="31").contains(day)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_of_claims() {
        assert!(is_well_typed("birthdate", &json!("1980-02-30")));
        assert!(is_well_typed("birthdate", &json!("1980")));
        assert!(!is_well_typed("birthdate", &json!("02/03/1980")));
        assert!(is_well_typed("address", &json!({"country": "FR"})));
        assert!(!is_well_typed("email_verified", &json!("true")));
        assert!(!is_well_typed("nickname", &json!("")));
        assert!(!is_well_typed("sub", &json!("x")));
    }
}
