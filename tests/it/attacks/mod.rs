//! Named attacks, one test for each. The letter and number of a name are those of the project's list of attacks: A the
//! authorization endpoint, B the token endpoint, C refresh, revocation, introspection and logout, D tokens, E
//! upstream providers, F passwords, G sessions,
//! cookies and pages.
//!
//! Of part E, items 68 to 86, every one has a test that is named after it (`e68_…`), here or beside the simulated providers
//! in `federation`; a test below counts them. None is left out.

mod a_authorize;
mod b_token;
mod c_refresh_logout;
mod d_jwt;
mod d_misplaced;
mod e_linking;
mod e_registration;
mod e_social;
mod e_upstreams;
mod f_passwords;
mod g_pages;
mod g_sessions;

/// Every item of part E has a test of its name.
#[test]
fn every_item_about_upstream_providers_has_a_test() {
    fn texts(folder: &std::path::Path, out: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                texts(&path, out);
            } else {
                out.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut text = String::new();
    texts(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"), &mut text);
    let names: Vec<&str> = text.split("async fn ").skip(1).filter_map(|rest| rest.split('(').next()).collect();
    let has = |item: u8| names.iter().any(|name| name.split('_').any(|part| part == format!("e{item}")));
    let missing: Vec<u8> = (68..=86).filter(|item| !has(*item)).collect();
    assert!(missing.is_empty(), "no test is named after {missing:?}");
}
