"""A resource server in Python that knows the issuer's URL and nothing else: PyJWT fetches the keys and verifies."""
import base64
import json
import time

import httpx
import jwt
import pytest

from conftest import REDIRECT_URI
from test_authlib import Application


class ResourceServer:
    def __init__(self, issuer: str):
        self.issuer = issuer
        metadata = httpx.get(f"{issuer}/.well-known/openid-configuration").raise_for_status().json()
        self.keys = jwt.PyJWKClient(metadata["jwks_uri"])

    def verify(self, token: str) -> dict:
        """The claims of an access token that is meant for this resource server."""
        decoded = jwt.decode_complete(token, self.keys.get_signing_key_from_jwt(token), algorithms=["ES256"], issuer=self.issuer,
                                      audience=self.issuer, options={"require": ["exp", "iat", "sub", "client_id", "jti"]})
        if decoded["header"].get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("not an access token")
        return decoded["payload"]


@pytest.fixture(scope="module")
def app(guichet, world):
    client = guichet.cli("client", "create", "--name", "PyJWT", "--redirect-uri", REDIRECT_URI, "--auth-method",
                         "client_secret_basic", "--first-party")
    return Application(guichet.issuer, client["client_id"], client["client_secret"], "client_secret_basic")


@pytest.fixture
def resource_server(guichet):
    return ResourceServer(guichet.issuer)


def tampered(token: str, **claims) -> str:
    header, payload, signature = token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) | claims
    return ".".join([header, base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("="), signature])


def test_verifies_an_access_token(app, person, world, resource_server):
    tokens = app.sign_in(person)
    claims = resource_server.verify(tokens["access_token"])
    assert claims["sub"] == tokens["claims"]["sub"]
    assert claims["tenant_id"] == world["clinic"]["uuid"]
    assert claims["roles"] == ["doctor"]


def test_refuses_a_token_that_was_tampered_with(app, person, world, resource_server):
    token = app.sign_in(person)["access_token"]
    for change in ({"roles": ["owner"]}, {"tenant_id": world["pharmacy"]["uuid"]}, {"exp": int(time.time()) + 86_400}):
        with pytest.raises(jwt.InvalidSignatureError):
            resource_server.verify(tampered(token, **change))
    with pytest.raises(jwt.InvalidTokenError):
        resource_server.verify(token.rsplit(".", 1)[0] + ".")


def test_refuses_an_id_token(app, person, resource_server):
    with pytest.raises(jwt.InvalidTokenError):
        resource_server.verify(app.sign_in(person)["id_token"])


def test_old_and_new_tokens_verify_across_a_rotation(guichet, app, person, resource_server):
    old = app.sign_in(person)
    resource_server.verify(old["access_token"])
    kid = jwt.get_unverified_header(old["access_token"])["kid"]
    guichet.cli("keys", "rotate")
    current, deadline = old, time.monotonic() + 10
    while jwt.get_unverified_header(current["access_token"])["kid"] == kid:
        assert time.monotonic() < deadline, "no token is signed with the new key within 10 seconds"
        time.sleep(0.1)
        current = app.session.refresh_token(app.metadata["token_endpoint"], refresh_token=current["refresh_token"])
    for verifier in (resource_server, ResourceServer(guichet.issuer)):
        verifier.verify(old["access_token"])
        verifier.verify(current["access_token"])
