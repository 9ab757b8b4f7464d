package admin

import (
	"strings"
	"testing"

	"github.com/Nerzal/gocloak/v13"
)

func mapper(name, value string) gocloak.ProtocolMapperRepresentation {
	return gocloak.ProtocolMapperRepresentation{
		Name:           &name,
		Protocol:       str("openid-connect"),
		ProtocolMapper: str("oidc-hardcoded-claim-mapper"),
		Config: &map[string]string{
			"claim.name": name, "claim.value": value, "jsonType.label": "String", "access.token.claim": "true",
		},
	}
}

func TestAClientIsMadeChangedFoundAndDeleted(t *testing.T) {
	kc := newRealm(t)
	const given = "0d9e6c50-2f53-4c1c-9a33-6a0d5f7f1c11"
	id := must(kc.CreateClient(ctx, kc.token, kc.realm, gocloak.Client{ID: str(given), ClientID: str("shop"), RootURL: str("https://shop.example"), RedirectURIs: &[]string{"/*"}}))(t)
	equal(t, id, given)
	shop := must(kc.GetClient(ctx, kc.token, kc.realm, id))(t)
	equal(t, *shop.Enabled, true)
	equal(t, *shop.PublicClient, false)
	equal(t, *shop.Protocol, "openid-connect")
	has(t, *shop.DefaultClientScopes, "profile", "email", "roles")
	shop.Description, shop.ClientID = str("Sells"), str("store")
	done(t, kc.UpdateClient(ctx, kc.token, kc.realm, *shop))
	found := must(kc.GetClients(ctx, kc.token, kc.realm, gocloak.GetClientsParams{ClientID: str("store")}))(t)
	equal(t, *found[0].Description, "Sells")
	equal(t, len(must(kc.GetClients(ctx, kc.token, kc.realm, gocloak.GetClientsParams{ClientID: str("stor")}))(t)), 0)
	equal(t, len(must(kc.GetClients(ctx, kc.token, kc.realm, gocloak.GetClientsParams{ClientID: str("stor"), Search: yes}))(t)), 1)
	equal(t, len(must(kc.GetClients(ctx, kc.token, kc.realm, gocloak.GetClientsParams{Max: num(2)}))(t)), 2)
	_, err := kc.CreateClient(ctx, kc.token, kc.realm, gocloak.Client{ClientID: str("store")})
	refused(t, err, 409, "Client store already exists")
	_, err = kc.CreateClient(ctx, kc.token, kc.realm, gocloak.Client{ClientID: str("odd"), Protocol: str("nosuch")})
	refused(t, err, 400, "invalid_input: Invalid protocol: nosuch")
	done(t, kc.DeleteClient(ctx, kc.token, kc.realm, id))
	_, err = kc.GetClient(ctx, kc.token, kc.realm, id)
	refused(t, err, 404, "Could not find client")
}

func TestARegistrysClientHasItsInstallationText(t *testing.T) {
	kc := newRealm(t)
	id := must(kc.CreateClient(ctx, kc.token, kc.realm, gocloak.Client{ClientID: str("hub"), Protocol: str("docker-v2")}))(t)
	hub := must(kc.GetClient(ctx, kc.token, kc.realm, id))(t)
	equal(t, *(*hub.ProtocolMappers)[0].ProtocolMapper, "docker-v2-allow-all-mapper")
	url := env("KEYCLOAK_URL", "") + "/admin/realms/" + kc.realm + "/clients/" + id + "/installation/providers/docker-v2-registry-config-file"
	text := must(kc.GetRequestWithBearerAuth(ctx, kc.token).Get(url))(t).String()
	if !strings.Contains(text, "/realms/"+kc.realm+"/protocol/docker-v2/auth") {
		t.Fatal(text)
	}
}

