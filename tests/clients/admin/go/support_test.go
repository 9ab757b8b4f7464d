// Package admin drives the admin REST API by gocloak, as a program of an administrator would.
//
// KEYCLOAK_URL says where the server is, KEYCLOAK_ADMIN and KEYCLOAK_PASSWORD who administers it.
package admin

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/Nerzal/gocloak/v13"
)

var ctx = context.Background()

const nobody = "00000000-0000-4000-8000-000000000000"

// admin is an administrator of master with a realm to work in.
type admin struct {
	*gocloak.GoCloak
	t     *testing.T
	token string
	realm string
}

func env(name, otherwise string) string { return cmp.Or(os.Getenv(name), otherwise) }

func client(t *testing.T) *gocloak.GoCloak {
	url := strings.TrimRight(os.Getenv("KEYCLOAK_URL"), "/")
	if url == "" {
		t.Fatal("KEYCLOAK_URL says where the server is")
	}
	return gocloak.NewClient(url)
}

func unlikeOthers() string {
	bytes := make([]byte, 4)
	rand.Read(bytes)
	return fmt.Sprintf("go-%x", bytes)
}

// newRealm makes a realm that goes with the test.
func newRealm(t *testing.T, fields ...func(*gocloak.RealmRepresentation)) *admin {
	t.Helper()
	kc := &admin{GoCloak: client(t), t: t, realm: unlikeOthers()}
	kc.login()
	realm := gocloak.RealmRepresentation{Realm: &kc.realm, Enabled: yes}
	for _, set := range fields {
		set(&realm)
	}
	must(kc.CreateRealm(ctx, kc.token, realm))(t)
	t.Cleanup(func() {
		kc.login()
		done(t, kc.DeleteRealm(ctx, kc.token, kc.realm))
	})
	return kc
}

// login takes a token; those of master live a minute.
func (kc *admin) login() {
	kc.t.Helper()
	name, password := env("KEYCLOAK_ADMIN", "admin"), env("KEYCLOAK_PASSWORD", "admin")
	kc.token = must(kc.LoginAdmin(ctx, name, password, "master"))(kc.t).AccessToken
}

// person adds a user who can log in with the password secret-1.
func (kc *admin) person(name string) string {
	kc.t.Helper()
	id := must(kc.CreateUser(ctx, kc.token, kc.realm, gocloak.User{
		Username:  &name,
		Enabled:   yes,
		FirstName: str("Test"),
		LastName:  str("Person"),
		Email:     str(name + "@example.org"),
	}))(kc.t)
	done(kc.t, kc.SetPassword(ctx, kc.token, id, kc.realm, "secret-1", false))
	return id
}

// send makes a call that gocloak has no function for; path is below the realm.
func (kc *admin) send(method, path string, body, result any) {
	kc.t.Helper()
	url := env("KEYCLOAK_URL", "") + "/admin/realms/" + kc.realm + "/" + path
	request := kc.GetRequestWithBearerAuth(ctx, kc.token).SetBody(body)
	if result != nil {
		request.SetResult(result)
	}
	answer := must(request.Execute(method, url))(kc.t)
	if answer.IsError() {
		kc.t.Fatalf("%s %s: %s %s", method, path, answer.Status(), answer)
	}
}

var (
	yes = gocloak.BoolP(true)
	no  = gocloak.BoolP(false)
	str = gocloak.StringP
	num = gocloak.IntP
)

// must takes what a call gives, or ends the test with its error.
func must[T any](value T, err error) func(*testing.T) T {
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

// refused says that a call failed with this status and these words.
func refused(t *testing.T, err error, status int, words string) {
	t.Helper()
	var failure *gocloak.APIError
	if !errors.As(err, &failure) {
		t.Fatalf("not refused: %v", err)
	}
	if failure.Code != status || !strings.Contains(failure.Message, words) {
		t.Fatalf("want %d %q, got %d %q", status, words, failure.Code, failure.Message)
	}
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// same compares lists without regard to order.
func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func has(t *testing.T, got []string, want ...string) {
	t.Helper()
	for _, one := range want {
		if !slices.Contains(got, one) {
			t.Fatalf("%q is not in %v", one, got)
		}
	}
}

func lacks(t *testing.T, got []string, unwanted string) {
	t.Helper()
	if slices.Contains(got, unwanted) {
		t.Fatalf("%q is in %v", unwanted, got)
	}
}

// each takes one field of every member of a list.
func each[T any](list []T, field func(T) *string) []string {
	all := make([]string, len(list))
	for i, one := range list {
		all[i] = gocloak.PString(field(one))
	}
	return all
}

func roles(list []*gocloak.Role) []string {
	return each(list, func(role *gocloak.Role) *string { return role.Name })
}

func users(list []*gocloak.User) []string {
	return each(list, func(user *gocloak.User) *string { return user.Username })
}

func paths(list []*gocloak.Group) []string {
	return each(list, func(group *gocloak.Group) *string { return group.Path })
}

func scopes(list []*gocloak.ClientScope) []string {
	return each(list, func(scope *gocloak.ClientScope) *string { return scope.Name })
}
