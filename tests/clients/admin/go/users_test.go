package admin

import (
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
)

func TestAUserIsMadeChangedAndDeleted(t *testing.T) {
	kc := newRealm(t)
	id := must(kc.CreateUser(ctx, kc.token, kc.realm, gocloak.User{Username: str("Fresh"), Email: str("F@Example.org")}))(t)
	user := must(kc.GetUserByID(ctx, kc.token, kc.realm, id))(t)
	equal(t, *user.Username, "fresh")
	equal(t, *user.Email, "f@example.org")
	equal(t, *user.Enabled, false)
	equal(t, *user.Totp, false)
	user.FirstName, user.LastName, user.Enabled = str("Fre"), str("Sh"), yes
	user.RequiredActions = &[]string{"UPDATE_PASSWORD"}
	done(t, kc.UpdateUser(ctx, kc.token, kc.realm, *user))
	user = must(kc.GetUserByID(ctx, kc.token, kc.realm, id))(t)
	equal(t, *user.FirstName, "Fre")
	equal(t, *user.Enabled, true)
	same(t, *user.RequiredActions, "UPDATE_PASSWORD")
	_, err := kc.CreateUser(ctx, kc.token, kc.realm, gocloak.User{Username: str("fresh")})
	refused(t, err, 409, "User exists with same username")
	_, err = kc.CreateUser(ctx, kc.token, kc.realm, gocloak.User{})
	refused(t, err, 400, "User name is missing")
	user.Username = str("renamed")
	refused(t, kc.UpdateUser(ctx, kc.token, kc.realm, *user), 400, "error-user-attribute-read-only")
	done(t, kc.DeleteUser(ctx, kc.token, kc.realm, id))
	_, err = kc.GetUserByID(ctx, kc.token, kc.realm, id)
	refused(t, err, 404, "User not found")
}

func TestUsersAreFoundAndCounted(t *testing.T) {
	kc := newRealm(t)
	var profile map[string]any
	kc.send("GET", "users/profile", nil, &profile)
	profile["unmanagedAttributePolicy"] = "ENABLED"
	kc.send("PUT", "users/profile", profile, nil)
	for _, name := range []string{"carla", "carlos", "oscar"} {
		must(kc.CreateUser(ctx, kc.token, kc.realm, gocloak.User{
			Username:   &name,
			LastName:   str("Of " + name),
			Enabled:    yes,
			Attributes: &map[string][]string{"length": {string(rune('0' + len(name)))}},
		}))(t)
	}
	for _, row := range []struct {
		params gocloak.GetUsersParams
		want   []string
	}{
		{gocloak.GetUsersParams{}, []string{"carla", "carlos", "oscar"}},
		{gocloak.GetUsersParams{Search: str("carl")}, []string{"carla", "carlos"}},
		{gocloak.GetUsersParams{Search: str("*car*")}, []string{"carla", "carlos", "oscar"}},
		{gocloak.GetUsersParams{Username: str("arl")}, []string{"carla", "carlos"}},
		{gocloak.GetUsersParams{Username: str("carl"), Exact: yes}, nil},
		{gocloak.GetUsersParams{LastName: str("oscar")}, []string{"oscar"}},
		{gocloak.GetUsersParams{Q: str("length:5")}, []string{"carla", "oscar"}},
		{gocloak.GetUsersParams{Enabled: no}, nil},
		{gocloak.GetUsersParams{First: num(1), Max: num(1)}, []string{"carlos"}},
	} {
		same(t, users(must(kc.GetUsers(ctx, kc.token, kc.realm, row.params))(t)), row.want...)
		if row.params.Max == nil {
			equal(t, must(kc.GetUserCount(ctx, kc.token, kc.realm, row.params))(t), len(row.want))
		}
	}
}

