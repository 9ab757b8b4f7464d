"""Groups: hierarchy, members, paths, search, counts, moves, default groups, roles."""

from keycloak.exceptions import (
    KeycloakDeleteError,
    KeycloakGetError,
    KeycloakPostError,
    KeycloakPutError,
)

from conftest import get, names, person, refused, send


def paths(groups):
    return sorted(group["path"] for group in groups)


def test_groups_form_a_tree(kc):
    top = kc.create_group({"name": "tree", "attributes": {"cost": ["42"]}, "description": "Oak"})
    left = kc.create_group({"name": "left"}, parent=top)
    kc.create_group({"name": "right"}, parent=top)
    leaf = kc.create_group({"name": "leaf"}, parent=left)

    listed = next(group for group in get(kc, "groups") if group["id"] == top)
    assert listed["path"] == "/tree"
    assert listed["subGroupCount"] == 2 and listed["subGroups"] == []
    # The client asks for the children of each.
    (listed,) = [group for group in kc.get_groups() if group["id"] == top]
    assert paths(listed["subGroups"]) == ["/tree/left", "/tree/right"]
    whole = kc.get_group(top, full_hierarchy=True)
    assert paths(whole["subGroups"]) == ["/tree/left", "/tree/right"]
    assert whole["attributes"] == {"cost": ["42"]} and whole["description"] == "Oak"
    assert whole["realmRoles"] == [] and whole["clientRoles"] == {}
    assert paths(kc.get_group_children(top)) == ["/tree/left", "/tree/right"]
    assert paths(kc.get_group_children(top, full_hierarchy=False)) == ["/tree/left", "/tree/right"]
    assert kc.get_group_children(leaf) == []
    assert kc.get_group(leaf)["parentId"] == left

    assert kc.get_group_by_path("/tree/left/leaf")["id"] == leaf
    with refused(KeycloakGetError, 404, '"Group path does not exist"'):
        kc.get_group_by_path("/tree/nothing")

    kc.update_group(left, {"name": "left wing", "attributes": {"cost": ["7", "8"]}})
    assert kc.get_group(left)["attributes"] == {"cost": ["7", "8"]}
    assert kc.get_group(leaf)["path"] == "/tree/left wing/leaf"
    assert kc.get_group_by_path("/tree/left wing/leaf")["id"] == leaf


def test_groups_are_found_and_counted(kc):
    top = kc.create_group({"name": "Search Root"})
    inner = kc.create_group({"name": "needle one"}, parent=top)
    kc.create_group({"name": "needle two"}, parent=inner)
    kc.create_group({"name": "other"}, parent=top)

    (hit,) = get(kc, "groups", search="needle")
    assert hit["id"] == top
    assert paths(hit["subGroups"]) == ["/Search Root/needle one"]
    assert paths(hit["subGroups"][0]["subGroups"]) == ["/Search Root/needle one/needle two"]
    (hit,) = kc.get_groups({"search": "needle"})
    assert paths(hit["subGroups"]) == ["/Search Root/needle one"]
    assert kc.get_groups({"search": "needle", "exact": True}) == []
    flat = kc.get_groups({"search": "needle", "populateHierarchy": False})
    assert paths(flat) == ["/Search Root/needle one", "/Search Root/needle one/needle two"]
    assert kc.groups_count({"search": "needle"})["count"] == 2
    everything = kc.groups_count()["count"]
    assert kc.groups_count({"top": True})["count"] < everything
    assert len(kc.get_groups({"first": 0, "max": 1})) == 1

    kc.update_group(inner, {"name": "needle one", "attributes": {"depth": ["deep"]}})
    (by_attribute,) = kc.get_groups({"q": "depth:deep", "briefRepresentation": False})
    assert by_attribute["id"] == top
    assert by_attribute["subGroups"][0]["attributes"] == {"depth": ["deep"]}


def test_users_join_and_leave(kc):
    top = kc.create_group({"name": "club"})
    board = kc.create_group({"name": "board"}, parent=top)
    user = person(kc, "joiner")
    kc.group_user_add(user, board)
    kc.group_user_add(user, board)
    kc.group_user_add(user, top)
    assert names(kc.get_group_members(board), "username") == ["joiner"]
    assert paths(kc.get_user_groups(user)) == ["/club", "/club/board"]
    assert paths(kc.get_user_groups(user, {"search": "boa"})) == ["/club/board"]
    assert get(kc, f"users/{user}/groups/count") == {"count": 2}
    kc.group_user_remove(user, board)
    kc.group_user_remove(user, board)
    assert kc.get_group_members(board) == []
    assert paths(kc.get_user_groups(user)) == ["/club"]
    with refused(KeycloakPutError, 404, '"Group not found"'):
        kc.group_user_add(user, "00000000-0000-4000-8000-000000000000")
    other = kc.create_user({"username": "placed", "groups": ["/club/board"]})
    assert names(kc.get_group_members(board), "id") == [other]


