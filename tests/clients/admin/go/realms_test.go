package admin

import (
	"testing"

	"github.com/Nerzal/gocloak/v13"
)

func TestAWrongPasswordLogsNobodyIn(t *testing.T) {
	_, err := client(t).LoginAdmin(ctx, "admin", "wrong", "master")
	refused(t, err, 400, "invalid_grant: Invalid user credentials")
	_, err = client(t).GetRealms(ctx, "nonsense")
	refused(t, err, 401, "HTTP 401 Unauthorized")
	_, err = client(t).LoginAdmin(ctx, "admin", "wrong", unlikeOthers())
	refused(t, err, 404, "Realm does not exist")
}

func TestARealmIsMadeChangedAndDeleted(t *testing.T) {
	kc := newRealm(t)
	realm := must(kc.GetRealm(ctx, kc.token, kc.realm))(t)
	equal(t, *realm.Enabled, true)
	equal(t, *realm.AccessTokenLifespan, 300)
	done(t, kc.UpdateRealm(ctx, kc.token, gocloak.RealmRepresentation{
		Realm:               &kc.realm,
		DisplayName:         str("Shown"),
		AccessTokenLifespan: num(60),
		Attributes:          &map[string]string{"colour": "blue"},
	}))
	changed := must(kc.GetRealm(ctx, kc.token, kc.realm))(t)
	equal(t, *changed.DisplayName, "Shown")
	equal(t, *changed.AccessTokenLifespan, 60)
	equal(t, (*changed.Attributes)["colour"], "blue")
	equal(t, *changed.SsoSessionIdleTimeout, *realm.SsoSessionIdleTimeout)
	all := must(kc.GetRealms(ctx, kc.token))(t)
	has(t, each(all, func(one *gocloak.RealmRepresentation) *string { return one.Realm }), "master", kc.realm)

	_, err := kc.CreateRealm(ctx, kc.token, gocloak.RealmRepresentation{Realm: &kc.realm})
	refused(t, err, 409, "Realm "+kc.realm+" already exists")
	_, err = kc.CreateRealm(ctx, kc.token, gocloak.RealmRepresentation{})
	refused(t, err, 400, "Realm name cannot be empty")
	other := unlikeOthers()
	equal(t, must(kc.CreateRealm(ctx, kc.token, gocloak.RealmRepresentation{Realm: &other}))(t), other)
	done(t, kc.DeleteRealm(ctx, kc.token, other))
	_, err = kc.GetRealm(ctx, kc.token, other)
	refused(t, err, 404, "Realm not found.")
}

func TestARealmArrivesInOneBody(t *testing.T) {
	const id = "6c1d1c0d-5f4e-4a55-9d0e-3f1f0a3b9e01"
	kc := newRealm(t, func(realm *gocloak.RealmRepresentation) {
		realm.Users = &[]gocloak.User{{
			Username:    str("whole"),
			Enabled:     yes,
			Email:       str("whole@example.org"),
			FirstName:   str("Whole"),
			LastName:    str("Person"),
			RealmRoles:  &[]string{"chief"},
			Groups:      &[]string{"/crew/night"},
			Credentials: &[]gocloak.CredentialRepresentation{{Type: str("password"), Value: str("secret-1")}},
		}}
		crew := map[string]any{"name": "crew", "subGroups": []any{map[string]any{"name": "night"}}}
		realm.Groups = &[]any{crew}
		realm.Clients = &[]gocloak.Client{{ID: str(id), ClientID: str("arrived"), Secret: str("given")}}
		realm.Roles = &gocloak.RolesRepresentation{
			Realm:  &[]gocloak.Role{{Name: str("chief")}},
			Client: &map[string][]gocloak.Role{"arrived": {{Name: str("hand")}}},
		}
	})
	found := must(kc.GetUsers(ctx, kc.token, kc.realm, gocloak.GetUsersParams{Username: str("whole")}))(t)
	user := *found[0].ID
	groups := must(kc.GetUserGroups(ctx, kc.token, kc.realm, user, gocloak.GetGroupsParams{}))(t)
	same(t, paths(groups), "/crew/night")
	has(t, roles(must(kc.GetRealmRolesByUserID(ctx, kc.token, kc.realm, user))(t)), "chief")
	equal(t, *must(kc.GetClientSecret(ctx, kc.token, kc.realm, id))(t).Value, "given")
	same(t, roles(must(kc.GetClientRoles(ctx, kc.token, kc.realm, id, gocloak.GetRoleParams{}))(t)), "hand")
	must(kc.Login(ctx, "admin-cli", "", kc.realm, "whole", "secret-1"))(t)
}

func TestPartsOfARealmComeAndGo(t *testing.T) {
	kc := newRealm(t)
	var said struct {
		Added, Skipped, Overwritten int
		Results                     []struct{ Action, ResourceType, ResourceName string }
	}
	body := map[string]any{
		"ifResourceExists": "SKIP",
		"users":            []any{map[string]any{"username": "brought"}},
		"clients":          []any{map[string]any{"clientId": "brought-client"}},
	}
	kc.send("POST", "partialImport", body, &said)
	equal(t, said.Added, 2)
	kc.send("POST", "partialImport", body, &said)
	equal(t, said.Skipped, 2)
	equal(t, said.Results[0].Action, "SKIPPED")
	body["ifResourceExists"] = "OVERWRITE"
	kc.send("POST", "partialImport", body, &said)
	equal(t, said.Overwritten, 2)

	var export gocloak.RealmRepresentation
	kc.send("POST", "partial-export?exportClients=true&exportGroupsAndRoles=true", nil, &export)
	equal(t, *export.Realm, kc.realm)
	has(t, each(*export.Clients, func(one gocloak.Client) *string { return one.ClientID }), "brought-client")
	kc.send("POST", "logout-all", nil, nil)
}

func TestCachesAreClearedAndTheServerSaysWhatItIs(t *testing.T) {
	kc := newRealm(t)
	done(t, kc.ClearKeysCache(ctx, kc.token, kc.realm))
	done(t, kc.ClearRealmCache(ctx, kc.token, kc.realm))
	done(t, kc.ClearUserCache(ctx, kc.token, kc.realm))
	info := must(kc.GetServerInfo(ctx, kc.token))(t)
	if *info.SystemInfo.Version == "" || len(info.PasswordPolicies) == 0 {
		t.Fatalf("%+v", info)
	}
	must(kc.GetCredentialRegistrators(ctx, kc.token, kc.realm))(t)
	issuer := must(kc.GetIssuer(ctx, kc.realm))(t)
	equal(t, *issuer.Realm, kc.realm)
}