func TestPasswordsAreSetLabelledMovedAndDeleted(t *testing.T) {
	kc := newRealm(t)
	id := kc.person("keeper")
	must(kc.Login(ctx, "admin-cli", "", kc.realm, "keeper", "secret-1"))(t)
	_, err := kc.Login(ctx, "admin-cli", "", kc.realm, "keeper", "wrong")
	refused(t, err, 400, "Invalid user credentials")
	one := must(kc.GetCredentials(ctx, kc.token, kc.realm, id))(t)[0]
	equal(t, *one.Type, "password")
	done(t, kc.UpdateCredentialUserLabel(ctx, kc.token, kc.realm, id, *one.ID, "label"))
	equal(t, *must(kc.GetCredentials(ctx, kc.token, kc.realm, id))(t)[0].UserLabel, "label")
	done(t, kc.MoveCredentialToFirst(ctx, kc.token, kc.realm, id, *one.ID))
	done(t, kc.DisableAllCredentialsByType(ctx, kc.token, kc.realm, id, []string{"otp"}))
	equal(t, len(must(kc.GetConfiguredUserStorageCredentialTypes(ctx, kc.token, kc.realm, id))(t)), 0)
	done(t, kc.SetPassword(ctx, kc.token, id, kc.realm, "secret-2", true))
	_, err = kc.Login(ctx, "admin-cli", "", kc.realm, "keeper", "secret-2")
	refused(t, err, 400, "Account is not fully set up")
	one = must(kc.GetCredentials(ctx, kc.token, kc.realm, id))(t)[0]
	done(t, kc.DeleteCredentials(ctx, kc.token, kc.realm, id, *one.ID))
	equal(t, len(must(kc.GetCredentials(ctx, kc.token, kc.realm, id))(t)), 0)
	refused(t, kc.DeleteCredentials(ctx, kc.token, kc.realm, id, *one.ID), 404, "Credential not found")
}

func TestSessionsAreSeenAndEnded(t *testing.T) {
	kc := newRealm(t)
	id := kc.person("visitor")
	app := must(kc.CreateClient(ctx, kc.token, kc.realm, gocloak.Client{ClientID: str("visited"), PublicClient: yes, DirectAccessGrantsEnabled: yes}))(t)
	enter := func(scopes ...string) *gocloak.JWT {
		options := gocloak.TokenOptions{ClientID: str("visited"), GrantType: str("password"), Username: str("visitor"), Password: str("secret-1"), Scopes: &scopes}
		return must(kc.GetToken(ctx, kc.realm, options))(t)
	}
	token := enter("openid")
	session := must(kc.GetUserSessions(ctx, kc.token, kc.realm, id))(t)[0]
	equal(t, *session.Username, "visitor")
	equal(t, (*session.Clients)[app], "visited")
	equal(t, len(must(kc.GetClientUserSessions(ctx, kc.token, kc.realm, app))(t)), 1)
	equal(t, *must(kc.GetUserInfo(ctx, token.AccessToken, kc.realm))(t).PreferredUsername, "visitor")
	token = must(kc.RefreshToken(ctx, token.RefreshToken, "visited", "", kc.realm))(t)
	_, claims, err := kc.DecodeAccessToken(ctx, token.AccessToken, kc.realm)
	done(t, err)
	equal(t, (*claims)["azp"], any("visited"))
	done(t, kc.Logout(ctx, "visited", "", kc.realm, token.RefreshToken))
	_, err = kc.RefreshToken(ctx, token.RefreshToken, "visited", "", kc.realm)
	refused(t, err, 400, "invalid_grant")

	enter("openid")
	session = must(kc.GetUserSessions(ctx, kc.token, kc.realm, id))(t)[0]
	done(t, kc.LogoutUserSession(ctx, kc.token, kc.realm, *session.ID))
	refused(t, kc.LogoutUserSession(ctx, kc.token, kc.realm, *session.ID), 404, "Sesssion not found")
	enter("openid")
	done(t, kc.LogoutAllSessions(ctx, kc.token, kc.realm, id))
	equal(t, len(must(kc.GetUserSessions(ctx, kc.token, kc.realm, id))(t)), 0)

	enter("openid")
	equal(t, len(must(kc.GetClientOfflineSessions(ctx, kc.token, kc.realm, app))(t)), 0)
	equal(t, len(must(kc.GetUserOfflineSessionsForClient(ctx, kc.token, kc.realm, id, app))(t)), 0)
	var stats []struct{ ClientID, Active, Offline string }
	kc.send("GET", "client-session-stats", nil, &stats)
	equal(t, stats[0].Active, "1")
	equal(t, stats[0].Offline, "0")

	token = enter("openid", "offline_access")
	offline := must(kc.GetUserOfflineSessionsForClient(ctx, kc.token, kc.realm, id, app))(t)[0]
	equal(t, (*offline.Clients)[app], "visited")
	equal(t, *must(kc.GetClientOfflineSessions(ctx, kc.token, kc.realm, app))(t)[0].ID, *offline.ID)
	done(t, kc.LogoutAllSessions(ctx, kc.token, kc.realm, id))
	kc.send("GET", "client-session-stats", nil, &stats)
	equal(t, stats[0].Active, "0")
	equal(t, stats[0].Offline, "1")
	done(t, kc.RevokeToken(ctx, kc.realm, "visited", "", token.RefreshToken))
	equal(t, len(must(kc.GetClientOfflineSessions(ctx, kc.token, kc.realm, app))(t)), 0)
	_, err = kc.RefreshToken(ctx, token.RefreshToken, "visited", "", kc.realm)
	refused(t, err, 400, "invalid_grant")
}

