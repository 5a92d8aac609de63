//! What a posted password is answered with: the request itself where nothing is left to ask, else the journey's route.

use crate::support::app::TestApp;
use crate::support::browser::{Browser, Page};
use crate::support::fixtures::TestUser;
use crate::support::flow::{AuthRequest, param};

async fn posted(browser: &mut Browser, page: &Page, user: &TestUser) -> crate::support::app::Answer {
    browser.submit_once(page, &[("email", &user.email), ("password", &user.password)]).await
}

#[tokio::test]
async fn with_the_code_where_nothing_is_left_to_ask() {
    for app in TestApp::on_all_engines(&[]).await {
        let client = app.client().public().first_party().create().await;
        let user = app.user("alice").await;
        let mut browser = app.browser();
        let page = browser.get(&AuthRequest::of(&client).url()).await;
        let answer = posted(&mut browser, &page, &user).await;
        let code = param(&answer, "code").expect("a code");
        assert!(browser.cookie("session").is_some(), "signed in by the same answer");
        assert_eq!(app.redeem(&client, &code).await.status, 200, "{}", app.engine);

        // The form once more, as by the button that goes back: the journey is over, no second code.
        let again = posted(&mut browser, &page, &user).await;
        assert_eq!((again.status.as_u16(), again.location()), (400, None), "{again:?}");
    }
}

#[tokio::test]
async fn with_a_redirect_where_a_page_comes() {
    let app = TestApp::start().await;
    let ours = app.client().public().first_party().create().await;
    let theirs = app.client().public().create().await;
    let user = app.user("alice").await;
    let form_post = AuthRequest::of(&ours).set("response_mode", "form_post");
    for (request, kind) in [(form_post, "form-post"), (AuthRequest::of(&theirs), "consent")] {
        let mut browser = app.browser();
        let page = browser.get(&request.url()).await;
        let answer = posted(&mut browser, &page, &user).await;
        let location = answer.location().expect("a redirect").to_owned();
        assert_eq!(answer.status, 303);
        assert!(location.contains("/interaction/"), "no page in answer to a password: {location}");
        let next = browser.get(&location).await;
        assert_eq!(next.kind(), Some(kind), "{next:?}");
    }
}

#[tokio::test]
async fn with_nothing_of_the_kind_for_a_wrong_one() {
    let app = TestApp::start().await;
    let client = app.client().public().first_party().create().await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    let page = browser.get(&AuthRequest::of(&client).url()).await;
    let wrong = TestUser { password: "wrong horse battery staple".to_owned(), ..user.clone() };
    let answer = posted(&mut browser, &page, &wrong).await;
    assert_eq!((answer.location(), browser.cookie("session")), (None, None), "{answer:?}");
    let answer = posted(&mut browser, &page, &user).await;
    assert!(param(&answer, "code").is_some(), "the journey goes on");
}
