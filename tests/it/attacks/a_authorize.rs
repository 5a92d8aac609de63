//! Part A: the authorization endpoint and redirects.

use crate::support::app::{TestApp, assert_page_error};
use crate::support::flow::{AuthRequest, Tokens, assert_redirect_error};

#[tokio::test]
async fn the_whole_flow_with_every_page() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().create().await, app.user("alice").await);
    let (one, two) = (app.tenant("Clinique A").await, app.tenant("Clinique B").await);
    app.join(&user, &one, guichet::model::role::Role::Doctor).await;
    app.join(&user, &two, guichet::model::role::Role::Nurse).await;
    let tokens = app.tokens(&client, &user).await;
    assert!(app.is_alive(&tokens.access).await);
    let again = Tokens::of(app.refresh(&client, &tokens.refresh).await);
    assert!(app.is_alive(&again.access).await);
    let resource_server = app.resource_server().await;
    assert_eq!(app.introspect(&resource_server, &tokens.access).await["active"], true);
    let page = app.authorize(&AuthRequest::of(&client).set("client_id", "nobody")).await;
    assert_page_error(&page.answer, 400, "invalid_client");
    let page = app.authorize(&AuthRequest::of(&client).set("scope", "nothing")).await;
    assert_redirect_error(&page.answer, &client, "invalid_scope");
}
