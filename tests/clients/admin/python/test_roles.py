"""Realm and client roles, composites, and who has them."""

from keycloak.exceptions import (
    KeycloakDeleteError,
    KeycloakGetError,
    KeycloakPostError,
    KeycloakPutError,
)

from conftest import get, names, person, refused, send


def test_a_new_realm_has_three_roles(kc):
    default = f"default-roles-{kc.get_current_realm()}"
    assert names(kc.get_realm_roles()) == [default, "offline_access", "uma_authorization"]
    assert names(kc.get_realm_default_roles()) == ["offline_access", "uma_authorization"]
    assert kc.get_realm_role_by_id(kc.get_default_realm_role_id())["name"] == default
    with refused(KeycloakDeleteError, 400, "is default role of the realm and cannot be removed"):
        kc.delete_realm_role(default)
    kc.create_realm_role({"name": "for-all"})
    kc.add_realm_default_roles([kc.get_realm_role("for-all")])
    assert "for-all" in names(kc.get_realm_default_roles())
    user = kc.create_user({"username": "ordinary"})
    assert names(kc.get_realm_roles_of_user(user)) == [default]
    assert "for-all" in names(kc.get_composite_realm_roles_of_user(user))
    kc.remove_realm_default_roles([kc.get_realm_role("for-all")])
    assert "for-all" not in names(kc.get_realm_default_roles())


def test_a_realm_role_is_made_changed_and_deleted(kc):
    assert kc.create_realm_role({"name": "keeper", "description": "Keeps"}) == "keeper"
    role = kc.get_realm_role("keeper")
    assert role["description"] == "Keeps"
    assert (role["composite"], role["clientRole"], role["attributes"]) == (False, False, {})
    assert role["containerId"] == kc.get_realm(kc.get_current_realm())["id"]
    kc.update_realm_role("keeper", {"name": "guard", "attributes": {"level": ["1", "2"]}})
    assert kc.get_realm_role("guard")["id"] == role["id"]
    assert kc.get_role_by_id(role["id"])["attributes"] == {"level": ["1", "2"]}
    kc.update_role_by_id(role["id"], {"name": "guard", "description": "By id"})
    assert kc.get_realm_role("guard")["description"] == "By id"
    assert names(kc.get_realm_roles(search_text="guar")) == ["guard"]
    assert "attributes" not in kc.get_realm_roles(search_text="guard")[0]
    full = kc.get_realm_roles(brief_representation=False, search_text="guard")[0]
    assert full["attributes"] == {"level": ["1", "2"]}
    kc.delete_realm_role("guard")
    with refused(KeycloakGetError, 404, '"Could not find role"'):
        kc.get_realm_role("guard")
    kc.create_realm_role({"name": "short-lived"})
    by_id = kc.get_realm_role("short-lived")["id"]
    kc.delete_role_by_id(by_id)
    with refused(KeycloakGetError, 404, '"Could not find role with id"'):
        kc.get_role_by_id(by_id)


def test_a_role_name_may_hold_a_slash(kc):
    send(kc, "post", "roles", '{"name": "a/b c"}', expected=201)
    assert get(kc, "roles/a%2Fb%20c")["name"] == "a/b c"
    send(kc, "delete", "roles/a%2Fb%20c")
    assert "a/b c" not in names(kc.get_realm_roles())


def test_a_composite_holds_realm_and_client_roles(kc):
    for name in ("whole", "part", "deep"):
        kc.create_realm_role({"name": name})
    client = kc.create_client({"clientId": "parts"})
    kc.create_client_role(client, {"name": "piece"})
    whole = kc.get_realm_role("whole")["id"]
    kc.add_composite_realm_roles_to_role("part", [kc.get_realm_role("deep")])
    kc.add_composite_realm_roles_to_role(
        "whole", [kc.get_realm_role("part"), kc.get_client_role(client, "piece")]
    )
    assert kc.get_realm_role("whole")["composite"] is True
    assert names(kc.get_composite_realm_roles_of_role("whole")) == ["part", "piece"]
    assert names(kc.get_role_composites_by_id(whole)) == ["part", "piece"]
    assert names(get(kc, f"roles-by-id/{whole}/composites/realm")) == ["part"]
    assert names(get(kc, "roles/whole/composites/realm")) == ["part"]
    assert names(get(kc, f"roles/whole/composites/clients/{client}")) == ["piece"]
    assert names(kc.get_role_client_level_children(client, whole)) == ["piece"]

    user = person(kc, "composed")
    kc.assign_realm_roles(user, [kc.get_realm_role("whole")])
    assert {"whole", "part", "deep"} <= set(names(kc.get_composite_realm_roles_of_user(user)))
    assert names(kc.get_composite_client_roles_of_user(user, client)) == ["piece"]

    kc.remove_composite_realm_roles_to_role("whole", [kc.get_realm_role("part")])
    assert names(kc.get_composite_realm_roles_of_role("whole")) == ["piece"]
    assert "deep" not in names(kc.get_composite_realm_roles_of_user(user))


