//! Named attacks, one test for each. The letter and number of a name are those of the project's list of attacks: A the
//! authorization endpoint, B the token endpoint, C refresh, revocation, introspection and logout, D tokens, E
//! upstream providers, F passwords, G sessions,
//! cookies and pages.

mod a_authorize;
mod b_token;
mod c_refresh_logout;
mod d_jwt;
mod d_misplaced;
mod e_linking;
mod e_social;
mod e_upstreams;
mod f_passwords;
mod g_pages;
mod g_sessions;
