"""The server under test, a realm for the file, and a browser without a window.

`KEYCLOAK_URL` says where the server is, `KEYCLOAK_ADMIN` and `KEYCLOAK_PASSWORD` who administers it.
"""

import os
import uuid
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
import requests

# Authlib wants https otherwise.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

URL = os.environ["KEYCLOAK_URL"].rstrip("/")
ADMIN = os.environ.get("KEYCLOAK_ADMIN", "admin")
ADMIN_PASSWORD = os.environ.get("KEYCLOAK_PASSWORD", "admin")
PASSWORD = "secret-1"
SECRET = "the-secret-of-a-client-of-these-tests"


class Realm:
    """A realm, and how things are made in it."""

    def __init__(self, prefix):
        self.name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        self.issuer = f"{URL}/realms/{self.name}"

    def admin(self, method, path, body=None):
        """One call of the admin API below the realm; answers the body, or the id of what was made."""
        return admin(method, f"/{self.name}{path}", body)

    def person(self, name):
        """A user whose password is `PASSWORD`; answers the id."""
        return self.admin(
            "POST",
            "/users",
            {
                "username": name,
                "enabled": True,
                "emailVerified": True,
                "firstName": "Test",
                "lastName": "Person",
                "email": f"{name}@example.org",
                "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
            },
        )

    def client(self, name, **fields):
        """A client with the secret `SECRET`; answers the id."""
        return self.admin("POST", "/clients", {"clientId": name, "enabled": True, "secret": SECRET, **fields})


def admin(method, path, body=None):
    form = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": ADMIN_PASSWORD}
    answer = requests.post(f"{URL}/realms/master/protocol/openid-connect/token", data=form)
    assert answer.status_code == 200, answer.text
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    answer = requests.request(method, f"{URL}/admin/realms{path}", json=body, headers=bearer)
    assert answer.ok, (method, path, answer.status_code, answer.text)
    return answer.json() if answer.content else answer.headers.get("location", "").split("/")[-1]


@pytest.fixture(scope="module")
def realm():
    """A fresh realm."""
    realm = Realm("authlib")
    admin("POST", "", {"realm": realm.name, "enabled": True})
    try:
        yield realm
    finally:
        realm.admin("DELETE", "")


class Form(HTMLParser):
    """The first form of a page that is sent by POST."""

    def __init__(self, text):
        super().__init__()
        self.action, self.fields, self.inside = None, {}, False
        self.feed(text)
        assert self.action is not None, text

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form" and self.action is None and given.get("method", "").lower() == "post":
            self.action, self.inside = given.get("action", ""), True
        elif tag == "input" and self.inside and given.get("type") not in ("submit", "checkbox") and "name" in given:
            self.fields[given["name"]] = given.get("value") or ""

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False


class Browser:
    """Cookies, redirects and forms."""

    def __init__(self):
        self.session = requests.Session()
        self.session.headers["Accept"] = "text/html,*/*;q=0.8"

    def open(self, url, stop, method="GET", data=None):
        """Follows where an address leads, up to one that starts with `stop`; answers that, or the page."""
        for _ in range(20):
            if url.startswith(stop):
                return url
            answer = self.session.request(method, url, data=data, allow_redirects=False)
            # Browsers send those to localhost by http too.
            for cookie in self.session.cookies:
                cookie.secure = False
            if "location" not in answer.headers:
                return answer
            url, method, data = urljoin(url, answer.headers["location"]), "GET", None
        raise AssertionError(f"{url} leads round and round")

    def submit(self, page, stop, **values):
        """Sends the form of a page, filled in."""
        form = Form(page.text)
        return self.open(urljoin(page.url, form.action), stop, "POST", {**form.fields, **values})

    def login(self, url, stop, name, password=PASSWORD):
        """Opens the login page of an address and logs in there."""
        page = self.open(url, stop)
        assert not isinstance(page, str), page
        return self.submit(page, stop, username=name, password=password)
