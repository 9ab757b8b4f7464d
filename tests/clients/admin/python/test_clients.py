"""Clients: defaults, search, secrets, service accounts, mappers, installation texts, sessions."""

from keycloak import KeycloakAdmin
from keycloak.exceptions import (
    KeycloakAuthenticationError,
    KeycloakDeleteError,
    KeycloakGetError,
    KeycloakPostError,
    KeycloakPutError,
)

from conftest import URL, get, login, names, person, refused, send


def test_a_new_realm_has_six_clients(kc):
    assert names(kc.get_clients(), "clientId") == [
        "account",
        "account-console",
        "admin-cli",
        "broker",
        "realm-management",
        "security-admin-console",
    ]
    management = kc.get_client_id("realm-management")
    assert {"realm-admin", "manage-users", "view-clients", "query-groups"} <= set(
        names(kc.get_client_roles(management))
    )
    with refused(KeycloakDeleteError, 403, "error"):
        kc.delete_client(management)


def test_a_client_gets_its_defaults(kc):
    bare = kc.get_client(kc.create_client({"clientId": "bare"}))
    assert bare["protocol"] == "openid-connect"
    assert bare["clientAuthenticatorType"] == "client-secret"
    assert len(bare["secret"]) >= 32
    on = {"enabled", "standardFlowEnabled", "fullScopeAllowed"}
    off = {
        "publicClient",
        "directAccessGrantsEnabled",
        "serviceAccountsEnabled",
        "implicitFlowEnabled",
        "bearerOnly",
        "consentRequired",
        "surrogateAuthRequired",
    }
    assert {name for name in on | off if bare[name]} == on
    assert bare["redirectUris"] == [] and bare["webOrigins"] == []
    assert bare["nodeReRegistrationTimeout"] == -1 and bare["notBefore"] == 0
    assert {"web-origins", "acr", "roles", "profile", "basic", "email"} <= set(
        bare["defaultClientScopes"]
    )
    assert {"address", "phone", "offline_access", "microprofile-jwt"} <= set(
        bare["optionalClientScopes"]
    )
    assert bare["access"] == {"view": True, "configure": True, "manage": True}

    spoken = kc.get_client(kc.create_client({"clientId": "spoken", "protocol": "openid-connect"}))
    assert spoken["publicClient"] is True and spoken["directAccessGrantsEnabled"] is True
    assert "secret" not in spoken

    registry = kc.get_client(kc.create_client({"clientId": "registry", "protocol": "docker-v2"}))
    assert registry["protocol"] == "docker-v2"
    assert names(registry["protocolMappers"], "protocolMapper") == ["docker-v2-allow-all-mapper"]


def test_a_client_is_changed_found_and_deleted(kc):
    given = "0c11e4f0-0000-4000-8000-00000000c11e"
    client = kc.create_client(
        {
            "id": given,
            "clientId": "shop",
            "name": "The shop",
            "rootUrl": "https://shop.example",
            "redirectUris": ["https://shop.example/*"],
            "attributes": {"first": "1", "post.logout.redirect.uris": "+"},
        }
    )
    assert client == given
    assert kc.get_client(client)["webOrigins"] == ["https://shop.example"]
    kc.update_client(client, {"description": "Sells", "attributes": {"second": "2"}})
    rep = kc.get_client(client)
    assert rep["name"] == "The shop" and rep["description"] == "Sells"
    assert rep["attributes"]["first"] == "1" and rep["attributes"]["second"] == "2"
    kc.update_client(client, {"clientId": "store", "enabled": False})
    assert kc.get_client_id("shop") is None
    assert kc.get_client_id("store") == client
    assert kc.get_client(client)["enabled"] is False

    kc.create_client({"clientId": "store-two"})

    def found(**query):
        return names(get(kc, "clients", **query), "clientId")

    assert found(clientId="store") == ["store"]
    assert found(clientId="stor") == []
    assert found(clientId="stor", search=True) == ["store", "store-two"]
    assert found(clientId="STORE-", search=True) == ["store-two"]
    assert len(found(first=1, max=3)) == 3
    assert found(max=0) == []

    kc.delete_client(client)
    with refused(KeycloakGetError, 404, '"Could not find client"'):
        kc.get_client(client)


