package signin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// application is a client as an application sets it up.
type application struct {
	t        *testing.T
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth2.Config
}

func newApplication(t *testing.T, r *realm, name string) *application {
	t.Helper()
	provider := ok(oidc.NewProvider(ctx, r.issuer))(t)
	return &application{t, provider, provider.Verifier(&oidc.Config{ClientID: name}), oauth2.Config{
		ClientID:     name,
		ClientSecret: secret,
		Endpoint:     provider.Endpoint(),
		RedirectURL:  callback,
		Scopes:       []string{oidc.ScopeOpenID, "profile", "email"},
	}}
}

// signIn sends a person to log in; answers the tokens.
func (a *application) signIn(name string) *oauth2.Token {
	a.t.Helper()
	verifier, state := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	at := a.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce("nonce-"+state))
	back := newBrowser(a.t).login(at, name)
	equal(a.t, back.Get("state"), state)
	token := ok(a.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(verifier)))(a.t)
	equal(a.t, a.verify(token).Nonce, "nonce-"+state)
	return token
}

// verify checks the ID token that came with others.
func (a *application) verify(token *oauth2.Token) *oidc.IDToken {
	a.t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id := ok(a.verifier.Verify(ctx, raw))(a.t)
	if id.AccessTokenHash != "" {
		done(a.t, id.VerifyAccessToken(token.AccessToken))
	}
	return id
}

func (a *application) userInfo(token *oauth2.Token) *oidc.UserInfo {
	a.t.Helper()
	return ok(a.provider.UserInfo(ctx, oauth2.StaticTokenSource(token)))(a.t)
}

// refresh takes new tokens for those whose time has passed.
func (a *application) refresh(token *oauth2.Token) (*oauth2.Token, error) {
	old := *token
	old.Expiry = time.Now().Add(-time.Minute)
	return a.TokenSource(ctx, &old).Token()
}

func refused(t *testing.T, err error, code string) {
	t.Helper()
	var failure *oauth2.RetrieveError
	if !errors.As(err, &failure) || failure.ErrorCode != code {
		t.Fatalf("want %s, got %v", code, err)
	}
}

// kid is the name of the key that signed a token.
func kid(t *testing.T, raw string) string {
	t.Helper()
	var header struct{ Kid, Alg string }
	text, _, _ := strings.Cut(raw, ".")
	done(t, json.Unmarshal(ok(base64.RawURLEncoding.DecodeString(text))(t), &header))
	return header.Alg + " " + header.Kid
}

func TestAPersonSignsIn(t *testing.T) {
	r := newRealm(t)
	r.client("web", nil)
	ada := r.person("ada")
	a := newApplication(t, r, "web")
	token := a.signIn("ada")
	id := a.verify(token)
	equal(t, id.Subject, ada)
	equal(t, id.Issuer, r.issuer)
	var claims struct {
		Email    string
		Verified bool   `json:"email_verified"`
		Name     string `json:"preferred_username"`
	}
	done(t, id.Claims(&claims))
	equal(t, claims.Email, "ada@example.org")
	equal(t, claims.Verified, true)
	equal(t, claims.Name, "ada")

	info := a.userInfo(token)
	equal(t, info.Subject, ada)
	equal(t, info.Email, "ada@example.org")
	equal(t, info.EmailVerified, true)

	newer := ok(a.refresh(token))(t)
	if newer.AccessToken == token.AccessToken {
		t.Fatal("not refreshed")
	}
	equal(t, a.verify(newer).Subject, ada)
	equal(t, a.userInfo(newer).Subject, ada)

	r.admin("POST", "/users/"+ada+"/logout", fields{}, nil)
	_, err := a.refresh(newer)
	refused(t, err, "invalid_grant")
	if _, err := a.provider.UserInfo(ctx, oauth2.StaticTokenSource(newer)); err == nil {
		t.Fatal("userinfo of a session that has ended")
	}
}

func TestATokenIsGoodWhereItWasMeantFor(t *testing.T) {
	r := newRealm(t)
	r.client("web", nil)
	r.client("other", nil)
	r.person("ada")
	token := newApplication(t, r, "web").signIn("ada")
	raw := token.Extra("id_token").(string)
	if _, err := newApplication(t, r, "other").verifier.Verify(ctx, raw); err == nil {
		t.Fatal("another client takes the token")
	}
	elsewhere := newRealm(t)
	if _, err := newApplication(t, elsewhere, "web").verifier.Verify(ctx, raw); err == nil {
		t.Fatal("another realm's application takes the token")
	}
	// An access token is no ID token.
	if _, err := newApplication(t, r, "web").verifier.Verify(ctx, token.AccessToken); err == nil {
		t.Fatal("an access token passes for an ID token")
	}
	_, err := newApplication(t, r, "other").refresh(token)
	refused(t, err, "invalid_grant")
}

