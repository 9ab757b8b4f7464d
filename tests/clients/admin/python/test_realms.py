"""Realms: life cycle, settings, import in one body, export, caches, server information."""

import uuid

import pytest
from keycloak import KeycloakAdmin
from keycloak.exceptions import (
    KeycloakAuthenticationError,
    KeycloakGetError,
    KeycloakPostError,
    KeycloakPutError,
)

from conftest import (
    URL,
    administrator,
    get,
    login,
    names,
    person,
    refused,
    send,
    temporary_realm,
    unlike_others,
)


def test_a_wrong_password_logs_nobody_in():
    # The client expects 401 of a wrong password, and has no class of its own for Keycloak's 400.
    with refused(KeycloakPostError, 400, '"error":"invalid_grant"'):
        administrator(password="wrong").get_realms()
    broken = KeycloakAdmin(URL, token={"access_token": "nonsense", "expires_in": 60})
    with refused(KeycloakAuthenticationError, 401, "HTTP 401 Unauthorized"):
        broken.get_realms()


def test_a_realm_is_made_changed_renamed_and_deleted():
    admin = administrator()
    name = unlike_others("py")
    admin.create_realm({"realm": name})
    realm = admin.get_realm(name)
    assert realm["realm"] == name
    assert realm["enabled"] is False
    assert realm["accessTokenLifespan"] == 300
    assert realm["sslRequired"] == "external"
    assert realm["defaultRole"]["name"] == f"default-roles-{name}"

    admin.update_realm(
        name,
        {
            "enabled": True,
            "displayName": "Kept",
            "accessTokenLifespan": 120,
            "passwordPolicy": "length(8) and notUsername(undefined)",
            "smtpServer": {"host": "localhost", "port": "2525", "from": "a@example.org"},
            "attributes": {"colour": "green"},
            "supportedLocales": ["en", "de"],
            "internationalizationEnabled": True,
        },
    )
    realm = admin.get_realm(name)
    assert realm["enabled"] is True
    assert realm["displayName"] == "Kept"
    assert realm["accessTokenLifespan"] == 120
    assert realm["passwordPolicy"] == "length(8) and notUsername(undefined)"
    assert realm["smtpServer"]["host"] == "localhost"
    assert realm["attributes"]["colour"] == "green"
    assert sorted(realm["supportedLocales"]) == ["de", "en"]
    # What was not sent has kept its value.
    assert realm["ssoSessionIdleTimeout"] == 1800

    new = unlike_others("py")
    admin.update_realm(name, {"realm": new})
    assert admin.get_realm(new)["id"] == realm["id"]
    with refused(KeycloakGetError, 404, '"Realm not found."'):
        admin.get_realm(name)
    assert new in names(admin.get_realms(), "realm")

    admin.delete_realm(new)
    assert new not in names(admin.get_realms(), "realm")


def test_what_a_realm_cannot_be_is_refused(kc):
    name = kc.get_current_realm()
    with refused(KeycloakPostError, 409, f'"Realm {name} already exists"'):
        kc.create_realm({"realm": name})
    with refused(KeycloakPostError, 400, "Realm name cannot be empty"):
        kc.create_realm({"enabled": True})
    with refused(KeycloakPutError, 409, "Realm with same name exists"):
        kc.update_realm(name, {"realm": "master"})
    with refused(KeycloakPutError, 400, "Unrecognized field"):
        kc.update_realm(name, {"noSuchField": 1})
    with refused(KeycloakPutError, 400, "Password policy not found"):
        kc.update_realm(name, {"passwordPolicy": "nonsense(1)"})


def test_a_realm_arrives_with_its_people_in_one_body():
    people = [
        {
            "username": "ada",
            "enabled": True,
            "email": "ada@example.org",
            "firstName": "Ada",
            "lastName": "L",
            "credentials": [{"type": "password", "value": "engine-1"}],
            "realmRoles": ["maintainer"],
            "clientRoles": {"portal": ["reader"]},
            "groups": ["/staff/backend"],
        },
        {"username": "bob", "enabled": False},
    ]
    client_id = str(uuid.uuid4())
    with temporary_realm(
        users=people,
        groups=[{"name": "staff", "subGroups": [{"name": "backend"}], "realmRoles": ["viewer"]}],
        roles={
            "realm": [{"name": "maintainer"}, {"name": "viewer", "description": "Looks on"}],
            "client": {"portal": [{"name": "reader"}]},
        },
        clients=[
            {"id": client_id, "clientId": "portal", "enabled": True, "secret": "portal-secret"}
        ],
    ) as kc:
        assert names(kc.get_users(), "username") == ["ada", "bob"]
        ada = kc.get_user_id("ada")
        assert "maintainer" in names(kc.get_realm_roles_of_user(ada))
        assert kc.get_client_id("portal") == client_id
        assert names(kc.get_client_roles_of_user(ada, client_id)) == ["reader"]
        assert [g["path"] for g in kc.get_user_groups(ada)] == ["/staff/backend"]
        assert kc.get_client_secrets(client_id)["value"] == "portal-secret"
        assert "viewer" in names(kc.get_composite_realm_roles_of_user(ada))
        assert login(kc).token("ada", "engine-1")["token_type"] == "Bearer"