def test_what_a_client_cannot_be_is_refused(kc):
    taken = kc.create_client({"clientId": "taken"})
    with refused(KeycloakPostError, 409, '"Client taken already exists"'):
        kc.create_client({"clientId": "taken"})
    assert kc.create_client({"clientId": "taken"}, skip_exists=True) == taken
    with refused(KeycloakPostError, 400, '"Invalid protocol: nosuch"'):
        kc.create_client({"clientId": "odd", "protocol": "nosuch"})
    with refused(KeycloakPostError, 400, "Unrecognized field"):
        kc.create_client({"clientId": "odd", "noSuchField": 1})
    with refused(KeycloakPutError, 409, "conflict"):
        kc.update_client(taken, {"clientId": "admin-cli"})
    with refused(KeycloakPutError, 404, '"Could not find client"'):
        kc.update_client("nonsense", {"name": "x"})


def test_secrets_are_read_and_renewed(kc):
    client = kc.create_client({"clientId": "secretive", "secret": "chosen-by-me"})
    assert kc.get_client_secrets(client) == {"type": "secret", "value": "chosen-by-me"}
    new = kc.generate_client_secrets(client)
    assert new["type"] == "secret" and new["value"] != "chosen-by-me"
    assert kc.get_client_secrets(client)["value"] == new["value"]
    assert kc.get_client(client)["secret"] == new["value"]
    public = kc.create_client({"clientId": "open", "publicClient": True})
    assert kc.get_client_secrets(public) == {"type": "secret"}


def test_a_service_account_logs_in_with_its_secret(kc):
    client = kc.create_client(
        {"clientId": "robot", "serviceAccountsEnabled": True, "secret": "oil-1"}
    )
    account = kc.get_client_service_account_user(client)
    assert account["username"] == "service-account-robot"
    assert "service-account-robot" not in names(kc.get_users(), "username")
    kc.create_realm_role({"name": "welder"})
    kc.assign_realm_roles(account["id"], [kc.get_realm_role("welder")])
    management = kc.get_client_id("realm-management")
    kc.assign_client_role(account["id"], management, [kc.get_client_role(management, "view-users")])

    oidc = login(kc, "robot", "oil-1")
    token = oidc.token(grant_type="client_credentials")
    claims = oidc.decode_token(token["access_token"])
    assert claims["azp"] == "robot" and claims["client_id"] == "robot"
    assert claims["preferred_username"] == "service-account-robot"
    assert "welder" in claims["realm_access"]["roles"]
    # A client is told of tokens that are meant for it.
    assert oidc.introspect(token["access_token"]) == {"active": False}
    kc.add_mapper_to_client(
        client,
        {
            "name": "to itself",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {"included.client.audience": "robot", "access.token.claim": "true"},
        },
    )
    token = oidc.token(grant_type="client_credentials")
    said = oidc.introspect(token["access_token"])
    assert said["active"] is True and said["username"] == "service-account-robot"
    with refused(KeycloakAuthenticationError, 401, "unauthorized_client"):
        login(kc, "robot", "wrong").token(grant_type="client_credentials")

    # The same account as an administrator of its own realm.
    robot = KeycloakAdmin(
        URL,
        realm_name=kc.get_current_realm(),
        user_realm_name=kc.get_current_realm(),
        client_id="robot",
        client_secret_key="oil-1",
        grant_type="client_credentials",
    )
    person(kc, "watched")
    assert "watched" in names(robot.get_users(), "username")
    with refused(KeycloakPostError, 403, '"HTTP 403 Forbidden"'):
        robot.create_user({"username": "forbidden"})
    with refused(KeycloakPostError, 403, '"HTTP 403 Forbidden"'):
        robot.create_realm({"realm": "forbidden"})

    plain = kc.create_client({"clientId": "no-robot"})
    with refused(KeycloakGetError, 400, "Service account not enabled for the client 'no-robot'"):
        kc.get_client_service_account_user(plain)


