use super::*;
use crate::base::digest::base64url;

const CHALLENGE: &str = "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

fn metadata() -> ClientMetadata {
    let mut metadata = ClientMetadata {
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        response_types: ResponseType::ALL.to_vec(),
        scope: Scope::parse("openid profile read offline_access").unwrap(),
        ..ClientMetadata::new("App")
    };
    metadata.fit_grants();
    metadata
}

fn checked_as(metadata: &ClientMetadata, query: &str, arrival: Arrival) -> Result<AuthorizationRequest, Refusal> {
    let query = format!("client_id=app&redirect_uri=https://app.example/cb&{query}");
    let params = Params::parse(query.as_bytes()).unwrap();
    check(&params, ClientRules { metadata, requires_pkce: true, resources: &[] }, arrival)
}

fn checked(query: &str) -> Result<AuthorizationRequest, Refusal> {
    checked_as(&metadata(), &format!("response_type=code&{CHALLENGE}&{query}"), Arrival::default())
}

fn refusal(outcome: Result<AuthorizationRequest, Refusal>) -> RedirectRefusal {
    match outcome {
        Err(Refusal::Redirect(refusal)) => *refusal,
        other => panic!("{other:?}"),
    }
}

fn code(outcome: Result<AuthorizationRequest, Refusal>) -> ErrorCode {
    refusal(outcome).error.code
}

