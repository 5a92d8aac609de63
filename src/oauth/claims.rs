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

/// Claims whose value may be there in several languages, as `family_name#fr` (OpenID Connect Core §5.2).
const LOCALIZED: [&str; 9] =
    ["name", "family_name", "given_name", "middle_name", "nickname", "profile", "picture", "website", "address"];

/// A claim's name without the language of its value, and that language (OpenID Connect Core §5.2).
pub fn parts(name: &str) -> (&str, Option<&str>) {
    match name.split_once('#') {
        Some((claim, language)) => (claim, Some(language)),
        None => (name, None),
    }
}

/// Whether a value in `language` answers a wish for `range` (RFC 4647 §3.3.1): `fr` is answered by `fr` and by `fr-CA`.
pub fn is_in_range(language: &str, range: &str) -> bool {
    let mut subtags = language.split('-');
    range.split('-').all(|wanted| subtags.next().is_some_and(|subtag| subtag.eq_ignore_ascii_case(wanted)))
}

/// Whether `tag` has the form of a language tag: subtags of 1 to 8 letters and digits, the first of letters (RFC 5646 §2.1).
fn is_language_tag(tag: &str) -> bool {
    tag.split('-').enumerate().all(|(at, subtag)| {
        let of_its_kind = |byte: u8| byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit());
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(of_its_kind)
    })
}

/// The scope that releases a claim in whatever language, `None` for a claim that no scope releases.
pub fn scope_of(name: &str) -> Option<&'static str> {
    let claim = match parts(name) {
        (claim, None) => claim,
        (claim, Some(language)) if LOCALIZED.contains(&claim) && is_language_tag(language) => claim,
        _ => return None,
    };
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

/// Whether `value` has the JSON type that OpenID Connect Core §5.1 gives the claim `name`; unknown claims and null never have.
pub fn is_well_typed(name: &str, value: &serde_json::Value) -> bool {
    match parts(name).0 {
        _ if scope_of(name).is_none() => false,
        "email_verified" | "phone_number_verified" => value.is_boolean(),
        "updated_at" => value.is_number(),
        "address" => value.as_object().is_some_and(|parts| parts.values().all(serde_json::Value::is_string)),
        "birthdate" => value.as_str().is_some_and(is_birthdate),
        _ => value.as_str().is_some_and(|text| !text.is_empty()),
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

    #[test]
    fn a_claim_for_people_may_have_a_language() {
        assert!(is_well_typed("family_name#fr", &json!("Durand")));
        assert!(is_well_typed("family_name#ja-Kana-JP", &json!("デュラン")));
        assert!(is_well_typed("address#fr", &json!({"country": "France"})));
        assert!(!is_well_typed("address#fr", &json!("France")));
        for name in
            ["family_name#", "family_name#f r", "family_name#1", "family_name#fr#fr", "email#fr", "sub#fr", "#fr"]
        {
            assert!(!is_well_typed(name, &json!("x")), "{name}");
        }
        assert_eq!(scope_of("nickname#fr"), Some("profile"));
        assert_eq!(scope_of("birthdate#fr"), None);
    }

    #[test]
    fn a_range_takes_in_what_is_narrower() {
        assert!(is_in_range("fr", "fr"));
        assert!(is_in_range("fr-CA", "FR"));
        assert!(!is_in_range("fr", "fr-CA"));
        assert!(!is_in_range("fro", "fr"));
    }
}
