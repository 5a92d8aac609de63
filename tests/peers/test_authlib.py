"""Authlib, as a relying application: from discovery to sign-out."""
import secrets
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt as jose_jwt
from joserfc.jwk import KeySet

from conftest import REDIRECT_URI

SCOPE = "openid profile email tenant roles offline_access"
SIGNED_OUT_URI = "http://127.0.0.1:9/signed-out"


class Application:
    """What an application does with Authlib, given the issuer and its client."""

    def __init__(self, issuer: str, client_id: str, client_secret: str | None, method: str):
        self.metadata = httpx.get(f"{issuer}/.well-known/openid-configuration").raise_for_status().json()
        assert self.metadata["issuer"] == issuer
        self.client_id = client_id
        self.session = OAuth2Session(client_id, client_secret, token_endpoint_auth_method=method, scope=SCOPE,
                                    redirect_uri=REDIRECT_URI, code_challenge_method="S256")

    def begin(self, **parameters: str) -> tuple[str, dict]:
        checks = {"code_verifier": generate_token(64), "nonce": secrets.token_urlsafe(16)}
        url, checks["state"] = self.session.create_authorization_url(
            self.metadata["authorization_endpoint"], code_verifier=checks["code_verifier"], nonce=checks["nonce"], **parameters)
        return url, checks

    def finish(self, back: str, checks: dict) -> dict:
        answer = parse_qs(urlsplit(back).query)
        assert answer["iss"] == [self.metadata["issuer"]], "RFC 9207"
        if "error" in answer:
            raise OAuthError(answer["error"][0], answer.get("error_description", [None])[0])
        tokens = self.session.fetch_token(self.metadata["token_endpoint"], authorization_response=back, state=checks["state"],
                                          code_verifier=checks["code_verifier"])
        claims = self.id_token(tokens["id_token"])
        assert claims["nonce"] == checks["nonce"]
        return {**tokens, "claims": claims}

    def id_token(self, token: str) -> dict:
        keys = KeySet.import_key_set(httpx.get(self.metadata["jwks_uri"]).raise_for_status().json())
        decoded = jose_jwt.decode(token, keys, algorithms=["RS256", "ES256"])
        jose_jwt.JWTClaimsRegistry(iss={"essential": True, "value": self.metadata["issuer"]}, sub={"essential": True},
                                   aud={"essential": True, "value": self.client_id}, exp={"essential": True}).validate(decoded.claims)
        return decoded.claims

    def sign_in(self, person, **parameters: str) -> dict:
        url, checks = self.begin(**parameters)
        return self.finish(person.visit(url, REDIRECT_URI), checks)


def application(guichet, method: str, **options: str | bool) -> Application:
    """A newly registered one."""
    args = ["client", "create", "--name", f"Authlib {method}", "--redirect-uri", REDIRECT_URI, "--auth-method", method,
            "--post-logout-redirect-uri", SIGNED_OUT_URI]
    for name, value in options.items():
        args += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    client = guichet.cli(*args)
    return Application(guichet.issuer, client["client_id"], client.get("client_secret"), method)


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_signs_in_and_reads_userinfo(guichet, world, person, method):
    app = application(guichet, method)
    tokens = app.sign_in(person)
    assert person.seen == ["sign-in", "tenant", "consent"]
    answer = app.session.get(app.metadata["userinfo_endpoint"])
    answer.raise_for_status()
    userinfo = answer.json()
    assert userinfo["sub"] == tokens["claims"]["sub"]
    assert userinfo["email"] == world["user"]["email"]
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["tenant_id"] == world["clinic"]["uuid"]
    assert claims["roles"] == ["doctor"]


def test_consent_is_remembered_and_the_session_silent(guichet, person):
    app = application(guichet, "client_secret_basic")
    first = app.sign_in(person)
    second = app.sign_in(person, prompt="none")
    assert person.seen == []
    assert second["claims"]["sub"] == first["claims"]["sub"]


def test_without_a_session_prompt_none_says_login_required(guichet, person):
    app = application(guichet, "none")
    url, checks = app.begin(prompt="none")
    with pytest.raises(OAuthError) as refusal:
        app.finish(person.visit(url, REDIRECT_URI), checks)
    assert refusal.value.error == "login_required"


def test_refresh_rotates_and_reuse_ends_the_family(guichet, person):
    app = application(guichet, "client_secret_basic", first_party=True)
    endpoint = app.metadata["token_endpoint"]
    first = app.sign_in(person)
    second = app.session.refresh_token(endpoint, refresh_token=first["refresh_token"])
    third = app.session.refresh_token(endpoint, refresh_token=second["refresh_token"])
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    for token in (first, third):
        with pytest.raises(OAuthError) as refusal:
            app.session.refresh_token(endpoint, refresh_token=token["refresh_token"])
        assert refusal.value.error == "invalid_grant"


def test_a_code_of_another_sign_in_is_refused(guichet, person):
    """The verifier does not fit: the code was injected."""
    app = application(guichet, "none", first_party=True)
    url, _ = app.begin()
    stolen = person.visit(url, REDIRECT_URI)
    _, checks = app.begin()
    with pytest.raises(OAuthError) as refusal:
        app.session.fetch_token(app.metadata["token_endpoint"], code=parse_qs(urlsplit(stolen).query)["code"][0],
                                code_verifier=checks["code_verifier"])
    assert refusal.value.error == "invalid_grant"


def test_introspects_and_revokes(guichet, person):
    app = application(guichet, "client_secret_basic", first_party=True)
    tokens = app.sign_in(person)

    def is_active() -> bool:
        return app.session.introspect_token(app.metadata["introspection_endpoint"], token=tokens["access_token"]).json()["active"]

    assert is_active()
    app.session.revoke_token(app.metadata["revocation_endpoint"], token=tokens["refresh_token"],
                             token_type_hint="refresh_token").raise_for_status()
    assert not is_active()


def test_signs_out(guichet, person):
    app = application(guichet, "client_secret_basic", first_party=True)
    tokens = app.sign_in(person)
    url = str(httpx.URL(app.metadata["end_session_endpoint"], params={
        "id_token_hint": tokens["id_token"], "post_logout_redirect_uri": SIGNED_OUT_URI, "state": "after"}))
    back = person.visit(url, SIGNED_OUT_URI)
    assert parse_qs(urlsplit(back).query)["state"] == ["after"]
    with pytest.raises(OAuthError) as refusal:
        app.sign_in(person, prompt="none")
    assert refusal.value.error == "login_required"
