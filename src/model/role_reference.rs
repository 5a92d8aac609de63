//! The table of roles for people: `docs/roles.md`.

use std::fmt::Write as _;

use super::role::{Permission, Role};

const HEAD: &str = "\
# Roles

<!-- Printed from src/model/role.rs; a test fails when it is stale. To print it anew:
     GUICHET_TEST_BLESS=1 cargo test --lib role_reference -->

A person has roles in a tenant, one or more, and other roles or none in another tenant. A token carries the roles of the one tenant that
was chosen at sign-in, by the names below, in its claim `roles`. What somebody may do is the union of what each of the roles allows.
A role never reaches beyond its tenant.

A platform administrator is not a role: it is a mark on the account, and alone it gives no access to the data of any tenant.
";

/// The text of `docs/roles.md`.
pub fn reference() -> String {
    let mut out = HEAD.to_owned();
    out.push_str("\n## Who\n\n| role | who |\n| --- | --- |\n");
    for role in Role::ALL {
        let _ = writeln!(out, "| `{role}` | {} |", role.meaning());
    }
    out.push_str("\n## What can be allowed\n\n| permission | what |\n| --- | --- |\n");
    for permission in Permission::ALL {
        let _ = writeln!(out, "| `{}` | {} |", permission.as_str(), permission.meaning());
    }
    out.push_str("\n## Who may do what\n\n| role |");
    for permission in Permission::ALL {
        let _ = write!(out, " `{}` |", permission.as_str());
    }
    let _ = write!(out, "\n| --- |{}\n", " :-: |".repeat(Permission::ALL.len()));
    for role in Role::ALL {
        let _ = write!(out, "| `{role}` |");
        for permission in Permission::ALL {
            out.push_str(if role.permissions().contains(&permission) { " yes |" } else { " |" });
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/roles.md");
        if std::env::var_os("GUICHET_TEST_BLESS").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == reference(), "docs/roles.md is stale: GUICHET_TEST_BLESS=1 cargo test --lib role_reference");
    }
}