def test_partial_import_skips_overwrites_and_fails(kc):
    name = kc.get_current_realm()

    def bring(what, **users):
        return kc.partial_import_realm(name, {"ifResourceExists": what, "users": [users]})

    said = bring("FAIL", username="imported", enabled=True, firstName="First")
    assert (said["added"], said["skipped"], said["overwritten"]) == (1, 0, 0)
    assert said["results"][0]["action"] == "ADDED"
    assert said["results"][0]["resourceType"] == "USER"
    assert said["results"][0]["resourceName"] == "imported"
    user = kc.get_user_id("imported")
    assert said["results"][0]["id"] == user

    said = bring("SKIP", username="imported", firstName="Second")
    assert (said["added"], said["skipped"], said["overwritten"]) == (0, 1, 0)
    assert kc.get_user(user)["firstName"] == "First"

    said = bring("OVERWRITE", username="imported", enabled=True, firstName="Third")
    assert (said["added"], said["skipped"], said["overwritten"]) == (0, 0, 1)
    assert said["results"][0]["action"] == "OVERWRITTEN"
    assert kc.get_user(kc.get_user_id("imported"))["firstName"] == "Third"

    with refused(KeycloakPostError, 409, "User with user name imported already exists."):
        bring("FAIL", username="imported")

    said = kc.partial_import_realm(
        name,
        {
            "ifResourceExists": "SKIP",
            "roles": {"realm": [{"name": "brought"}]},
            "clients": [{"clientId": "brought-client"}],
            "groups": [{"name": "brought-group", "path": "/brought-group"}],
        },
    )
    assert said["added"] == 3
    assert kc.get_realm_role("brought")["name"] == "brought"
    assert kc.get_client_id("brought-client")
    assert kc.get_group_by_path("/brought-group")["name"] == "brought-group"


def test_partial_export_leaves_people_and_secrets_out(kc):
    person(kc, "stays")
    kc.create_realm_role({"name": "exported"})
    kc.create_client({"clientId": "exported-client", "secret": "not-to-be-seen"})
    bare = kc.export_realm()
    assert bare["realm"] == kc.get_current_realm()
    assert "clients" not in bare and "roles" not in bare
    full = kc.export_realm(export_clients=True, export_groups_and_role=True)
    assert "exported" in names(full["roles"]["realm"])
    client = next(c for c in full["clients"] if c["clientId"] == "exported-client")
    assert client["secret"] == "**********"
    assert "stays" not in str(full.get("users", []))


def test_everybody_is_logged_out_of_a_realm():
    with temporary_realm() as kc:
        user = person(kc, "eve")
        oidc = login(kc)
        token = oidc.token("eve", "secret-1")
        assert len(kc.get_sessions(user)) == 1
        assert send(kc, "post", "logout-all", expected=200).json() == {}
        assert kc.get_sessions(user) == []
        assert kc.get_realm(kc.get_current_realm())["notBefore"] > 0
        with pytest.raises(KeycloakPostError) as caught:
            oidc.refresh_token(token["refresh_token"])
        assert b"invalid_grant" in caught.value.error_message


def test_the_caches_can_be_cleared(kc):
    assert kc.clear_keys_cache() == {}
    assert kc.clear_realm_cache() == {}
    assert kc.clear_user_cache() == {}


def test_the_server_says_what_it_is(kc):
    info = kc.get_server_info()
    assert info["systemInfo"]["version"].split(".")[0].isdigit()
    providers = names(info["componentTypes"]["org.keycloak.keys.KeyProvider"], "id")
    assert {"rsa-generated", "hmac-generated", "aes-generated", "ecdsa-generated"} <= set(providers)
    assert {"openid-connect", "docker-v2"} <= set(info["protocolMapperTypes"])
    assert "oidc-usermodel-attribute-mapper" in names(
        info["protocolMapperTypes"]["openid-connect"], "id"
    )
    assert {"docker-v2", "openid-connect"} <= set(info["providers"]["login-protocol"]["providers"])
    assert "length" in names(info["passwordPolicies"], "id")
    assert "docker-v2" in info["clientInstallations"]


def test_the_realm_tells_what_can_be_registered(kc):
    # Which kinds there are is the server's business.
    assert all(isinstance(kind, str) for kind in get(kc, "credential-registrators"))
    assert "UPDATE_PASSWORD" in names(kc.get_required_actions(), "alias")
