//! Pro Santé Connect: what the French health agency's provider says of a professional.
//!
//! Nearly every leaf is a text, the empty text means no value, keys and whole lists may be missing, and none of that may
//! keep anybody out. The national identifier alone must be there: it is what an account is found by.

use serde_json::{Map, Value};

use super::flavour::{Flavour, Said, basic};
use crate::federation::error::FederationError;
use crate::federation::reply::lenient;
use crate::federation::settings::Settings;
use crate::model::identity::{Activity, Claimed, NationalId};

/// Most exercises and most activities of one that are read.
const MOST: usize = 50;
/// More characters than this are no identifier.
const LONGEST_TYPED: usize = 65;

/// The flavour.
#[derive(Debug)]
pub struct ProSanteConnect;

impl Flavour for ProSanteConnect {
    /// The e-CPS, on the telephone.
    fn asking(&self) -> &'static [(&'static str, &'static str)] {
        &[("channel", "MOBILE")]
    }

    fn claimed(&self, settings: &Settings, said: &Said<'_>) -> Result<Claimed, FederationError> {
        let basic = basic(settings, said)?;
        let userinfo = said.userinfo.ok_or_else(|| FederationError::refused("there is no userinfo"))?;
        let exercises = exercises(userinfo);
        let (given_name, family_name) = names(&exercises, &basic);
        Ok(Claimed {
            national: Some(national(said.token, userinfo)?),
            given_name,
            family_name,
            // An address is no fact of this provider's.
            email: None,
            amr: methods(said, basic.amr),
            profile: userinfo.clone(),
            activities: activities(&exercises, userinfo),
            ..basic
        })
    }
}

/// A national identifier as a person types it: with spaces, and an RPPS number without the `8` that tells what it is.
pub fn typed(text: &str) -> Option<NationalId> {
    let id: String = text.chars().filter(|c| !c.is_whitespace()).take(LONGEST_TYPED).collect();
    let is_number = id.len() == 11 && id.bytes().all(|b| b.is_ascii_digit());
    NationalId::parse(&if is_number { format!("8{id}") } else { id })
}

/// The national identifier: `SubjectNameID`, which `preferred_username` repeats. Two that differ are nobody's.
fn national(token: &Map<String, Value>, userinfo: &Map<String, Value>) -> Result<NationalId, FederationError> {
    let said: Vec<String> = [userinfo, token].iter().map(|claims| lenient(claims, "SubjectNameID")).collect();
    let mut named = said.iter().filter(|id| !id.is_empty());
    let first = named.next().cloned();
    if named.any(|other| Some(other) != first.as_ref()) {
        return Err(FederationError::refused("SubjectNameID of userinfo and ID token differ"));
    }
    let fallback =
        || [userinfo, token].iter().map(|claims| lenient(claims, "preferred_username")).find(|id| !id.is_empty());
    let id = first.or_else(fallback).unwrap_or_default();
    NationalId::parse(&id).ok_or_else(|| FederationError::refused("SubjectNameID is missing or malformed"))
}

/// A list, where a single value counts as a list of one.
fn list<'a>(map: &'a Map<String, Value>, name: &str) -> Vec<&'a Value> {
    match map.get(name) {
        Some(Value::Array(all)) => all.iter().take(MOST).collect(),
        None | Some(Value::Null) => Vec::new(),
        Some(one) => vec![one],
    }
}

fn exercises(userinfo: &Map<String, Value>) -> Vec<&Map<String, Value>> {
    let record = userinfo.get("SubjectRefPro").and_then(Value::as_object);
    record
        .map(|record| list(record, "exercices").into_iter().filter_map(Value::as_object).collect())
        .unwrap_or_default()
}

/// The names of practice, else the civil ones.
fn names(exercises: &[&Map<String, Value>], civil: &Claimed) -> (String, String) {
    let practice = exercises.iter().map(|one| (lenient(one, "prenomDexercice"), lenient(one, "nomDexercice")));
    let whole = |(given, family): &(String, String)| !given.is_empty() && !family.is_empty();
    practice.into_iter().find(whole).unwrap_or_else(|| (civil.given_name.clone(), civil.family_name.clone()))
}

