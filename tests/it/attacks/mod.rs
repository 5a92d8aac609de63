//! Named attacks, one test for each. The letter and number of a name are those of the project's list of attacks: A the
//! authorization endpoint, B the token endpoint, C refresh, revocation, introspection and logout.

mod a_authorize;
mod b_token;
mod c_refresh_logout;