func TestAServiceAccountLogsInWithItsSecret(t *testing.T) {
	kc := newRealm(t)
	id := must(kc.CreateClient(ctx, kc.token, kc.realm, gocloak.Client{ClientID: str("robot"), ServiceAccountsEnabled: yes, Secret: str("oil")}))(t)
	equal(t, *must(kc.GetClientSecret(ctx, kc.token, kc.realm, id))(t).Value, "oil")
	secret := *must(kc.RegenerateClientSecret(ctx, kc.token, kc.realm, id))(t).Value
	account := must(kc.GetClientServiceAccount(ctx, kc.token, kc.realm, id))(t)
	equal(t, *account.Username, "service-account-robot")
	management := must(kc.GetClients(ctx, kc.token, kc.realm, gocloak.GetClientsParams{ClientID: str("realm-management")}))(t)[0]
	view := must(kc.GetClientRole(ctx, kc.token, kc.realm, *management.ID, "view-users"))(t)
	done(t, kc.AddClientRolesToUser(ctx, kc.token, kc.realm, *management.ID, *account.ID, []gocloak.Role{*view}))

	_, err := kc.LoginClient(ctx, "robot", "oil", kc.realm)
	refused(t, err, 401, "unauthorized_client: Invalid client or Invalid client credentials")
	token := must(kc.LoginClient(ctx, "robot", secret, kc.realm))(t).AccessToken
	kc.person("watched")
	same(t, users(must(kc.GetUsers(ctx, token, kc.realm, gocloak.GetUsersParams{}))(t)), "watched")
	_, err = kc.CreateUser(ctx, token, kc.realm, gocloak.User{Username: str("forbidden")})
	refused(t, err, 403, "HTTP 403 Forbidden")
	_, err = kc.GetUsers(ctx, token, "master", gocloak.GetUsersParams{})
	refused(t, err, 403, "HTTP 403 Forbidden")
	// A client is told of tokens that are meant for it, and this one is for realm-management.
	said := must(kc.RetrospectToken(ctx, token, "robot", secret, kc.realm))(t)
	equal(t, *said.Active, false)
}

