"""Client scopes: life cycle, mappers, default and optional, role mappings, what they do to tokens."""

import pytest
from keycloak.exceptions import KeycloakDeleteError, KeycloakGetError, KeycloakPostError

from conftest import get, login, names, person, refused

MAPPER = {
    "name": "team",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-hardcoded-claim-mapper",
    "config": {
        "claim.name": "team",
        "claim.value": "red",
        "jsonType.label": "String",
        "access.token.claim": "true",
        "id.token.claim": "true",
    },
}


def test_a_new_realm_has_the_usual_scopes(kc):
    usual = set(names(kc.get_client_scopes()))
    assert {"profile", "email", "roles", "web-origins", "acr", "basic", "offline_access"} <= usual
    assert {"address", "phone", "microprofile-jwt", "organization", "service_account"} <= usual
    profile = kc.get_client_scope_by_name("profile")
    assert profile["protocol"] == "openid-connect"
    assert profile["attributes"]["include.in.token.scope"] == "true"
    assert {"username", "full name", "family name"} <= set(names(profile["protocolMappers"]))
    assert {"profile", "email", "roles"} <= set(names(kc.get_default_default_client_scopes()))
    assert {"address", "phone"} <= set(names(kc.get_default_optional_client_scopes()))


def test_a_scope_is_made_changed_and_deleted(kc):
    scope = kc.create_client_scope(
        {
            "name": "teams",
            "protocol": "openid-connect",
            "description": "Who plays where",
            "attributes": {"include.in.token.scope": "true", "display.on.consent.screen": "false"},
        }
    )
    rep = kc.get_client_scope(scope)
    assert rep["name"] == "teams" and rep["description"] == "Who plays where"
    assert rep["attributes"]["display.on.consent.screen"] == "false"
    kc.update_client_scope(scope, {**rep, "description": "Changed"})
    assert kc.get_client_scope_by_name("teams")["description"] == "Changed"

    with refused(KeycloakPostError, 409, '"Client Scope teams already exists"'):
        kc.create_client_scope({"name": "teams", "protocol": "openid-connect"})
    assert (
        kc.create_client_scope({"name": "teams", "protocol": "openid-connect"}, skip_exists=True)
        == scope
    )
    with refused(KeycloakPostError, 400, "Unexpected protocol"):
        kc.create_client_scope({"name": "odd"})

    kc.add_mapper_to_client_scope(scope, MAPPER)
    (mapper,) = kc.get_mappers_from_client_scope(scope)
    assert mapper["config"]["claim.value"] == "red"
    mapper["config"]["claim.value"] = "blue"
    kc.update_mapper_in_client_scope(scope, mapper["id"], mapper)
    assert kc.get_client_scope(scope)["protocolMappers"][0]["config"]["claim.value"] == "blue"
    kc.delete_mapper_from_client_scope(scope, mapper["id"])
    assert kc.get_mappers_from_client_scope(scope) == []

    kc.delete_client_scope(scope)
    with refused(KeycloakGetError, 404, '"Could not find client scope"'):
        kc.get_client_scope(scope)
    with refused(KeycloakDeleteError, 404, '"Could not find client scope"'):
        kc.delete_client_scope(scope)


def test_a_scope_reaches_the_clients_that_have_it(kc):
    scope = kc.create_client_scope(
        {
            "name": "squad",
            "protocol": "openid-connect",
            "protocolMappers": [MAPPER],
            "attributes": {"include.in.token.scope": "true"},
        }
    )
    client = kc.create_client({"clientId": "player", "protocol": "openid-connect"})
    person(kc, "striker")
    oidc = login(kc, "player")

    def claims(scope="openid"):
        return oidc.decode_token(oidc.token("striker", "secret-1", scope=scope)["access_token"])

    assert "team" not in claims()
    kc.add_client_default_client_scope(client, scope, {})
    assert "squad" in names(kc.get_client_default_client_scopes(client))
    said = claims()
    assert said["team"] == "red" and "squad" in said["scope"].split()
    kc.delete_client_default_client_scope(client, scope)
    assert "team" not in claims()

    kc.add_client_optional_client_scope(client, scope, {})
    assert "squad" in names(kc.get_client_optional_client_scopes(client))
    assert "team" not in claims()
    assert claims("openid squad")["team"] == "red"
    kc.delete_client_optional_client_scope(client, scope)
    assert "squad" not in names(kc.get_client_optional_client_scopes(client))


