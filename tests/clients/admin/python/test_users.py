"""Users: life cycle, search in all forms, credentials, required actions, sessions, profile."""

import pytest
from keycloak.exceptions import (
    KeycloakDeleteError,
    KeycloakGetError,
    KeycloakPostError,
    KeycloakPutError,
)

from conftest import PERSON, get, login, names, person, refused, send


@pytest.fixture(scope="module")
def crowd(kc):
    """Users to be searched for, by name."""
    profile = kc.get_realm_users_profile()
    profile["unmanagedAttributePolicy"] = "ENABLED"
    kc.update_realm_users_profile(profile)
    assert kc.get_realm_users_profile()["unmanagedAttributePolicy"] == "ENABLED"

    def make(name, first, last, **more):
        return kc.create_user(
            {
                "username": name,
                "email": f"{name}@crowd.example",
                "firstName": first,
                "lastName": last,
                "enabled": True,
                **more,
            }
        )

    return {
        "anna": make("anna", "Anna", "Arden", attributes={"team": ["red"], "floor": ["1", "2"]}),
        "annika": make("annika", "Annika", "Berg", attributes={"team": ["blue"]}),
        "hanna": make("hanna", "Hanna", "Clay", enabled=False, emailVerified=True),
        "zoe": make("zoe", "Zoe", "Arden", attributes={"team": ["red"]}),
    }


def found(kc, **query):
    return [user["username"] for user in kc.get_users(query)]


@pytest.mark.parametrize(
    "query, expected",
    [
        ({"username": "ann"}, ["anna", "annika", "hanna"]),
        ({"username": "anna", "exact": True}, ["anna"]),
        ({"username": "ann", "exact": True}, []),
        ({"search": "ann"}, ["anna", "annika"]),
        ({"search": "*ann"}, ["anna", "annika", "hanna"]),
        ({"search": "*nik*"}, ["annika"]),
        ({"search": '"anna"'}, ["anna"]),
        ({"search": "arden"}, ["anna", "zoe"]),
        ({"search": "CLAY"}, ["hanna"]),
        ({"search": "nobody"}, []),
        ({"email": "zoe@"}, ["zoe"]),
        ({"email": "zoe@crowd.example", "exact": True}, ["zoe"]),
        ({"lastName": "Arden"}, ["anna", "zoe"]),
        ({"lastName": "Arden", "firstName": "Zo"}, ["zoe"]),
        ({"q": "team:red"}, ["anna", "zoe"]),
        ({"q": "team:red floor:2"}, ["anna"]),
        ({"enabled": False, "search": "*@crowd.example"}, ["hanna"]),
        ({"emailVerified": True, "search": "*@crowd.example"}, ["hanna"]),
        ({"search": "*@crowd.example", "first": 1, "max": 2}, ["annika", "hanna"]),
        ({"search": "*@crowd.example", "max": 0}, []),
    ],
)
def test_users_are_found(kc, crowd, query, expected):
    # The client's own paging takes over where no `max` is given.
    assert found(kc, **query) == expected
    if "max" not in query:
        assert kc.users_count(query) == len(expected)


def test_a_user_is_found_by_id(kc, crowd):
    assert found(kc, search=f"id:{crowd['zoe']}") == ["zoe"]
    assert kc.get_user_id("ZOE") == crowd["zoe"]
    assert kc.get_user_id("nobody") is None


def test_a_brief_list_leaves_attributes_out(kc, crowd):
    brief = kc.get_users({"username": "anna", "exact": True, "briefRepresentation": True})[0]
    full = kc.get_users({"username": "anna", "exact": True})[0]
    assert "attributes" not in brief and "requiredActions" not in brief
    assert full["attributes"] == {"team": ["red"], "floor": ["1", "2"]}
    assert full["access"]["manage"] is True