def test_mappers_shape_the_token(kc):
    client = kc.create_client({"clientId": "mapped", "protocol": "openid-connect"})
    mapper = {
        "name": "department",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": {
            "claim.name": "department",
            "claim.value": "tests",
            "jsonType.label": "String",
            "access.token.claim": "true",
            "id.token.claim": "true",
            "userinfo.token.claim": "true",
        },
    }
    kc.add_mapper_to_client(client, mapper)
    (kept,) = [m for m in kc.get_mappers_from_client(client) if m["name"] == "department"]
    assert kept["protocolMapper"] == "oidc-hardcoded-claim-mapper"
    assert kept["config"]["claim.value"] == "tests" and kept["consentRequired"] is False
    with refused(KeycloakPostError, 409, '"Protocol mapper exists with same name"'):
        kc.add_mapper_to_client(client, mapper)
    with refused(KeycloakPostError, 404, '"ProtocolMapper provider not found"'):
        kc.add_mapper_to_client(client, {**mapper, "name": "x", "protocolMapper": "nosuch"})

    person(kc, "bearer")
    oidc = login(kc, "mapped")
    token = oidc.token("bearer", "secret-1")
    assert oidc.decode_token(token["access_token"])["department"] == "tests"
    changed = {**kept, "config": {**kept["config"], "claim.value": "more tests"}}
    kc.update_client_mapper(client, kept["id"], changed)
    again = oidc.refresh_token(token["refresh_token"])
    assert oidc.decode_token(again["access_token"])["department"] == "more tests"
    about = oidc.userinfo(again["access_token"])
    assert about["preferred_username"] == "bearer" and about["department"] == "more tests"

    send(kc, "post", f"clients/{client}/protocol-mappers/add-models", "[" + DOCKER + "]")
    by_protocol = get(kc, f"clients/{client}/protocol-mappers/protocol/docker-v2")
    assert "docker-all" in names(by_protocol)
    assert get(kc, f"clients/{client}/protocol-mappers/models/{kept['id']}") == changed
    kc.remove_client_mapper(client, kept["id"])
    assert "department" not in names(kc.get_mappers_from_client(client))
    with refused(KeycloakDeleteError, 404, '"Model not found"'):
        kc.remove_client_mapper(client, kept["id"])


DOCKER = """{"name": "docker-all", "protocol": "docker-v2",
"protocolMapper": "docker-v2-allow-all-mapper", "config": {}}"""


def test_installation_texts_are_given(kc):
    realm = kc.get_current_realm()

    def text(client, provider):
        path = f"admin/realms/{realm}/clients/{client}/installation/providers/{provider}"
        answer = kc.connection.raw_get(path)
        assert answer.status_code == 200, answer.text
        return answer.content

    registry = kc.create_client({"clientId": "hub", "protocol": "docker-v2"})
    config = text(registry, "docker-v2-registry-config-file").decode()
    assert "auth:\n  token:\n    realm:" in config
    assert f"/realms/{realm}/protocol/docker-v2/auth" in config and "service: hub" in config
    variables = text(registry, "docker-v2-variable-override").decode()
    assert "REGISTRY_AUTH_TOKEN_SERVICE=hub" in variables
    assert text(registry, "docker-v2-compose-yaml")[:2] == b"PK"

    app = kc.create_client({"clientId": "app", "secret": "app-secret"})
    config = kc.get_client_installation_provider(app, "keycloak-oidc-keycloak-json")
    assert config["realm"] == realm and config["resource"] == "app"
    assert config["credentials"] == {"secret": "app-secret"}
    with refused(KeycloakGetError, 404, '"Unknown Provider"'):
        kc.get_client_installation_provider(app, "nosuch")


def test_sessions_of_a_client_are_counted(kc):
    client = kc.create_client({"clientId": "counted", "protocol": "openid-connect"})
    user = person(kc, "counted")
    oidc = login(kc, "counted")
    oidc.token("counted", "secret-1")
    assert get(kc, f"clients/{client}/session-count") == {"count": 1}
    assert get(kc, f"clients/{client}/offline-session-count") == {"count": 0}
    assert names(get(kc, f"clients/{client}/user-sessions"), "username") == ["counted"]
    assert get(kc, f"clients/{client}/offline-sessions") == []
    assert get(kc, f"users/{user}/offline-sessions/{client}") == []
    (stats,) = [s for s in kc.get_client_sessions_stats() if s["clientId"] == "counted"]
    assert (stats["active"], stats["offline"]) == ("1", "0")

    tokens = oidc.token("counted", "secret-1", scope="openid offline_access")
    assert tokens["refresh_expires_in"] == 0
    assert get(kc, f"clients/{client}/offline-session-count") == {"count": 1}
    (offline,) = get(kc, f"users/{user}/offline-sessions/{client}")
    assert offline["clients"] == {client: "counted"}
    assert get(kc, f"clients/{client}/offline-sessions") == [offline]
    kc.user_logout(user)
    assert get(kc, f"clients/{client}/session-count") == {"count": 0}
    assert get(kc, f"clients/{client}/offline-session-count") == {"count": 1}
    kc.connection.raw_delete(f"admin/realms/{kc.get_current_realm()}/sessions/{offline['id']}", isOffline="true")
    assert get(kc, f"clients/{client}/offline-sessions") == []
    with refused(KeycloakPostError, 400, "invalid_grant"):
        oidc.refresh_token(tokens["refresh_token"])
