// Package signin signs people in by go-oidc and golang.org/x/oauth2, as an application would.
//
// KEYCLOAK_URL says where the server is, KEYCLOAK_ADMIN and KEYCLOAK_PASSWORD who administers it.
package signin

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

const (
	app      = "http://localhost:9/app"
	callback = app + "/callback"
	password = "secret-1"
	secret   = "the-secret-of-a-client-of-these-tests"
)

var ctx = context.Background()

type fields = map[string]any

func base() string { return strings.TrimRight(os.Getenv("KEYCLOAK_URL"), "/") }

// realm is one that goes with its test.
type realm struct {
	t      *testing.T
	name   string
	issuer string
}

func newRealm(t *testing.T) *realm {
	t.Helper()
	if base() == "" {
		t.Fatal("KEYCLOAK_URL says where the server is")
	}
	unlike := make([]byte, 4)
	rand.Read(unlike)
	r := &realm{t: t, name: fmt.Sprintf("go-oidc-%x", unlike)}
	r.issuer = base() + "/realms/" + r.name
	admin(t, "POST", "", fields{"realm": r.name, "enabled": true}, nil)
	t.Cleanup(func() { r.admin("DELETE", "", nil, nil) })
	return r
}

// admin makes one call of the admin API, which has to succeed; it answers the id of what was made.
func admin(t *testing.T, method, below string, body, result any) string {
	t.Helper()
	answer := ok(http.PostForm(base()+"/realms/master/protocol/openid-connect/token", url.Values{
		"grant_type": {"password"},
		"client_id":  {"admin-cli"},
		"username":   {cmp.Or(os.Getenv("KEYCLOAK_ADMIN"), "admin")},
		"password":   {cmp.Or(os.Getenv("KEYCLOAK_PASSWORD"), "admin")},
	}))(t)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	done(t, json.NewDecoder(answer.Body).Decode(&token))
	answer.Body.Close()
	request := ok(http.NewRequest(method, base()+"/admin/realms"+below, bytes.NewReader(ok(json.Marshal(body))(t))))(t)
	request.Header.Set("Authorization", "Bearer "+token.AccessToken)
	request.Header.Set("Content-Type", "application/json")
	answer = ok(http.DefaultClient.Do(request))(t)
	defer answer.Body.Close()
	text := ok(io.ReadAll(answer.Body))(t)
	if answer.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s", method, below, answer.Status, text)
	}
	if result != nil {
		done(t, json.Unmarshal(text, result))
	}
	return path.Base(answer.Header.Get("Location"))
}

func (r *realm) admin(method, below string, body, result any) string {
	r.t.Helper()
	return admin(r.t, method, "/"+r.name+below, body, result)
}

// person adds a user and answers the id.
func (r *realm) person(name string) string {
	r.t.Helper()
	return r.admin("POST", "/users", fields{
		"username":      name,
		"enabled":       true,
		"emailVerified": true,
		"firstName":     "Test",
		"lastName":      "Person",
		"email":         name + "@example.org",
		"credentials":   []fields{{"type": "password", "value": password}},
	}, nil)
}

// client adds a client and answers the id.
func (r *realm) client(name string, more fields) string {
	r.t.Helper()
	client := fields{"clientId": name, "enabled": true, "secret": secret, "redirectUris": []string{callback}}
	for key, value := range more {
		client[key] = value
	}
	return r.admin("POST", "/clients", client, nil)
}

// key adds a signing key that is preferred to those that are there.
func (r *realm) key(provider string, config fields) string {
	r.t.Helper()
	var own struct{ ID string }
	r.admin("GET", "", nil, &own)
	config["priority"] = []string{"200"}
	return r.admin("POST", "/components", fields{
		"name":         provider + "-newer",
		"providerId":   provider,
		"providerType": "org.keycloak.keys.KeyProvider",
		"parentId":     own.ID,
		"config":       config,
	}, nil)
}

// browser has cookies and forms, and stops where an application would take over.
type browser struct {
	t    *testing.T
	http *http.Client
}

func newBrowser(t *testing.T) *browser {
	jar := ok(cookiejar.New(nil))(t)
	stop := func(request *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(request.URL.String(), app) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &browser{t, &http.Client{Jar: localhost{jar}, CheckRedirect: stop}}
}

// localhost gives cookies with Secure to this machine by http too, as browsers do.
type localhost struct{ http.CookieJar }

func (jar localhost) SetCookies(at *url.URL, cookies []*http.Cookie) {
	for _, one := range cookies {
		one.Secure = false
	}
	jar.CookieJar.SetCookies(at, cookies)
}

// page is what a browser shows, or the address of the application that it was sent to.
type page struct {
	at   *url.URL
	text string
	left *url.URL
}

func (b *browser) send(request *http.Request) page {
	b.t.Helper()
	request.Header.Set("Accept", "text/html,*/*;q=0.8")
	answer := ok(b.http.Do(request))(b.t)
	defer answer.Body.Close()
	left, _ := answer.Location()
	return page{answer.Request.URL, string(ok(io.ReadAll(answer.Body))(b.t)), left}
}

func (b *browser) open(at string) page {
	b.t.Helper()
	return b.send(ok(http.NewRequest("GET", at, nil))(b.t))
}

// submit sends the first form of a page that is sent by POST, with these values.
func (b *browser) submit(shown page, values map[string]string) page {
	b.t.Helper()
	action, given := form(ok(html.Parse(strings.NewReader(shown.text)))(b.t))
	if given == nil {
		b.t.Fatalf("no form at %s:\n%s", shown.at, shown.text)
	}
	for name, value := range values {
		given.Set(name, value)
	}
	to := ok(shown.at.Parse(action))(b.t).String()
	request := ok(http.NewRequest("POST", to, strings.NewReader(given.Encode())))(b.t)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.send(request)
}

// login opens the login page of an address and logs in; answers where the browser was sent.
func (b *browser) login(at, name string) url.Values {
	b.t.Helper()
	shown := b.submit(b.open(at), map[string]string{"username": name, "password": password})
	if shown.left == nil {
		b.t.Fatalf("not sent back: %s", shown.text)
	}
	return shown.left.Query()
}

func attribute(node *html.Node, name string) string {
	for _, one := range node.Attr {
		if one.Key == name {
			return one.Val
		}
	}
	return ""
}

// form finds where the form goes to and what stands in it.
func form(top *html.Node) (action string, values url.Values) {
	for node := range top.Descendants() {
		if node.Data == "form" && strings.EqualFold(attribute(node, "method"), "post") {
			values = url.Values{}
			for field := range node.Descendants() {
				kind, name := attribute(field, "type"), attribute(field, "name")
				if field.Data == "input" && name != "" && kind != "submit" && kind != "checkbox" {
					values.Set(name, attribute(field, "value"))
				}
			}
			return attribute(node, "action"), values
		}
	}
	return "", nil
}

// ok takes what a call gives, or ends the test with its error.
func ok[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		done(t, err)
		return value
	}
}

func done(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}