#[test]
fn an_object_is_refused_on_the_channel_it_names() {
    let metadata = metadata();
    let client = ClientRules { metadata: &metadata, requires_pkce: true, resources: &[] };
    let refused = |query: &str, object: &str| {
        let params = Params::parse(query.as_bytes()).unwrap();
        refuse_object(&params, client, Some(object), ErrorCode::InvalidRequestObject.into())
    };
    let object = format!("e30.{}.", base64url(br#"{"response_mode":"form_post","state":"inside"}"#));
    let beside = "redirect_uri=https://app.example/cb&state=outside&response_type=code id_token";
    let inside = refusal(Err(refused(beside, &object)));
    assert_eq!((inside.response_mode, inside.state.as_deref()), (ResponseMode::FormPost, Some("inside")));
    let unreadable = refusal(Err(refused(beside, "x")));
    assert_eq!((unreadable.response_mode, unreadable.state.as_deref()), (ResponseMode::Fragment, Some("outside")));
    for doubtful in ["state=s", "redirect_uri=https://evil.example/"] {
        assert!(matches!(refused(doubtful, &object), Refusal::Page(_)), "{doubtful}");
    }
}

#[test]
fn claims_belong_to_openid_and_to_the_registered_scope() {
    let claims = "claims={%22userinfo%22:{%22name%22:null,%22email%22:null}}";
    let request = checked(&format!("scope=openid&{claims}")).unwrap();
    assert_eq!(request.claims.named.userinfo, ["name"]);
    assert_eq!(request.consent_scope().to_string(), "openid profile");
    assert_eq!(checked(&format!("scope=read&{claims}")).unwrap().claims, ClaimsRequest::default());
    assert_eq!(code(checked("scope=openid&claims=[]")), ErrorCode::InvalidRequest);
}

#[test]
fn languages_of_claims_are_for_openid() {
    let wish = "claims_locales=fr-CA%20en";
    assert_eq!(checked(&format!("scope=openid&{wish}")).unwrap().claims.named.locales, ["fr-CA", "en"]);
    assert_eq!(checked(&format!("scope=read&{wish}")).unwrap().claims, ClaimsRequest::default());
}

#[test]
fn display_is_a_wish() {
    for display in Display::ALL {
        assert_eq!(checked(&format!("scope=openid&display={}", display.as_str())).unwrap().display, display);
    }
    for other in ["scope=openid", "scope=openid&display=hologram"] {
        assert_eq!(checked(other).unwrap().display, Display::Page);
    }
}

#[test]
fn each_response_type_needs_its_registration_and_its_grants() {
    for kind in ResponseType::ALL {
        let query = format!("response_type={}&scope=openid&nonce=n&{CHALLENGE}", kind.as_str());
        let request = checked_as(&metadata(), &query, Arrival::default()).unwrap();
        assert_eq!(request.response_type, kind);
        let mut without = metadata();
        without.response_types.retain(|known| *known != kind);
        assert_eq!(code(checked_as(&without, &query, Arrival::default())), ErrorCode::UnauthorizedClient, "{kind:?}");
        for grant in kind.grants() {
            let mut without = metadata();
            without.grant_types.retain(|known| known != grant);
            let refused = code(checked_as(&without, &query, Arrival::default()));
            assert_eq!(refused, ErrorCode::UnauthorizedClient, "{kind:?}");
        }
    }
    assert_eq!(code(checked_as(&metadata(), "response_type=token&scope=openid", Arrival::default())), {
        ErrorCode::UnsupportedResponseType
    });
}

#[test]
fn an_id_token_in_front_needs_nonce_and_openid() {
    for kind in ResponseType::ALL {
        let ask = |query: &str| {
            let query = format!("response_type={}&{CHALLENGE}&{query}", kind.as_str());
            checked_as(&metadata(), &query, Arrival::default())
        };
        if kind.has_id_token() {
            assert_eq!(code(ask("scope=openid")), ErrorCode::InvalidRequest, "{kind:?}");
            assert_eq!(code(ask("scope=read&nonce=n")), ErrorCode::InvalidScope, "{kind:?}");
        } else {
            assert!(ask("scope=openid").is_ok() && ask("scope=read").is_ok(), "{kind:?}");
        }
    }
}

#[test]
fn without_a_code_there_is_no_pkce_and_nothing_offline() {
    for kind in ResponseType::ALL {
        let query = format!("response_type={}&scope=openid offline_access&nonce=n", kind.as_str());
        let outcome = checked_as(&metadata(), &query, Arrival::default());
        if kind.has_code() {
            assert_eq!(code(outcome), ErrorCode::InvalidRequest, "{kind:?}");
            let request = checked_as(&metadata(), &format!("{query}&{CHALLENGE}"), Arrival::default()).unwrap();
            assert!(request.scope.contains("offline_access") && request.code_challenge.is_some(), "{kind:?}");
        } else {
            assert_eq!(outcome.unwrap().scope.to_string(), "openid", "{kind:?}");
        }
    }
}

#[test]
fn a_refusal_goes_where_the_response_type_listens() {
    for (query, mode) in [
        ("scope=openid", ResponseMode::Query),
        ("response_type=code", ResponseMode::Query),
        ("response_type=unknown", ResponseMode::Query),
        ("response_type=token", ResponseMode::Fragment),
        ("response_type=unknown id_token", ResponseMode::Fragment),
        ("response_type=code id_token", ResponseMode::Fragment),
        ("response_type=code id_token&response_mode=query", ResponseMode::Fragment),
        ("response_type=id_token&response_mode=web_message", ResponseMode::Fragment),
        ("response_type=code&response_mode=web_message", ResponseMode::Query),
        ("response_type=id_token&response_mode=form_post", ResponseMode::FormPost),
    ] {
        let refused = refusal(checked_as(&metadata(), &format!("{query}&state=s"), Arrival::default()));
        assert_eq!((refused.response_mode, refused.state.as_deref()), (mode, Some("s")), "{query}");
    }
}

#[test]
fn a_client_is_held_to_the_way_it_registered() {
    let query = format!("response_type=code&scope=openid&{CHALLENGE}");
    let mut pushed = metadata();
    pushed.require_pushed_authorization_requests = true;
    let mut signed = metadata();
    signed.require_signed_request_object = true;
    let (by_push, by_signature) = (Arrival { pushed: true, signed: false }, Arrival { pushed: false, signed: true });
    assert!(checked_as(&pushed, &query, by_push).is_ok() && checked_as(&signed, &query, by_signature).is_ok());
    for (client, arrival) in [(&pushed, by_signature), (&signed, by_push), (&pushed, Arrival::default())] {
        assert_eq!(code(checked_as(client, &query, arrival)), ErrorCode::InvalidRequest);
    }
}

#[test]
fn what_must_not_be_left_in_a_request_is_refused() {
    assert_eq!(code(checked("scope=openid&registration={}")), ErrorCode::RegistrationNotSupported);
    for left in ["request=x.y.z", "request_uri=https://app.example/r"] {
        assert_eq!(code(checked(&format!("scope=openid&{left}"))), ErrorCode::InvalidRequest, "{left}");
    }
}

#[test]
fn what_a_request_leaves_out_the_registration_says() {
    let mut registered = metadata();
    registered.default_max_age = Some(60);
    registered.default_acr_values = vec!["phr".to_owned()];
    let query = format!("response_type=code&scope=openid&{CHALLENGE}");
    let request = checked_as(&registered, &query, Arrival::default()).unwrap();
    assert_eq!((request.max_age, request.acr_values), (Some(60), vec!["phr".to_owned()]));
    let request = checked_as(&registered, &format!("{query}&max_age=5&acr_values=a b"), Arrival::default()).unwrap();
    assert_eq!((request.max_age, request.acr_values), (Some(5), vec!["a".to_owned(), "b".to_owned()]));
}
