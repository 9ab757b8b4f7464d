"""The server under test and a realm for each file, which goes when the file is done.

`KEYCLOAK_URL` says where the server is, `KEYCLOAK_ADMIN` and `KEYCLOAK_PASSWORD` who administers it.
"""

import os
import uuid
from contextlib import contextmanager

import pytest
from keycloak import KeycloakAdmin, KeycloakOpenID

URL = os.environ["KEYCLOAK_URL"].rstrip("/") + "/"
ADMIN = os.environ.get("KEYCLOAK_ADMIN", "admin")
PASSWORD = os.environ.get("KEYCLOAK_PASSWORD", "admin")
PERSON = {"enabled": True, "firstName": "Test", "lastName": "Person"}


def administrator(password=PASSWORD, **more):
    """A client that is logged in at master."""
    return KeycloakAdmin(URL, username=ADMIN, password=password, realm_name="master", **more)


def unlike_others(prefix):
    """A name that no other run takes."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


@contextmanager
def temporary_realm(**fields):
    """A fresh realm, as an administrator whose current realm it is."""
    admin = administrator()
    name = unlike_others("py")
    admin.create_realm({"realm": name, "enabled": True, **fields})
    admin.change_current_realm(name)
    try:
        yield admin
    finally:
        admin.delete_realm(admin.get_current_realm())


@pytest.fixture(scope="module")
def kc():
    """The realm of a file."""
    with temporary_realm() as admin:
        yield admin


@contextmanager
def refused(kind, status, text):
    """The block ends in this exception, with this status and this text in the body."""
    with pytest.raises(kind) as caught:
        yield
    error = caught.value
    body = (error.response_body or b"").decode()
    assert error.response_code == status, body
    assert text in body


def get(kc, path, **query):
    """Reads what python-keycloak has no function for; `path` is below the realm."""
    answer = kc.connection.raw_get(f"admin/realms/{kc.get_current_realm()}/{path}", **query)
    assert answer.status_code == 200, (path, answer.status_code, answer.text)
    return answer.json()


def send(kc, method, path, data="", expected=204):
    """Sends what python-keycloak has no function for; `path` is below the realm."""
    call = getattr(kc.connection, f"raw_{method}")
    answer = call(f"admin/realms/{kc.get_current_realm()}/{path}", data=data)
    assert answer.status_code == expected, (path, answer.status_code, answer.text)
    return answer


def person(kc, name, **fields):
    """Creates a user who can log in with the password `secret-1`, and returns the id."""
    return kc.create_user(
        {
            **PERSON,
            "username": name,
            "email": f"{name}@example.org",
            "credentials": [{"type": "password", "value": "secret-1", "temporary": False}],
            **fields,
        }
    )


def login(kc, client="admin-cli", secret=None):
    """The OpenID Connect side of a realm."""
    return KeycloakOpenID(URL, kc.get_current_realm(), client, client_secret_key=secret)


def names(things, key="name"):
    """The names of a list of representations, sorted."""
    return sorted(thing[key] for thing in things)
