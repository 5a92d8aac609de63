//! National tables of health professions and roles: what a code of Pro Santé Connect means, in French.
//!
//! The tables grow without us: a code that is not here is kept and shown as it is, never refused.

use crate::model::identity::Activity;

/// The tables; its head names the source.
const TABLES: &str = include_str!("nomenclatures.tsv");
/// Tables that a profession may be of: health, titles of usage, social work, anything else.
const PROFESSIONS: [&str; 4] = ["G15", "R95", "R94", "R291"];
/// The table of roles.
const ROLES: [&str; 1] = ["R85"];
/// The profession that is told by the role alone.
const BY_ROLE: &str = "99";

/// A row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Name of the table.
    pub table: &'static str,
    /// The code.
    pub code: &'static str,
    /// What it means.
    pub label: &'static str,
    /// The code that took its place.
    pub successor: Option<&'static str>,
}

/// All rows.
pub fn entries() -> impl Iterator<Item = Entry> {
    TABLES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split('\t');
        Some(Entry {
            table: fields.next()?,
            code: fields.next()?,
            label: fields.next()?,
            successor: fields.next().filter(|code| !code.is_empty()),
        })
    })
}

fn find(tables: &[&str], code: &str) -> Option<Entry> {
    entries().find(|entry| entry.code == code && tables.contains(&entry.table))
}

/// What a profession's code means.
pub fn profession(code: &str) -> Option<&'static str> {
    find(&PROFESSIONS, code).map(|entry| entry.label)
}

/// What a role's code means.
pub fn role(code: &str) -> Option<&'static str> {
    find(&ROLES, code).map(|entry| entry.label)
}

/// What a code means, of whatever table: a line of a mapping may name a profession or a role.
pub fn label(code: &str) -> Option<&'static str> {
    profession(code).or_else(|| role(code))
}

/// The code that took the place of one that is no longer used.
pub fn successor(code: &str) -> Option<&'static str> {
    find(&PROFESSIONS, code).and_then(|entry| entry.successor)
}

/// What somebody does in an activity: the profession, and the role where it says more. A code that no table has stands for itself.
pub fn describe(activity: &Activity) -> String {
    let word = |code: &str, label: Option<&'static str>| label.map_or_else(|| code.to_owned(), str::to_owned);
    let profession = match activity.profession.as_str() {
        BY_ROLE if !activity.role.is_empty() => String::new(),
        code => word(code, profession(code)),
    };
    let role = word(&activity.role, role(&activity.role));
    match (profession.is_empty(), role.is_empty()) {
        (false, false) => format!("{profession} ({role})"),
        (false, true) => profession,
        (true, _) => role,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn doing(profession: &str, role: &str) -> String {
        describe(&Activity { profession: profession.to_owned(), role: role.to_owned(), ..Activity::default() })
    }

    #[test]
    fn codes_have_labels_and_unknown_ones_stand_for_themselves() {
        assert_eq!(doing("10", ""), "Médecin");
        assert_eq!(doing("60", "330"), "Infirmier (Coordonnateur de parcours)");
        assert_eq!(doing("99", "331"), "Secrétaire ou assistant médico-administratif");
        assert_eq!(doing("99", ""), "Autre profession");
        assert_eq!(doing("1234", "9"), "1234 (9)");
        assert_eq!(doing("", "331"), "Secrétaire ou assistant médico-administratif");
        assert_eq!(doing("", ""), "");
        // A code of one table means nothing in the other.
        assert_eq!(
            (profession("331"), role("10"), label("331").is_some(), label("10")),
            (None, None, true, Some("Médecin"))
        );
    }

    #[test]
    fn roles_stand_at_the_codes_of_the_national_table() {
        let words = [
            (336, "accueil"),
            (337, "logistique"),
            (338, "hôtellerie"),
            (339, "qualité"),
            (340, "systèmes d’information"),
            (341, "finances"),
            (342, "communication"),
            (343, "ressources humaines"),
            (344, "affaires médicales"),
            (345, "social"),
            (346, "Étudiant infirmier"),
            (347, "Étudiant aide-soignant"),
            (348, "Étudiant auxiliaire de puériculture"),
            (349, "Étudiant masseur-kinésithérapeute"),
            (354, "Externe en médecine"),
            (355, "Externe en odontologie"),
            (356, "Externe en maïeutique"),
            (357, "Externe en pharmacie"),
        ];
        for (code, word) in words {
            let label = role(&code.to_string()).unwrap();
            assert!(label.ends_with(word), "{code}: {label}");
        }
    }

    #[test]
    fn the_tables_are_whole() {
        let all: Vec<Entry> = entries().collect();
        let rows = TABLES.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(all.len(), rows);
        let keys: BTreeSet<_> = all.iter().map(|entry| (entry.table, entry.code)).collect();
        assert_eq!(keys.len(), all.len(), "no code twice in a table");
        for entry in all {
            assert!(entry.code.bytes().all(|b| b.is_ascii_digit()) && entry.label.trim() == entry.label, "{entry:?}");
            assert!(PROFESSIONS.contains(&entry.table) || ROLES.contains(&entry.table), "{entry:?}");
            assert!(entry.successor.is_none_or(|code| role(code).is_some()), "{entry:?}");
        }
        assert_eq!((successor("35"), successor("10"), successor("x")), (Some("313"), None, None));
    }
}