def test_a_client_has_roles_of_its_own(kc):
    client = kc.create_client({"clientId": "roled"})
    assert kc.create_client_role(client, {"name": "editor", "description": "Edits"}) == "editor"
    kc.create_client_role(client, {"name": "reader"})
    assert names(kc.get_client_roles(client)) == ["editor", "reader"]
    role = kc.get_client_role(client, "editor")
    assert (role["clientRole"], role["containerId"]) == (True, client)
    assert kc.get_client_role_id(client, "editor") == role["id"]
    kc.update_client_role(client, "editor", {"name": "writer", "attributes": {"a": ["b"]}})
    assert kc.get_client_role(client, "writer")["attributes"] == {"a": ["b"]}
    kc.add_composite_client_roles_to_role(client, "writer", [kc.get_client_role(client, "reader")])
    assert names(kc.get_composite_client_roles_of_role(client, "writer")) == ["reader"]
    path = f"clients/{client}/roles/writer/composites"
    assert names(get(kc, f"{path}/clients/{client}")) == ["reader"]
    assert get(kc, f"{path}/realm") == []
    kc.remove_composite_client_roles_from_role(
        client, "writer", [kc.get_client_role(client, "reader")]
    )
    assert kc.get_composite_client_roles_of_role(client, "writer") == []
    with refused(KeycloakPostError, 409, '"Role with name reader already exists"'):
        kc.create_client_role(client, {"name": "reader"})
    assert kc.create_client_role(client, {"name": "reader"}, skip_exists=True) == "reader"
    kc.delete_client_role(client, "writer")
    with refused(KeycloakGetError, 404, '"Could not find role"'):
        kc.get_client_role(client, "writer")


def test_roles_are_mapped_to_users(kc):
    user = person(kc, "mapped")
    client = kc.create_client({"clientId": "mapped-app"})
    kc.create_client_role(client, {"name": "manager"})
    kc.create_client_role(client, {"name": "worker"})
    kc.add_composite_client_roles_to_role(client, "manager", [kc.get_client_role(client, "worker")])
    kc.create_realm_role({"name": "direct"})
    direct, manager = kc.get_realm_role("direct"), kc.get_client_role(client, "manager")

    assert "direct" in names(kc.get_available_realm_roles_of_user(user))
    kc.assign_realm_roles(user, [direct])
    kc.assign_realm_roles(user, [direct])
    assert "direct" in names(kc.get_realm_roles_of_user(user))
    assert "direct" not in names(kc.get_available_realm_roles_of_user(user))
    assert names(kc.get_realm_role_members("direct"), "username") == ["mapped"]

    assert names(kc.get_available_client_roles_of_user(user, client)) == ["manager", "worker"]
    kc.assign_client_role(user, client, [manager])
    assert names(kc.get_client_roles_of_user(user, client)) == ["manager"]
    assert names(kc.get_composite_client_roles_of_user(user, client)) == ["manager", "worker"]
    assert names(kc.get_available_client_roles_of_user(user, client)) == ["worker"]
    assert names(kc.get_client_role_members(client, "manager"), "username") == ["mapped"]
    assert kc.get_client_role_members(client, "worker") == []

    everything = kc.get_all_roles_of_user(user)
    assert "direct" in names(everything["realmMappings"])
    assert names(everything["clientMappings"]["mapped-app"]["mappings"]) == ["manager"]
    assert everything["clientMappings"]["mapped-app"]["id"] == client

    kc.delete_client_roles_of_user(user, client, [manager])
    kc.delete_realm_roles_of_user(user, [direct])
    assert kc.get_client_roles_of_user(user, client) == []
    assert "direct" not in names(kc.get_realm_roles_of_user(user))
    with refused(KeycloakPostError, 404, '"Role not found"'):
        kc.assign_realm_roles(user, [{"id": "nonsense", "name": "direct"}])
    with refused(KeycloakGetError, 404, '"Client not found"'):
        kc.get_client_roles_of_user(user, "nonsense")


def test_what_a_role_cannot_be_is_refused(kc):
    kc.create_realm_role({"name": "once"})
    with refused(KeycloakPostError, 409, '"Role with name once already exists"'):
        kc.create_realm_role({"name": "once"})
    assert kc.create_realm_role({"name": "once"}, skip_exists=True) == "once"
    # `create_realm_role` reads the name itself.
    assert "role has no name" in send(kc, "post", "roles", "{}", expected=400).text
    with refused(KeycloakPutError, 404, '"Could not find role"'):
        kc.update_realm_role("never", {"name": "never"})