def test_a_group_moves_with_all_below_it(kc):
    here = kc.create_group({"name": "here"})
    there = kc.create_group({"name": "there"})
    mover = kc.create_group({"name": "mover"}, parent=here)
    below = kc.create_group({"name": "below"}, parent=mover)
    send(kc, "post", f"groups/{there}/children", f'{{"id": "{mover}", "name": "mover"}}')
    assert kc.get_group(below)["path"] == "/there/mover/below"
    assert kc.get_group_children(here) == []
    send(kc, "post", "groups", f'{{"id": "{mover}", "name": "mover"}}')
    assert kc.get_group(below)["path"] == "/mover/below"
    assert "parentId" not in kc.get_group(mover)
    kc.delete_group(mover)
    with refused(KeycloakGetError, 404, '"Could not find group by id"'):
        kc.get_group(below)


def test_new_users_are_in_the_default_groups(kc):
    group = kc.create_group({"name": "everybody"})
    send(kc, "put", f"default-groups/{group}")
    assert paths(get(kc, "default-groups")) == ["/everybody"]
    assert kc.get_realm(kc.get_current_realm())["defaultGroups"] == ["/everybody"]
    user = kc.create_user({"username": "newcomer"})
    assert paths(kc.get_user_groups(user)) == ["/everybody"]
    send(kc, "delete", f"default-groups/{group}")
    assert get(kc, "default-groups") == []
    send(kc, "put", "default-groups/nonsense", expected=404)


def test_a_group_gives_its_roles_to_its_members(kc):
    group = kc.create_group({"name": "givers"})
    kc.create_realm_role({"name": "given"})
    kc.create_realm_role({"name": "inside"})
    kc.add_composite_realm_roles_to_role("given", [kc.get_realm_role("inside")])
    client = kc.create_client({"clientId": "giver-app"})
    kc.create_client_role(client, {"name": "used"})

    kc.assign_group_realm_roles(group, [kc.get_realm_role("given")])
    kc.assign_group_client_roles(group, client, [kc.get_client_role(client, "used")])
    assert names(kc.get_group_realm_roles(group)) == ["given"]
    assert names(kc.get_group_client_roles(group, client)) == ["used"]
    mappings = get(kc, f"groups/{group}/role-mappings")
    assert names(mappings["realmMappings"]) == ["given"]
    assert names(mappings["clientMappings"]["giver-app"]["mappings"]) == ["used"]
    assert names(get(kc, f"groups/{group}/role-mappings/realm/composite")) == ["given", "inside"]
    assert "given" not in names(get(kc, f"groups/{group}/role-mappings/realm/available"))
    assert get(kc, f"groups/{group}/role-mappings/clients/{client}/available") == []
    assert names(kc.get_composite_client_roles_of_group(client, group)) == ["used"]
    whole = kc.get_group(group)
    assert whole["realmRoles"] == ["given"] and whole["clientRoles"] == {"giver-app": ["used"]}

    user = person(kc, "receiver")
    kc.group_user_add(user, group)
    assert {"given", "inside"} <= set(names(kc.get_composite_realm_roles_of_user(user)))
    assert "given" not in names(kc.get_realm_roles_of_user(user))
    assert names(kc.get_composite_client_roles_of_user(user, client)) == ["used"]
    assert names(kc.get_realm_role_groups("given")) == ["givers"]
    assert names(kc.get_client_role_groups(client, "used")) == ["givers"]

    kc.delete_group_realm_roles(group, [kc.get_realm_role("given")])
    kc.delete_group_client_roles(group, client, [kc.get_client_role(client, "used")])
    assert get(kc, f"groups/{group}/role-mappings") == {}
    assert "given" not in names(kc.get_composite_realm_roles_of_user(user))


def test_what_a_group_cannot_be_is_refused(kc):
    top = kc.create_group({"name": "twin"})
    with refused(KeycloakPostError, 409, "\"Top level group named 'twin' already exists.\""):
        kc.create_group({"name": "twin"})
    assert kc.create_group({"name": "twin"}, skip_exists=True) is None
    kc.create_group({"name": "twin"}, parent=top)
    with refused(KeycloakPostError, 409, "\"Sibling group named 'twin' already exists.\""):
        kc.create_group({"name": "twin"}, parent=top)
    with refused(KeycloakPostError, 400, '"Group name is missing"'):
        kc.create_group({"name": ""})
    with refused(KeycloakPutError, 400, '"Group name is missing"'):
        kc.update_group(top, {"attributes": {}})
    with refused(KeycloakDeleteError, 404, '"Could not find group by id"'):
        kc.delete_group("nonsense")
