//! Made-up professionals, with the shapes of userinfo that the real service gives.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::simulation::desk::stable_uuid;
use crate::simulation::pages::Person;

const LIST: &str = include_str!("professionals.json");

/// Names `numero-0` to `numero-999999` are professionals as well, who are on no page.
const NUMBERED: &str = "numero-";

/// A professional as userinfo has them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Professional {
    id: String,
    name: String,
    about: String,
    userinfo: Arc<Map<String, Value>>,
}

/// All professionals.
#[derive(Debug)]
pub(super) struct Professionals(Vec<Professional>);

impl Professionals {
    pub(super) fn load() -> Self {
        Self(serde_json::from_str(LIST).unwrap_or_default())
    }

    /// What the page of choice shows.
    pub(super) fn rows(&self) -> Vec<Person> {
        let row = |person: &Professional| Person {
            id: person.id.clone(),
            name: person.name.clone(),
            about: format!("{} · {}", person.about, national_id(&person.userinfo)),
        };
        self.0.iter().map(row).collect()
    }

    /// By the name that the page gives.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Map<String, Value>>> {
        let listed = self.0.iter().find(|person| person.id == id);
        listed.map(|person| Arc::clone(&person.userinfo)).or_else(|| numbered(id.strip_prefix(NUMBERED)?.parse().ok()?))
    }

    /// By the national id, as a CIBA request names them.
    pub(super) fn find_by_national_id(&self, id: &str) -> Option<Arc<Map<String, Value>>> {
        let listed = self.0.iter().find(|person| national_id(&person.userinfo) == id);
        listed.map(|person| Arc::clone(&person.userinfo)).or_else(|| {
            let number = id.strip_prefix("89980")?.get(..6)?.parse().ok()?;
            numbered(number).filter(|person| national_id(person) == id)
        })
    }
}

/// `SubjectNameID`.
pub(super) fn national_id(userinfo: &Map<String, Value>) -> &str {
    userinfo.get("SubjectNameID").and_then(Value::as_str).unwrap_or_default()
}

/// One of a million doctors, for whoever needs many at once.
fn numbered(number: u32) -> Option<Arc<Map<String, Value>>> {
    if number > 999_999 {
        return None;
    }
    let id = format!("8{}", with_key(&format!("9980{number:06}")));
    let name = format!("EXEMPLENUM{number:06}");
    let userinfo = json!({
        "sub": stable_uuid(&id),
        "SubjectNameID": id,
        "preferred_username": id,
        "given_name": "DOMINIQUE",
        "family_name": name,
        "email_verified": false,
        "otherIds": [{"identifiant": id, "origine": "RPPS", "qualite": 1}],
        "UITVersion": "1.0",
        "PSI_Locale": "1.2.250.1.213.1.3.1.1",
        "Palier_Authentification": "APPPRIP3^1.2.250.1.213.1.5.1.1.1",
        "Mode_Acces_Raison": "",
        "Acces_Regulation_Medicale": "FAUX",
        "Secteur_Activite": "",
        "SubjectOrganization": "",
        "SubjectOrganizationID": "",
        "SubjectRole": ["10^1.2.250.1.213.1.1.5.5"],
        "SubjectRefPro": {"codeCivilite": "M", "exercices": [{
            "codeProfession": "10",
            "codeCategorieProfessionnelle": "C",
            "codeCiviliteDexercice": "DR",
            "nomDexercice": name,
            "prenomDexercice": "DOMINIQUE",
            "codeTypeSavoirFaire": "S",
            "codeSavoirFaire": "SM54",
            "activities": [],
        }]},
    });
    userinfo.as_object().cloned().map(Arc::new)
}

/// Digits with their Luhn key behind them, as an RPPS number has it.
pub(super) fn with_key(digits: &str) -> String {
    let sum: u32 = digits.bytes().rev().enumerate().map(|(at, digit)| weigh(digit, at % 2 == 0)).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn weigh(digit: u8, doubled: bool) -> u32 {
    let value = u32::from(digit.saturating_sub(b'0'));
    match value * 2 {
        _ if !doubled => value,
        twice if twice > 9 => twice - 9,
        twice => twice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_key(number: &str) -> bool {
        number.split_at_checked(number.len() - 1).is_some_and(|(digits, _)| with_key(digits) == number)
    }

    #[test]
    fn the_list_holds_every_shape() {
        let all = Professionals::load();
        assert_eq!(all.0.len(), 14);
        let ids: std::collections::BTreeSet<&str> = all.0.iter().map(|person| person.id.as_str()).collect();
        let national: std::collections::BTreeSet<&str> =
            all.0.iter().map(|person| national_id(&person.userinfo)).collect();
        assert_eq!((ids.len(), national.len()), (14, 14));
        let exercises = |id: &str| all.find(id).unwrap()["SubjectRefPro"]["exercices"].as_array().unwrap().clone();
        assert_eq!(exercises("medecin")[0]["activities"].as_array().unwrap().len(), 2);
        assert!(exercises("sans-exercice").is_empty());
        assert_eq!(exercises("sans-activite")[0]["activities"], json!([]));
        assert!(exercises("activites-absentes")[0].get("activities").is_none());
        assert_eq!(exercises("deux-exercices").len(), 2);
        assert!(!all.find("minimal").unwrap().contains_key("SubjectRefPro"));
        assert!(all.find("ancien-sub").unwrap()["sub"].as_str().unwrap().starts_with("f:"));
        assert!(all.find("nobody").is_none() && all.find("numero-1000000").is_none());
    }

    #[test]
    fn every_number_has_its_key() {
        let all = Professionals::load();
        let people = all.0.iter().map(|person| Arc::clone(&person.userinfo)).chain(all.find("numero-7"));
        for person in people {
            let id = national_id(&person);
            if let Some(rpps) = id.strip_prefix('8') {
                assert!(rpps.len() == 11 && has_key(rpps), "{id}");
            }
            for activity in
                person.get("SubjectRefPro").and_then(|pro| pro["exercices"].as_array()).into_iter().flatten()
            {
                for activity in activity.get("activities").and_then(Value::as_array).into_iter().flatten() {
                    for name in ["numeroFinessSite", "numeroSiretSite", "numeroSirenSite"] {
                        let number = activity[name].as_str().unwrap();
                        assert!(number.is_empty() || has_key(number), "{name} {number}");
                    }
                }
            }
        }
    }

    #[test]
    fn numbered_ones_are_found_both_ways() {
        let all = Professionals::load();
        let person = all.find("numero-42").unwrap();
        assert_eq!(all.find_by_national_id(national_id(&person)), Some(person));
        assert_eq!(all.find_by_national_id("899700123450"), all.find("medecin"));
        assert_eq!(all.find_by_national_id("899800000420"), None, "its key is wrong");
    }
}