func TestMappersAndScopesShapeTheToken(t *testing.T) {
	kc := newRealm(t)
	kc.person("bearer")
	app := must(kc.CreateClient(ctx, kc.token, kc.realm, gocloak.Client{ClientID: str("app"), PublicClient: yes, DirectAccessGrantsEnabled: yes}))(t)
	claims := func(scope string) map[string]any {
		options := gocloak.TokenOptions{ClientID: str("app"), GrantType: str("password"), Username: str("bearer"), Password: str("secret-1"), Scope: &scope}
		token := must(kc.GetToken(ctx, kc.realm, options))(t)
		_, claims, err := kc.DecodeAccessToken(ctx, token.AccessToken, kc.realm)
		done(t, err)
		return *claims
	}
	one := mapper("colour", "red")
	one.ID = str(must(kc.CreateClientProtocolMapper(ctx, kc.token, kc.realm, app, one))(t))
	equal(t, claims("openid")["colour"], any("red"))
	(*one.Config)["claim.value"] = "blue"
	done(t, kc.UpdateClientProtocolMapper(ctx, kc.token, kc.realm, app, *one.ID, one))
	equal(t, claims("openid")["colour"], any("blue"))
	_, err := kc.CreateClientProtocolMapper(ctx, kc.token, kc.realm, app, mapper("colour", "x"))
	refused(t, err, 409, "Protocol mapper exists with same name")
	done(t, kc.DeleteClientProtocolMapper(ctx, kc.token, kc.realm, app, *one.ID))
	refused(t, kc.DeleteClientProtocolMapper(ctx, kc.token, kc.realm, app, *one.ID), 404, "Model not found")

	scope := must(kc.CreateClientScope(ctx, kc.token, kc.realm, gocloak.ClientScope{
		Name: str("squad"), Protocol: str("openid-connect"),
		ClientScopeAttributes: &gocloak.ClientScopeAttributes{IncludeInTokenScope: str("true")},
	}))(t)
	in := gocloak.ProtocolMappers{
		Name: str("squad"), Protocol: str("openid-connect"), ProtocolMapper: str("oidc-hardcoded-claim-mapper"),
		ProtocolMappersConfig: &gocloak.ProtocolMappersConfig{ClaimName: str("squad"), ClaimValue: str("yes"), JSONTypeLabel: str("String"), AccessTokenClaim: str("true")},
	}
	in.ID = str(must(kc.CreateClientScopeProtocolMapper(ctx, kc.token, kc.realm, scope, in))(t))
	equal(t, *must(kc.GetClientScopeProtocolMapper(ctx, kc.token, kc.realm, scope, *in.ID))(t).Name, "squad")
	in.ProtocolMappersConfig.ClaimValue = str("really")
	done(t, kc.UpdateClientScopeProtocolMapper(ctx, kc.token, kc.realm, scope, in))
	equal(t, len(must(kc.GetClientScopeProtocolMappers(ctx, kc.token, kc.realm, scope))(t)), 1)
	done(t, kc.AddDefaultScopeToClient(ctx, kc.token, kc.realm, app, scope))
	has(t, scopes(must(kc.GetClientsDefaultScopes(ctx, kc.token, kc.realm, app))(t)), "squad")
	said := claims("openid")
	equal(t, said["squad"], any("really"))
	has(t, strings.Fields(said["scope"].(string)), "squad")
	done(t, kc.RemoveDefaultScopeFromClient(ctx, kc.token, kc.realm, app, scope))
	done(t, kc.AddOptionalScopeToClient(ctx, kc.token, kc.realm, app, scope))
	has(t, scopes(must(kc.GetClientsOptionalScopes(ctx, kc.token, kc.realm, app))(t)), "squad")
	equal(t, claims("openid")["squad"], nil)
	equal(t, claims("openid squad")["squad"], any("really"))
	done(t, kc.RemoveOptionalScopeFromClient(ctx, kc.token, kc.realm, app, scope))
	done(t, kc.DeleteClientScopeProtocolMapper(ctx, kc.token, kc.realm, scope, *in.ID))

	done(t, kc.UpdateClientScope(ctx, kc.token, kc.realm, gocloak.ClientScope{ID: &scope, Name: str("crew"), Protocol: str("openid-connect")}))
	equal(t, *must(kc.GetClientScope(ctx, kc.token, kc.realm, scope))(t).Name, "crew")
	has(t, scopes(must(kc.GetClientScopes(ctx, kc.token, kc.realm))(t)), "crew", "profile")
	has(t, scopes(must(kc.GetDefaultDefaultClientScopes(ctx, kc.token, kc.realm))(t)), "profile", "email")
	has(t, scopes(must(kc.GetDefaultOptionalClientScopes(ctx, kc.token, kc.realm))(t)), "address", "phone")
	_, err = kc.CreateClientScope(ctx, kc.token, kc.realm, gocloak.ClientScope{Name: str("odd")})
	refused(t, err, 400, "Unexpected protocol")
	done(t, kc.DeleteClientScope(ctx, kc.token, kc.realm, scope))
	_, err = kc.GetClientScope(ctx, kc.token, kc.realm, scope)
	refused(t, err, 404, "Could not find client scope")
}