/// `amr` where the provider says it; else what its `authMode` stands for.
fn methods(said: &Said<'_>, amr: Vec<String>) -> Vec<String> {
    if said.token.contains_key("amr") {
        return amr;
    }
    let words: &[&str] = match said.text("authMode").as_str() {
        "CARD" => &["sc", "pin", "mfa"],
        "MOBILE" => &["swk", "pin", "mfa"],
        _ => return amr,
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Where a professional practises, by their record as it came.
pub fn activities_of(userinfo: &Map<String, Value>) -> Vec<Activity> {
    activities(&exercises(userinfo), userinfo)
}

/// Every place of practice; a profession without one (no activity, or known from `SubjectRole` alone) counts once.
fn activities(exercises: &[&Map<String, Value>], userinfo: &Map<String, Value>) -> Vec<Activity> {
    let mut found: Vec<Activity> = Vec::new();
    for exercise in exercises {
        let profession = lenient(exercise, "codeProfession");
        let before = found.len();
        for activity in list(exercise, "activities").into_iter().filter_map(Value::as_object) {
            let finess = ["numeroFinessSite", "numeroFinessetablissementJuridique"].map(|name| lenient(activity, name));
            let names = ["enseigneCommercialeSite", "raisonSocialeSite"].map(|name| lenient(activity, name));
            found.push(Activity {
                profession: profession.clone(),
                role: lenient(activity, "codeRole"),
                finess: finess.into_iter().filter(|number| !number.is_empty()).collect(),
                structure: names.into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
            });
        }
        if found.len() == before {
            found.push(Activity { profession, ..Activity::default() });
        }
    }
    let roles = list(userinfo, "SubjectRole").into_iter().filter_map(Value::as_str);
    for code in roles.map(|role| role.split('^').next().unwrap_or_default().trim().to_owned()) {
        if !code.is_empty() && !found.iter().any(|known| known.profession == code) {
            found.push(Activity { profession: code, ..Activity::default() });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn e81_the_national_identifier_must_be_there_and_be_one() {
        let id = |token: Value, userinfo: Value| national(&map(token), &map(userinfo)).map(|id| id.as_str().to_owned());
        assert_eq!(id(json!({}), json!({"SubjectNameID": "899700123450"})).unwrap(), "899700123450");
        assert_eq!(id(json!({}), json!({"preferred_username": "ANS2026"})).unwrap(), "ANS2026");
        assert_eq!(
            id(json!({}), json!({"SubjectNameID": "", "preferred_username": "0123456789"})).unwrap(),
            "0123456789"
        );
        assert!(id(json!({"SubjectNameID": "1"}), json!({"SubjectNameID": "2"})).is_err());
        for nobody in
            [json!({}), json!({"SubjectNameID": ""}), json!({"SubjectNameID": null}), json!({"SubjectNameID": []})]
        {
            assert!(id(json!({}), nobody).is_err());
        }
    }

    #[test]
    fn a_typed_number_becomes_the_identifier() {
        let id = |text| typed(text).map(|id| id.as_str().to_owned());
        for text in ["99700123450", " 997 0012 3450 ", "899700123450", "8 99700123450"] {
            assert_eq!(id(text).as_deref(), Some("899700123450"), "{text}");
        }
        assert_eq!(id("ANS20260101120000").as_deref(), Some("ANS20260101120000"));
        for nobody in ["", "   ", "é", &"1".repeat(66)] {
            assert_eq!(id(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn activities_of_every_shape() {
        let activities_of = |value| activities_of(&map(value));
        let full = activities_of(json!({
            "SubjectRole": ["10^1.2.250.1.213.1.1.5.5", "21^x"],
            "SubjectRefPro": {"exercices": [{"codeProfession": "10", "activities": [
                {"numeroFinessSite": "990001232", "numeroFinessetablissementJuridique": "759999998",
                 "raisonSocialeSite": "HOPITAL", "codeRole": ""},
                {"numeroFinessSite": ""}
            ]}]}
        }));
        assert_eq!(full.len(), 3);
        assert_eq!(full[0].finess, ["990001232", "759999998"]);
        assert_eq!(
            (full[0].structure.as_str(), full[1].finess.len(), full[2].profession.as_str()),
            ("HOPITAL", 0, "21")
        );
        for (value, count) in [
            (json!({}), 0),
            (json!({"SubjectRefPro": null}), 0),
            (json!({"SubjectRefPro": {"exercices": []}}), 0),
            (json!({"SubjectRefPro": {"exercices": [{"codeProfession": "60"}]}}), 1),
            (json!({"SubjectRefPro": {"exercices": {"codeProfession": 60, "activities": {}}}}), 1),
            (json!({"SubjectRole": "10^oid"}), 1),
            (json!({"SubjectRole": [1, null, ""]}), 0),
        ] {
            assert_eq!(activities_of(value.clone()).len(), count, "{value}");
        }
    }
}