def test_a_realm_gives_its_scopes_to_new_clients(kc):
    one = kc.create_client_scope({"name": "always", "protocol": "openid-connect"})
    two = kc.create_client_scope({"name": "sometimes", "protocol": "openid-connect"})
    kc.add_default_default_client_scope(one)
    kc.add_default_optional_client_scope(two)
    assert "always" in names(kc.get_default_default_client_scopes())
    assert "sometimes" in names(kc.get_default_optional_client_scopes())
    client = kc.get_client(kc.create_client({"clientId": "heir"}))
    assert "always" in client["defaultClientScopes"]
    assert "sometimes" in client["optionalClientScopes"]
    kc.delete_default_default_client_scope(one)
    kc.delete_default_optional_client_scope(two)
    assert "always" not in names(kc.get_default_default_client_scopes())
    assert "sometimes" not in names(kc.get_default_optional_client_scopes())
    client = kc.get_client(kc.create_client({"clientId": "no-heir"}))
    assert "always" not in client["defaultClientScopes"]


def test_scope_mappings_bound_the_roles_in_a_token(kc):
    kc.create_realm_role({"name": "inside"})
    kc.create_realm_role({"name": "outside"})
    app = kc.create_client(
        {"clientId": "narrow", "protocol": "openid-connect", "fullScopeAllowed": False}
    )
    owner = kc.create_client({"clientId": "owner"})
    kc.create_client_role(owner, {"name": "task"})
    task = kc.get_client_role(owner, "task")
    inside = kc.get_realm_role("inside")
    user = person(kc, "narrowed")
    kc.assign_realm_roles(user, [inside, kc.get_realm_role("outside")])
    kc.assign_client_role(user, owner, [task])
    oidc = login(kc, "narrow")

    def claims():
        return oidc.decode_token(oidc.token("narrowed", "secret-1")["access_token"])

    assert "realm_access" not in claims()

    kc.assign_realm_roles_to_client_scope(app, [inside])
    kc.assign_client_roles_to_client_scope(app, owner, [task])
    assert names(kc.get_realm_roles_of_client_scope(app)) == ["inside"]
    assert names(kc.get_client_roles_of_client_scope(app, owner)) == ["task"]
    assert "inside" not in names(get(kc, f"clients/{app}/scope-mappings/realm/available"))
    assert names(get(kc, f"clients/{app}/scope-mappings/realm/composite")) == ["inside"]
    assert names(get(kc, f"clients/{app}/scope-mappings")["realmMappings"]) == ["inside"]
    said = claims()
    assert said["realm_access"]["roles"] == ["inside"]
    assert said["resource_access"]["owner"]["roles"] == ["task"]
    kc.delete_realm_roles_of_client_scope(app, [inside])
    kc.delete_client_roles_of_client_scope(app, owner, [task])
    assert kc.get_realm_roles_of_client_scope(app) == []
    assert kc.get_client_roles_of_client_scope(app, owner) == []

    scope = kc.create_client_scope({"name": "tasks", "protocol": "openid-connect"})
    kc.add_client_specific_roles_to_client_scope(scope, owner, [task])
    assert names(kc.get_client_specific_roles_of_client_scope(scope, owner)) == ["task"]
    everything = kc.get_all_roles_of_client_scope(scope)
    assert names(everything["clientMappings"]["owner"]["mappings"]) == ["task"]
    kc.remove_client_specific_roles_of_client_scope(scope, owner, [task])
    assert kc.get_client_specific_roles_of_client_scope(scope, owner) == []


@pytest.mark.parametrize("what", ["access-token", "id-token", "userinfo"])
def test_scopes_are_evaluated_beforehand(kc, what):
    name = f"tried-{what}"
    client = kc.create_client({"clientId": name, "protocol": "openid-connect"})
    kc.add_mapper_to_client(
        client, {**MAPPER, "config": {**MAPPER["config"], "userinfo.token.claim": "true"}}
    )
    user = person(kc, name)
    path = f"clients/{client}/evaluate-scopes/generate-example-{what}"
    said = get(kc, path, scope="openid", userId=user)
    assert said["team"] == "red" and said["sub"] == user
    mappers = get(kc, f"clients/{client}/evaluate-scopes/protocol-mappers", scope="openid")
    assert "team" in names(mappers, "mapperName")
