"""Components and the keys that come of them."""

from keycloak.exceptions import (
    KeycloakDeleteError,
    KeycloakGetError,
    KeycloakPostError,
    KeycloakPutError,
)

from conftest import login, names, person, refused

TYPE = "org.keycloak.keys.KeyProvider"


def key(kc, name, provider, **config):
    return kc.create_component(
        {
            "name": name,
            "providerId": provider,
            "providerType": TYPE,
            "parentId": kc.get_realm(kc.get_current_realm())["id"],
            "config": {name: [str(value)] for name, value in config.items()},
        }
    )


def test_a_new_realm_has_four_keys(kc):
    said = kc.get_keys()
    assert {"RS256", "RSA-OAEP", "HS512", "AES"} <= set(said["active"])
    by_kid = {entry["kid"]: entry for entry in said["keys"]}
    signer = by_kid[said["active"]["RS256"]]
    assert (signer["type"], signer["use"], signer["status"]) == ("RSA", "SIG", "ACTIVE")
    assert signer["publicKey"] and signer["certificate"] and signer["providerPriority"] == 100
    secret = by_kid[said["active"]["HS512"]]
    assert secret["type"] == "OCT" and "publicKey" not in secret
    components = kc.get_components({"type": TYPE})
    assert names(components, "providerId") == [
        "aes-generated",
        "hmac-generated",
        "rsa-enc-generated",
        "rsa-generated",
    ]
    assert "**" in str(components) or "privateKey" not in str(components)


def test_a_key_of_higher_priority_takes_over_until_it_goes(kc):
    person(kc, "signer")
    oidc = login(kc)
    before = kc.get_keys()["active"]["RS256"]
    old = oidc.token("signer", "secret-1")["access_token"]
    component = key(kc, "newer", "rsa-generated", priority=200, keySize=2048)
    said = kc.get_keys()
    after = said["active"]["RS256"]
    assert after != before
    assert next(k for k in said["keys"] if k["kid"] == after)["providerId"] == component
    assert {before, after} <= set(names(oidc.certs()["keys"], "kid"))
    # Tokens of both keys are good.
    oidc.decode_token(old)
    oidc.decode_token(oidc.token("signer", "secret-1")["access_token"])

    rep = kc.get_component(component)
    assert rep["config"]["priority"] == ["200"] and rep["providerId"] == "rsa-generated"
    rep["config"]["priority"] = ["50"]
    kc.update_component(component, rep)
    assert kc.get_keys()["active"]["RS256"] == before
    rep["config"]["priority"] = ["200"]
    rep["config"]["active"] = ["false"]
    kc.update_component(component, rep)
    said = kc.get_keys()
    assert said["active"]["RS256"] == before
    assert next(k for k in said["keys"] if k["kid"] == after)["status"] == "PASSIVE"
    kc.delete_component(component)
    assert after not in names([k for k in kc.get_keys()["keys"] if "kid" in k], "kid")
    with refused(KeycloakGetError, 404, '"Could not find component"'):
        kc.get_component(component)
    with refused(KeycloakDeleteError, 404, '"Could not find component"'):
        kc.delete_component(component)


def test_keys_of_every_kind_can_be_added(kc):
    key(kc, "ec", "ecdsa-generated", priority=110)
    key(kc, "ed", "eddsa-generated", priority=110)
    key(kc, "hs", "hmac-generated", priority=110, algorithm="HS256")
    key(kc, "enc", "rsa-enc-generated", priority=110)
    key(kc, "aes", "aes-generated", priority=110)
    said = kc.get_keys()
    assert {"ES256", "EdDSA", "HS256"} <= set(said["active"])
    assert {"EC", "OKP", "OCT", "RSA"} == set(names(said["keys"], "type"))
    algorithms = set(names(login(kc).certs()["keys"], "alg"))
    assert {"RS256", "ES256", "EdDSA", "RSA-OAEP"} <= algorithms
    assert names(kc.get_components({"type": TYPE, "name": "ec"}), "providerId") == [
        "ecdsa-generated"
    ]


def test_what_a_key_cannot_be_is_refused(kc):
    with refused(KeycloakPostError, 400, "'Key size' should be"):
        key(kc, "odd", "rsa-generated", keySize=1000)
    with refused(KeycloakPostError, 400, "'Priority' should be a number"):
        key(kc, "odd", "rsa-generated", priority="high")
    with refused(KeycloakPostError, 400, "Failed to decode private key"):
        key(kc, "odd", "rsa", privateKey="no key")
    with refused(KeycloakPostError, 400, "Invalid provider type or no such provider"):
        key(kc, "odd", "nosuch")
    with refused(KeycloakPutError, 404, '"Could not find component"'):
        kc.update_component("nonsense", {"name": "x"})