def test_a_user_is_made_with_defaults_changed_and_deleted(kc, crowd):
    user = kc.create_user({"username": "Mixed.Case", "email": "Mixed@Example.ORG"})
    rep = kc.get_user(user)
    assert rep["username"] == "mixed.case"
    assert rep["email"] == "mixed@example.org"
    assert rep["enabled"] is False and rep["emailVerified"] is False and rep["totp"] is False
    assert rep["requiredActions"] == [] and rep["disableableCredentialTypes"] == []
    assert rep["createdTimestamp"] > 1_600_000_000_000
    assert set(rep["access"]) >= {
        "manageGroupMembership",
        "view",
        "mapRoles",
        "impersonate",
        "manage",
    }

    kc.update_user(
        user,
        {**PERSON, "attributes": {"team": ["blue"]}, "requiredActions": ["UPDATE_PASSWORD"]},
    )
    rep = kc.get_user(user)
    assert (rep["firstName"], rep["lastName"], rep["enabled"]) == ("Test", "Person", True)
    # Who sends attributes sends them all: the address is one of them.
    assert "email" not in rep
    assert rep["attributes"] == {"team": ["blue"]}
    assert rep["requiredActions"] == ["UPDATE_PASSWORD"]
    kc.update_user(user, {"attributes": {"shift": ["late"]}, "requiredActions": []})
    rep = kc.get_user(user)
    assert rep["attributes"] == {"shift": ["late"]} and rep["requiredActions"] == []
    assert "firstName" not in rep
    kc.update_user(user, PERSON | {"email": "mixed@example.org"})
    rep = kc.get_user(user)
    assert rep["attributes"] == {"shift": ["late"]} and rep["email"] == "mixed@example.org"
    kc.disable_user(user)
    assert kc.get_user(user)["enabled"] is False
    kc.enable_user(user)
    assert kc.get_user(user)["enabled"] is True

    assert kc.delete_user(user) == {}
    with refused(KeycloakGetError, 404, '"User not found"'):
        kc.get_user(user)
    with refused(KeycloakDeleteError, 404, '"User not found"'):
        kc.delete_user(user)


def test_what_a_user_cannot_be_is_refused(kc, crowd):
    with refused(KeycloakPostError, 409, '"User exists with same username"'):
        kc.create_user({"username": "anna"})
    assert kc.create_user({"username": "anna"}, exist_ok=True) == crowd["anna"]
    with refused(KeycloakPostError, 409, '"User exists with same email"'):
        kc.create_user({"username": "other", "email": "ANNA@crowd.example"})
    with refused(KeycloakPostError, 400, '"User name is missing"'):
        kc.create_user({"enabled": True, "username": ""})
    with refused(KeycloakPostError, 400, "error-invalid-length"):
        kc.create_user({"username": "ab"})
    with refused(KeycloakPostError, 400, "error-invalid-email"):
        kc.create_user({"username": "mailer", "email": "no-address"})
    with refused(KeycloakPutError, 409, '"User exists with same email"'):
        kc.update_user(crowd["zoe"], {"email": "anna@crowd.example"})
    with refused(KeycloakPutError, 400, "error-user-attribute-read-only"):
        kc.update_user(crowd["zoe"], {"username": "zoey"})


def test_the_profile_travels_with_the_user(kc, crowd):
    rep = kc.get_user(crowd["anna"], user_profile_metadata=True)
    assert {"username", "email", "firstName", "lastName"} <= set(
        names(rep["userProfileMetadata"]["attributes"])
    )
    metadata = get(kc, "users/profile/metadata")
    assert {"username", "email"} <= set(names(metadata["attributes"]))
    profile = kc.get_realm_users_profile()
    assert names(profile["attributes"]) == ["email", "firstName", "lastName", "username"]
    profile["attributes"].append(
        {
            "name": "desk",
            "displayName": "Desk",
            "validations": {"length": {"min": 2, "max": 4}},
            "permissions": {"view": ["admin"], "edit": ["admin"]},
        }
    )
    assert "desk" in names(kc.update_realm_users_profile(profile)["attributes"])
    with refused(KeycloakPutError, 400, "error-invalid-length"):
        kc.update_user(crowd["anna"], {"attributes": {"desk": ["too long"]}})
    profile["attributes"].pop()
    kc.update_realm_users_profile(profile)


