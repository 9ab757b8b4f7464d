"""Events, admin events and brute force detection."""

import json
import time

import pytest
from keycloak.exceptions import KeycloakGetError, KeycloakPostError, KeycloakPutError

from conftest import get, login, names, person, refused, send, temporary_realm


def test_nothing_is_recorded_before_it_is_switched_on(kc):
    config = get(kc, "events/config")
    assert config["eventsEnabled"] is False and config["adminEventsEnabled"] is False
    assert config["eventsListeners"] == ["jboss-logging"]
    assert {"LOGIN", "LOGIN_ERROR", "LOGOUT"} <= set(config["enabledEventTypes"])
    assert kc.get_events() == [] and kc.get_admin_events() == []


def test_logins_are_recorded_found_and_cleared():
    with temporary_realm() as kc:
        kc.set_events(
            {
                "eventsEnabled": True,
                "eventsExpiration": 3600,
                "eventsListeners": ["jboss-logging"],
                "enabledEventTypes": ["LOGIN", "LOGIN_ERROR", "REFRESH_TOKEN", "LOGOUT"],
            }
        )
        config = get(kc, "events/config")
        assert config["eventsEnabled"] is True and config["eventsExpiration"] == 3600
        assert sorted(config["enabledEventTypes"]) == [
            "LOGIN",
            "LOGIN_ERROR",
            "LOGOUT",
            "REFRESH_TOKEN",
        ]
        realm = kc.get_realm(kc.get_current_realm())
        assert realm["eventsEnabled"] is True

        user = person(kc, "seen")
        oidc = login(kc)
        oidc.token("seen", "secret-1")
        with pytest.raises(KeycloakPostError):
            oidc.token("seen", "wrong")
        with pytest.raises(KeycloakPostError):
            oidc.token("nobody", "wrong")

        newest, middle, oldest = kc.get_events()
        assert [e["type"] for e in (newest, middle, oldest)] == [
            "LOGIN_ERROR",
            "LOGIN_ERROR",
            "LOGIN",
        ]
        assert oldest["userId"] == user and oldest["clientId"] == "admin-cli"
        assert oldest["realmId"] == realm["id"] and oldest["ipAddress"]
        assert oldest["sessionId"] and oldest["details"]["username"] == "seen"
        assert oldest["details"]["grant_type"] == "password"
        assert middle["error"] == "invalid_user_credentials" and middle["userId"] == user
        assert newest["error"] == "user_not_found" and newest["details"]["username"] == "nobody"

        assert names(kc.get_events({"type": "LOGIN"}), "type") == ["LOGIN"]
        assert len(kc.get_events({"type": ["LOGIN", "LOGIN_ERROR"]})) == 3
        assert len(kc.get_events({"user": user})) == 2
        assert len(kc.get_events({"client": "admin-cli"})) == 3
        assert kc.get_events({"client": "other"}) == []
        assert kc.get_events({"ipAddress": "203.0.113.9"}) == []
        assert kc.get_events({"dateTo": "2020-01-01"}) == []
        assert len(kc.get_events({"dateFrom": "2020-01-01"})) == 3
        assert kc.get_events({"direction": "asc"})[0]["type"] == "LOGIN"
        assert [e["id"] for e in get(kc, "events", first=1, max=1)] == [middle["id"]]
        with refused(KeycloakGetError, 400, "Invalid value for 'dateFrom'"):
            kc.get_events({"dateFrom": "yesterday"})

        send(kc, "delete", "events")
        assert kc.get_events() == []
        with refused(KeycloakPutError, 400, "Unknown event listener"):
            kc.set_events({"eventsListeners": ["nosuch"]})