func TestScopeMappings(t *testing.T) {
	kc := newRealm(t)
	role := kc.role("bounded")
	owner, task := kc.clientWithRole("owner", "task")
	app := must(kc.CreateClient(ctx, kc.token, kc.realm, gocloak.Client{ClientID: str("app"), FullScopeAllowed: no}))(t)
	has(t, roles(must(kc.GetClientScopeMappingsRealmRolesAvailable(ctx, kc.token, kc.realm, app))(t)), "bounded")
	done(t, kc.CreateClientScopeMappingsRealmRoles(ctx, kc.token, kc.realm, app, []gocloak.Role{role}))
	same(t, roles(must(kc.GetClientScopeMappingsRealmRoles(ctx, kc.token, kc.realm, app))(t)), "bounded")
	same(t, roles(must(kc.GetClientScopeMappingsClientRolesAvailable(ctx, kc.token, kc.realm, app, owner))(t)), "task")
	done(t, kc.CreateClientScopeMappingsClientRoles(ctx, kc.token, kc.realm, app, owner, []gocloak.Role{task}))
	same(t, roles(must(kc.GetClientScopeMappingsClientRoles(ctx, kc.token, kc.realm, app, owner))(t)), "task")
	all := must(kc.GetClientScopeMappings(ctx, kc.token, kc.realm, app))(t)
	equal(t, *(*all.RealmMappings)[0].Name, "bounded")
	done(t, kc.DeleteClientScopeMappingsRealmRoles(ctx, kc.token, kc.realm, app, []gocloak.Role{role}))
	done(t, kc.DeleteClientScopeMappingsClientRoles(ctx, kc.token, kc.realm, app, owner, []gocloak.Role{task}))
	equal(t, len(must(kc.GetClientScopeMappingsRealmRoles(ctx, kc.token, kc.realm, app))(t)), 0)

	scope := must(kc.CreateClientScope(ctx, kc.token, kc.realm, gocloak.ClientScope{Name: str("scope"), Protocol: str("openid-connect")}))(t)
	has(t, roles(must(kc.GetClientScopesScopeMappingsRealmRolesAvailable(ctx, kc.token, kc.realm, scope))(t)), "bounded")
	done(t, kc.CreateClientScopesScopeMappingsRealmRoles(ctx, kc.token, kc.realm, scope, []gocloak.Role{role}))
	same(t, roles(must(kc.GetClientScopesScopeMappingsRealmRoles(ctx, kc.token, kc.realm, scope))(t)), "bounded")
	done(t, kc.DeleteClientScopesScopeMappingsRealmRoles(ctx, kc.token, kc.realm, scope, []gocloak.Role{role}))
	done(t, kc.CreateClientScopesScopeMappingsClientRoles(ctx, kc.token, kc.realm, scope, owner, []gocloak.Role{task}))
	same(t, roles(must(kc.GetClientScopesScopeMappingsClientRoles(ctx, kc.token, kc.realm, scope, owner))(t)), "task")
	done(t, kc.DeleteClientScopesScopeMappingsClientRoles(ctx, kc.token, kc.realm, scope, owner, []gocloak.Role{task}))
}

func TestAKeyOfHigherPriorityTakesOver(t *testing.T) {
	kc := newRealm(t)
	before := *must(kc.GetKeyStoreConfig(ctx, kc.token, kc.realm))(t).ActiveKeys.RS256
	parent := must(kc.GetRealm(ctx, kc.token, kc.realm))(t).ID
	key := gocloak.Component{
		Name: str("newer"), ProviderID: str("rsa-generated"), ProviderType: str("org.keycloak.keys.KeyProvider"), ParentID: parent,
		ComponentConfig: &map[string][]string{"priority": {"200"}},
	}
	id := must(kc.CreateComponent(ctx, kc.token, kc.realm, key))(t)
	active := func() string {
		return *must(kc.GetKeyStoreConfig(ctx, kc.token, kc.realm))(t).ActiveKeys.RS256
	}
	after := active()
	if after == before {
		t.Fatal("the same key is active")
	}
	certs := must(kc.GetCerts(ctx, kc.realm))(t)
	has(t, each(*certs.Keys, func(one gocloak.CertResponseKey) *string { return one.Kid }), before, after)
	one := must(kc.GetComponent(ctx, kc.token, kc.realm, id))(t)
	(*one.ComponentConfig)["priority"] = []string{"1"}
	done(t, kc.UpdateComponent(ctx, kc.token, kc.realm, *one))
	equal(t, active(), before)
	params := gocloak.GetComponentsParams{Name: str("newer"), ParentID: parent}
	equal(t, *must(kc.GetComponentsWithParams(ctx, kc.token, kc.realm, params))(t)[0].ID, id)
	done(t, kc.DeleteComponent(ctx, kc.token, kc.realm, id))
	_, err := kc.GetComponent(ctx, kc.token, kc.realm, id)
	refused(t, err, 404, "Could not find component")
	key.ComponentConfig = &map[string][]string{"priority": {"x"}}
	_, err = kc.CreateComponent(ctx, kc.token, kc.realm, key)
	refused(t, err, 400, "'Priority' should be a number")
	key.ProviderID = str(nobody)
	_, err = kc.CreateComponent(ctx, kc.token, kc.realm, key)
	refused(t, err, 400, "Invalid provider type or no such provider")
}