def test_passwords_are_set_labelled_moved_and_taken_away(kc):
    user = person(kc, "keeper")
    (first,) = kc.get_credentials(user)
    assert first["type"] == "password"
    assert "secretData" not in first and '"algorithm"' in first["credentialData"]

    kc.connection.add_param_headers("Content-Type", "text/plain")
    send(kc, "put", f"users/{user}/credentials/{first['id']}/userLabel", data="old laptop")
    kc.connection.add_param_headers("Content-Type", "application/json")
    assert kc.get_credentials(user)[0]["userLabel"] == "old laptop"
    kc.set_user_password(user, "secret-2", temporary=False)
    assert login(kc).token("keeper", "secret-2")["access_token"]
    with refused(KeycloakPostError, 400, "Invalid user credentials"):
        login(kc).token("keeper", "secret-1")

    kc.set_user_password(user, "secret-3", temporary=True)
    assert kc.get_user(user)["requiredActions"] == ["UPDATE_PASSWORD"]
    with refused(KeycloakPostError, 400, "Account is not fully set up"):
        login(kc).token("keeper", "secret-3")
    with refused(KeycloakPutError, 400, "Empty password not allowed"):
        kc.set_user_password(user, "", temporary=False)

    (credential,) = kc.get_credentials(user)
    send(kc, "put", f"users/{user}/disable-credential-types", '["otp"]')
    send(kc, "post", f"users/{user}/credentials/{credential['id']}/moveToFirst")
    assert kc.delete_credential(user, credential["id"]) == {}
    assert kc.get_credentials(user) == []
    with refused(KeycloakDeleteError, 404, "Credential not found"):
        kc.delete_credential(user, credential["id"])


def test_a_password_policy_holds(kc):
    kc.update_realm(kc.get_current_realm(), {"passwordPolicy": "length(12)"})
    user = kc.create_user({"username": "policed", **PERSON})
    with refused(KeycloakPutError, 400, "Invalid password: minimum length 12."):
        kc.set_user_password(user, "short", temporary=False)
    with refused(KeycloakPostError, 400, "minimum length 12"):
        person(kc, "weak")
    assert kc.get_user_id("weak") is None
    kc.update_realm(kc.get_current_realm(), {"passwordPolicy": ""})
    kc.set_user_password(user, "short", temporary=False)


def test_sessions_are_seen_and_ended(kc):
    user = person(kc, "visitor")
    kc.create_client({"clientId": "visited", "protocol": "openid-connect"})
    oidc = login(kc, "visited")
    token = oidc.token("visitor", "secret-1")
    (session,) = kc.get_sessions(user)
    assert session["username"] == "visitor" and session["userId"] == user
    assert session["start"] <= session["lastAccess"]
    assert list(session["clients"].values()) == ["visited"]
    client = kc.get_client_id("visited")
    assert get(kc, f"clients/{client}/session-count") == {"count": 1}
    assert names(kc.get_client_all_sessions(client), "username") == ["visitor"]
    (stats,) = [s for s in kc.get_client_sessions_stats() if s["clientId"] == "visited"]
    assert (stats["active"], stats["offline"], stats["id"]) == ("1", "0", client)

    kc.user_logout(user)
    assert kc.get_sessions(user) == []
    with refused(KeycloakPostError, 400, "invalid_grant"):
        oidc.refresh_token(token["refresh_token"])

    token = oidc.token("visitor", "secret-1")
    (session,) = kc.get_sessions(user)
    send(kc, "delete", f"sessions/{session['id']}")
    assert kc.get_sessions(user) == []
    send(kc, "delete", f"sessions/{session['id']}", expected=404)

    oidc.token("visitor", "secret-1")
    token = oidc.token("visitor", "secret-1")
    assert len(kc.get_sessions(user)) == 2
    oidc.logout(token["refresh_token"])
    assert len(kc.get_sessions(user)) == 1