def test_what_administrators_do_is_recorded_with_details():
    with temporary_realm() as kc:
        kc.set_events(
            {
                "adminEventsEnabled": True,
                "adminEventsDetailsEnabled": True,
                "eventsListeners": ["jboss-logging"],
            }
        )
        send(kc, "delete", "admin-events")
        user = kc.create_user({"username": "audited", "firstName": "Old"})
        kc.update_user(user, {"firstName": "New"})
        kc.create_realm_role({"name": "audited-role"})
        kc.assign_realm_roles(user, [kc.get_realm_role("audited-role")])
        kc.delete_user(user)

        done = [
            (e["operationType"], e["resourceType"], e["resourcePath"])
            for e in kc.get_admin_events()
        ]
        assert done == [
            ("DELETE", "USER", f"users/{user}"),
            ("CREATE", "REALM_ROLE_MAPPING", f"users/{user}/role-mappings/realm"),
            ("CREATE", "REALM_ROLE", "roles/audited-role"),
            ("UPDATE", "USER", f"users/{user}"),
            ("CREATE", "USER", f"users/{user}"),
        ]
        created = kc.get_admin_events()[-1]
        assert json.loads(created["representation"])["username"] == "audited"
        assert created["realmId"] == kc.get_realm(kc.get_current_realm())["id"]
        who = created["authDetails"]
        assert set(who) >= {"realmId", "clientId", "userId", "ipAddress"}

        def count(**query):
            return len(kc.get_admin_events(query))

        assert count(operationTypes="CREATE") == 3
        assert count(operationTypes=["CREATE", "DELETE"]) == 4
        assert count(resourceTypes="USER") == 3
        assert count(resourcePath=f"users/{user}") == 3
        assert count(resourcePath="users/*") == 4
        assert count(authUser=who["userId"]) == 5
        assert count(authUser="00000000-0000-4000-8000-000000000000") == 0
        assert count(authClient=who["clientId"]) == 5
        assert count(authIpAddress="203.0.113.9") == 0
        assert count(dateFrom="2020-01-01") == 5
        assert count(dateTo="2020-01-01") == 0
        assert len(get(kc, "admin-events", first=1, max=2)) == 2

        kc.set_events({"adminEventsEnabled": True, "adminEventsDetailsEnabled": False})
        kc.create_realm_role({"name": "no-details"})
        newest = kc.get_admin_events()[0]
        assert newest["resourcePath"] == "roles/no-details" and "representation" not in newest
        send(kc, "delete", "admin-events")
        assert kc.get_admin_events() == []


def test_who_guesses_too_often_is_locked_out():
    with temporary_realm(bruteForceProtected=True, failureFactor=2, waitIncrementSeconds=600) as kc:
        user = person(kc, "guessed")
        oidc = login(kc)
        idle = {"numFailures": 0, "disabled": False, "lastIPFailure": "n/a", "lastFailure": 0}
        status = kc.get_bruteforce_detection_status(user)
        assert idle.items() <= status.items()

        def failures(number):
            """The status, when so many failures are counted: Keycloak counts a little later."""
            for _ in range(100):
                status = kc.get_bruteforce_detection_status(user)
                if status["numFailures"] == number:
                    break
                time.sleep(0.05)
            assert status["numFailures"] == number
            return status

        def guess():
            with refused(KeycloakPostError, 400, "Invalid user credentials"):
                oidc.token("guessed", "wrong")

        guess()
        failures(1)
        guess()
        status = failures(2)
        assert status["disabled"] is True
        assert status["lastFailure"] > 0 and status["lastIPFailure"] != "n/a"
        with refused(KeycloakPostError, 400, "Invalid user credentials"):
            oidc.token("guessed", "secret-1")

        kc.clear_bruteforce_attempts_for_user(user)
        assert idle.items() <= kc.get_bruteforce_detection_status(user).items()
        assert oidc.token("guessed", "secret-1")["access_token"]
        guess()
        failures(1)
        guess()
        assert failures(2)["disabled"] is True
        kc.clear_all_bruteforce_attempts()
        assert kc.get_bruteforce_detection_status(user)["disabled"] is False