func TestOldTokensOutliveTheRotationOfKeys(t *testing.T) {
	r := newRealm(t)
	r.client("web", nil)
	ada := r.person("ada")
	a := newApplication(t, r, "web")
	before := a.signIn("ada")
	raw := func(token *oauth2.Token) string { return token.Extra("id_token").(string) }

	r.key("rsa-generated", fields{})
	after := a.signIn("ada")
	if kid(t, raw(before)) == kid(t, raw(after)) {
		t.Fatal("the newer key does not sign")
	}
	// One that knows the keys from before, and one that comes new.
	for _, one := range []*application{a, newApplication(t, r, "web")} {
		equal(t, one.verify(before).Subject, ada)
		equal(t, one.verify(after).Subject, ada)
	}
	equal(t, a.userInfo(before).Subject, ada)
	newer := ok(a.refresh(before))(t)
	equal(t, kid(t, raw(newer)), kid(t, raw(after)))
}

func TestOtherAlgorithmsSign(t *testing.T) {
	r := newRealm(t)
	r.key("ecdsa-generated", fields{"ecdsaEllipticCurveKey": []string{"P-256"}})
	r.key("eddsa-generated", fields{"eddsaEllipticCurveKey": []string{"Ed25519"}})
	ada := r.person("ada")
	for _, algorithm := range []string{"ES256", "EdDSA", "PS256", "RS512"} {
		r.client(algorithm, fields{"attributes": fields{"id.token.signed.response.alg": algorithm}})
		a := newApplication(t, r, algorithm)
		token := a.signIn("ada")
		equal(t, a.verify(token).Subject, ada)
		got, _, _ := strings.Cut(kid(t, token.Extra("id_token").(string)), " ")
		equal(t, got, algorithm)
	}
}

func TestAnApplicationGetsATokenOfItsOwn(t *testing.T) {
	r := newRealm(t)
	r.client("web", fields{"serviceAccountsEnabled": true})
	endpoint := newApplication(t, r, "web").Endpoint
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		config := clientcredentials.Config{
			ClientID: "web", ClientSecret: secret, TokenURL: endpoint.TokenURL, AuthStyle: style,
		}
		token := ok(config.Token(ctx))(t)
		equal(t, token.TokenType, "Bearer")
		equal(t, token.RefreshToken, "")
		config.ClientSecret = "other"
		_, err := config.Token(ctx)
		refused(t, err, "unauthorized_client")
	}
}

func TestADeviceSignsIn(t *testing.T) {
	r := newRealm(t)
	r.client("tv", fields{"publicClient": true, "attributes": fields{
		"oauth2.device.authorization.grant.enabled": "true",
		"oauth2.device.polling.interval":            "1",
	}})
	ada := r.person("ada")
	a := newApplication(t, r, "tv")
	device := ok(a.DeviceAuth(ctx))(t)
	b := newBrowser(t)
	consent := b.submit(b.open(device.VerificationURIComplete), map[string]string{"username": "ada", "password": password})
	b.submit(consent, map[string]string{"accept": "Yes"})
	token := ok(a.DeviceAccessToken(ctx, device))(t)
	equal(t, a.verify(token).Subject, ada)
}

func TestAnApplicationHearsOfALogout(t *testing.T) {
	heard := make(chan string, 1)
	application := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		heard <- request.PostFormValue("logout_token")
	}))
	t.Cleanup(application.Close)
	r := newRealm(t)
	r.client("web", fields{"attributes": fields{
		"backchannel.logout.url":              application.URL + "/logout",
		"backchannel.logout.session.required": "true",
	}})
	ada := r.person("ada")
	a := newApplication(t, r, "web")
	token := a.signIn("ada")
	var session struct{ Sid string }
	done(t, a.verify(token).Claims(&session))
	var discovered struct {
		EndSession string `json:"end_session_endpoint"`
	}
	done(t, a.provider.Claims(&discovered))
	newBrowser(t).open(discovered.EndSession + "?id_token_hint=" + token.Extra("id_token").(string))
	select {
	case raw := <-heard:
		out := ok(a.verifier.VerifyLogout(ctx, raw))(t)
		equal(t, out.Subject, ada)
		equal(t, out.SessionID, session.Sid)
	case <-time.After(10 * time.Second):
		t.Fatal("the application does not hear of the logout")
	}
}

func TestDiscoveryNamesWhatThereIs(t *testing.T) {
	r := newRealm(t)
	var said struct {
		Issuer     string
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
		Methods    []string `json:"code_challenge_methods_supported"`
		Userinfo   string   `json:"userinfo_endpoint"`
	}
	provider := ok(oidc.NewProvider(ctx, r.issuer))(t)
	done(t, provider.Claims(&said))
	equal(t, said.Issuer, r.issuer)
	equal(t, provider.UserInfoEndpoint(), said.Userinfo)
	for _, one := range []string{"RS256", "ES256", "EdDSA"} {
		equal(t, slices.Contains(said.Algorithms, one), true)
	}
	equal(t, slices.Contains(said.Methods, "S256"), true)
	_, err := oidc.NewProvider(ctx, base()+"/realms/"+url.PathEscape("no such realm"))
	if err == nil {
		t.Fatal("a realm that is not there is discovered")
	}
}
