#!/bin/sh
# Starts a registry that trusts its realm: fetches the realm's CA bundle over the admin API as a user that may view
# clients, then runs `registry serve` with what it was given. The bundle outlives every key rotation.
set -eu

json() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

fetch() {
    token=$(wget -q -O - --post-data \
        "grant_type=password&client_id=admin-cli&username=registry-setup&password=$SETUP_PASSWORD" \
        "$REALM_URL/realms/$REALM/protocol/openid-connect/token" | json access_token)
    wget -q -O "$REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE" --header "Authorization: Bearer $token" \
        "$REALM_URL/admin/realms/$REALM/clients/$REALM_CLIENT/installation/providers/docker-v2-ca-bundle" &&
        [ -s "$REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE" ]
}

until fetch; do
    echo "registry: waiting for the CA bundle of realm $REALM at $REALM_URL" >&2
    sleep 1
done
# The registry has no use for it.
unset SETUP_PASSWORD
exec registry serve "$@"