func TestWhoGuessesIsLockedOut(t *testing.T) {
	kc := newRealm(t, func(realm *gocloak.RealmRepresentation) {
		realm.BruteForceProtected, realm.FailureFactor, realm.WaitIncrementSeconds = yes, num(2), num(600)
	})
	id := kc.person("guessed")
	guess := func(number int) *gocloak.BruteForceStatus {
		_, err := kc.Login(ctx, "admin-cli", "", kc.realm, "guessed", "wrong")
		refused(t, err, 400, "Invalid user credentials")
		// Keycloak counts a failure a little later.
		for range 100 {
			status := must(kc.GetUserBruteForceDetectionStatus(ctx, kc.token, kc.realm, id))(t)
			if *status.NumFailures == number {
				return status
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%d failures are not counted", number)
		return nil
	}
	equal(t, *guess(1).Disabled, false)
	equal(t, *guess(2).Disabled, true)
	_, err := kc.Login(ctx, "admin-cli", "", kc.realm, "guessed", "secret-1")
	refused(t, err, 400, "Invalid user credentials")
	kc.send("DELETE", "attack-detection/brute-force/users/"+id, nil, nil)
	must(kc.Login(ctx, "admin-cli", "", kc.realm, "guessed", "secret-1"))(t)
}

func TestLoginsAndDoingsAreRecorded(t *testing.T) {
	kc := newRealm(t)
	kc.send("PUT", "events/config", map[string]any{
		"eventsEnabled": true, "adminEventsEnabled": true, "adminEventsDetailsEnabled": true,
		"eventsListeners": []string{"jboss-logging"}, "enabledEventTypes": []string{"LOGIN", "LOGIN_ERROR"},
	}, nil)
	id := kc.person("seen")
	must(kc.Login(ctx, "admin-cli", "", kc.realm, "seen", "secret-1"))(t)
	_, err := kc.Login(ctx, "admin-cli", "", kc.realm, "seen", "wrong")
	refused(t, err, 400, "Invalid user credentials")
	events := must(kc.GetEvents(ctx, kc.token, kc.realm, gocloak.GetEventsParams{}))(t)
	equal(t, len(events), 2)
	equal(t, *events[0].Type, "LOGIN_ERROR")
	equal(t, *events[1].Type, "LOGIN")
	equal(t, *events[1].UserID, id)
	equal(t, events[1].Details["username"], "seen")
	of := func(params gocloak.GetEventsParams) int {
		return len(must(kc.GetEvents(ctx, kc.token, kc.realm, params))(t))
	}
	// gocloak cannot send its own list of types.
	var logins []*gocloak.EventRepresentation
	kc.send("GET", "events?type=LOGIN", nil, &logins)
	equal(t, len(logins), 1)
	equal(t, of(gocloak.GetEventsParams{UserID: &id}), 2)
	equal(t, of(gocloak.GetEventsParams{Client: str("other")}), 0)

	var doings []struct{ OperationType, ResourceType, ResourcePath string }
	kc.send("GET", "admin-events?resourceTypes=USER&operationTypes=CREATE", nil, &doings)
	equal(t, doings[0].ResourcePath, "users/"+id)
	kc.send("DELETE", "events", nil, nil)
	kc.send("DELETE", "admin-events", nil, nil)
	equal(t, of(gocloak.GetEventsParams{}), 0)
}
