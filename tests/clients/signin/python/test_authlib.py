"""Authlib signs people in, and the applications themselves."""

import json
import time

import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from conftest import PASSWORD, SECRET, Browser
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

APP = "http://localhost:9/app"
CALLBACK = f"{APP}/callback"
KEY = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "mine"})


@pytest.fixture(scope="module")
def ada(realm):
    """The person; with the clients of the realm."""
    common = {
        "redirectUris": [f"{APP}/*"],
        "serviceAccountsEnabled": True,
        "attributes": {"post.logout.redirect.uris": "+", "pkce.code.challenge.method": "S256"},
    }
    realm.client("web", **common)
    realm.client("by-hmac", **common, clientAuthenticatorType="client-secret-jwt")
    keys = json.dumps({"keys": [KEY.as_dict(private=False)]})
    common["attributes"] = {"use.jwks.string": "true", "jwks.string": keys}
    realm.client("by-key", **common, clientAuthenticatorType="client-jwt")
    return realm.person("ada")


@pytest.fixture(scope="module")
def server(realm):
    """What discovery says."""
    return requests.get(f"{realm.issuer}/.well-known/openid-configuration").json()


def application(server, name="web", way="client_secret_basic", secret=SECRET, scope="openid profile email"):
    """A client as an application sets it up."""
    session = OAuth2Session(
        name,
        secret,
        token_endpoint_auth_method=way,
        scope=scope,
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        token_endpoint=server["token_endpoint"],
        revocation_endpoint_auth_method=way,
    )
    if way == "private_key_jwt":
        session.register_client_auth_method(PrivateKeyJWT(server["token_endpoint"]))
    if way == "client_secret_jwt":
        session.register_client_auth_method(ClientSecretJWT(server["token_endpoint"]))
    return session


def ask(server, session, **more):
    """A request to log in."""
    verifier = "a-verifier-of-at-least-forty-three-characters"
    url, state = session.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier, **more)
    return url, {"authorization_response": None, "state": state, "code_verifier": verifier}


def sign_in(server, session, browser=None, **more):
    """Sends ada to log in; answers the tokens."""
    url, rest = ask(server, session, **more)
    back = (browser or Browser()).login(url, APP, "ada")
    assert isinstance(back, str), back.text
    return session.fetch_token(**{**rest, "authorization_response": back})


def verified(server, token, audience):
    """What an ID token says, as an application checks it."""
    keys = KeySet.import_key_set(requests.get(server["jwks_uri"]).json())
    token = jwt.decode(token, keys, algorithms=["RS256"])
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": server["issuer"]},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        exp={"essential": True},
    ).validate(token.claims)
    return token.claims


def test_a_person_signs_in_and_out(realm, server, ada):
    session, browser = application(server), Browser()
    token = sign_in(server, session, browser, nonce="some-nonce")
    claims = verified(server, token["id_token"], "web")
    assert (claims["sub"], claims["nonce"], claims["email"]) == (ada, "some-nonce", "ada@example.org")
    info = session.get(server["userinfo_endpoint"]).json()
    assert (info["sub"], info["preferred_username"]) == (ada, "ada")

    newer = session.refresh_token(server["token_endpoint"])
    assert newer["access_token"] != token["access_token"]
    assert verified(server, newer["id_token"], "web")["sid"] == claims["sid"]

    hint = f"?id_token_hint={newer['id_token']}&post_logout_redirect_uri={APP}/bye&state=some"
    assert browser.open(server["end_session_endpoint"] + hint, APP) == f"{APP}/bye?state=some"
    assert realm.admin("GET", f"/users/{ada}/sessions") == []
    with pytest.raises(OAuthError, match="invalid_grant"):
        session.refresh_token(server["token_endpoint"])


def test_wrong_password_is_asked_for_again(server, ada):
    url, rest = ask(server, session := application(server))
    page = (browser := Browser()).login(url, APP, "ada", "wrong")
    assert page.status_code == 200
    assert "Invalid username or password." in page.text
    rest["authorization_response"] = browser.submit(page, APP, username="ada", password=PASSWORD)
    assert verified(server, session.fetch_token(**rest)["id_token"], "web")["sub"] == ada


def test_tokens_are_introspected_and_revoked(server, ada):
    session = application(server)
    token = sign_in(server, session)

    def active(kind):
        hint = {"token": token[kind], "token_type_hint": kind}
        return session.introspect_token(server["introspection_endpoint"], **hint).json()

    assert active("refresh_token")["active"] is True
    assert active("refresh_token")["username"] == "ada"
    revoked = session.revoke_token(server["revocation_endpoint"], token["refresh_token"], "refresh_token")
    assert revoked.status_code == 200
    assert active("refresh_token") == {"active": False}
    assert requests.get(
        server["userinfo_endpoint"], headers={"Authorization": f"Bearer {token['access_token']}"}
    ).status_code == 401


WAYS = [
    ("web", "client_secret_basic", SECRET),
    ("web", "client_secret_post", SECRET),
    ("by-hmac", "client_secret_jwt", SECRET),
    ("by-key", "private_key_jwt", KEY),
]


@pytest.mark.parametrize(("name", "way", "secret"), WAYS)
def test_an_application_is_known(server, ada, name, way, secret):
    session = application(server, name, way, secret)
    assert verified(server, sign_in(server, session)["id_token"], name)["sub"] == ada
    own = application(server, name, way, secret, scope="profile")
    token = own.fetch_token(server["token_endpoint"], grant_type="client_credentials")
    assert "refresh_token" not in token
    assert token["expires_at"] > time.time()


@pytest.mark.parametrize(("name", "way", "secret"), WAYS)
def test_an_application_with_another_secret_is_not_known(server, ada, name, way, secret):
    other = RSAKey.generate_key(2048, {"kid": "mine"}) if secret is KEY else "another-secret-of-a-client-of-these-tests"
    own = application(server, name, way, other, scope="profile")
    with pytest.raises(OAuthError, match="client"):
        own.fetch_token(server["token_endpoint"], grant_type="client_credentials")


def test_pkce_is_not_to_be_left_out(server, ada):
    url, _ = application(server).create_authorization_url(server["authorization_endpoint"])
    back = Browser().open(url, APP)
    assert isinstance(back, str), back.text
    assert "error=invalid_request" in back
