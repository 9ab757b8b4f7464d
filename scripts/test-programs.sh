#!/usr/bin/env bash
# Installs the programs that tests/clients runs, as far as they are missing: Debian's by apt-get (as
# root), Go's, Python's, Node's and Keycloak's kcadm below .realmkeep. What cannot be installed is printed with its
# reason; the tests that need it then say that they were skipped.
set -u
cd "$(dirname "$0")/.."
home=$PWD/.realmkeep
mkdir -p "$home/bin"

say() { echo "test-programs: $*" >&2; }
have() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ]; }
# Whether one of the files that a pattern stands for exists.
any() { [ -e "$1" ]; }

# Installs the Debian packages that are not there yet.
apt() {
    [ $# = 0 ] && return
    if ! have apt-get || [ "$(id -u)" != 0 ]; then
        say "please install: $*"
        return 1
    fi
    say "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    [ "${updated:-}" ] || apt-get update -q >&2
    updated=yes
    apt-get install -q -y --no-install-recommends "$@" >&2 || say "apt-get could not install: $*"
}

debian() {
    local packages=()
    have initdb || any /usr/lib/postgresql/*/bin/initdb || packages+=(postgresql)
    have dockerd || packages+=(docker.io)
    have docker-registry || packages+=(docker-registry)
    have docker-compose || packages+=(docker-compose)
    have skopeo || packages+=(skopeo)
    have podman || packages+=(podman)
    have wget || packages+=(wget)
    python3 -c 'import yaml' 2>/dev/null || packages+=(python3-yaml)
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
    have node || packages+=(nodejs)
    have npm || packages+=(npm)
    have chromium || packages+=(chromium)
    have java || any /usr/lib/jvm/*/bin/java || packages+=(default-jre-headless)
    { [ -e "$home/keycloak/bin/kcadm.sh" ] && [ -e "$home/console" ]; } || { have mvn || packages+=(maven); have unzip || packages+=(unzip); }
    any /usr/lib/*/faketime/libfaketime.so.1 || packages+=(faketime)
    any /etc/ssl/certs/ca-certificates.crt || packages+=(ca-certificates)
    apt "${packages[@]}"
    # Newer releases of Debian have the client in a package of its own.
    have docker || ! have dockerd || apt docker-cli
}

# Prints a go that fetches the toolchain a module asks for: 1.21 or newer does that by itself.
find_go() {
    local go version
    for go in go /usr/local/go/bin/go; do
        version=$($go env GOVERSION 2>/dev/null) || continue
        [ "$(printf '%s\n' go1.21 "$version" | sort -V | head -1)" = go1.21 ] && echo "$go" && return
    done
    have go || apt golang-go >&2 || return
    # An older go can still download a newer one, which comes as a module without mode bits.
    local dir
    dir=$(cd /tmp && go mod download -json "golang.org/toolchain@v0.0.1-go1.24.0.$(go env GOOS)-$(go env GOARCH)" |
        sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    [ "$dir" ] || return
    chmod -R u+w "$dir" && chmod +x "$dir"/bin/* "$dir"/pkg/tool/*/* && echo "$dir/bin/go"
}

# install NAME MODULE@VERSION: the last part of the module's path is the program's first name.
install() {
    local name=$1 module=$2 built stamp
    stamp=$home/bin/.$name@${module##*@}
    [ -x "$home/bin/$name" ] && [ -e "$stamp" ] && return
    go=${go:-$(find_go)}
    if [ -z "$go" ]; then
        say "please install Go 1.21 or newer, for $name"
        return
    fi
    say "building $name"
    built=$home/build-$name
    if GOTOOLCHAIN=auto GOBIN=$built CGO_ENABLED=0 "$go" install "$module" >&2; then
        mv "$built"/* "$home/bin/$name" && rm -f "$home/bin/.$name@"* && touch "$stamp"
    else
        say "$module could not be built"
    fi
    rm -rf "$built"
}

# keycloak_part WHAT ARTIFACT FILES TO: fetches an archive of Keycloak's and keeps some files of it below .realmkeep/TO.
keycloak_part() {
    local what=$1 artifact=$2 files=$3 to=$home/$4 ok=0
    if ! have mvn || ! have unzip; then
        say "please install Maven and unzip, for $what"
        return 1
    fi
    say "fetching $what"
    rm -rf "$home/download" && mkdir -p "$to"
    if ! (cd "$home" && mvn -q -B dependency:copy -DoutputDirectory="$home/download" -Dartifact="$artifact") >&2 ||
        ! unzip -q -o "$home"/download/* "$files" -d "$to"; then
        say "$what could not be fetched"
        rm -rf "$to"
        ok=1
    fi
    rm -rf "$home/download"
    return $ok
}

kcadm() {
    local version=26.7.3
    [ -e "$home/keycloak/bin/kcadm.sh" ] && return
    keycloak_part "kcadm.sh $version" "org.keycloak:keycloak-quarkus-dist:$version:zip" "keycloak-$version/bin/*" part &&
        rm -rf "$home/keycloak" && mv "$home/part/keycloak-$version" "$home/keycloak"
    rm -rf "$home/part"
}

# Keycloak's admin console, and the React that its pages share.
console() {
    local version=26.7.3
    [ -e "$home/console/version-$version" ] && return
    rm -rf "$home/console"
    keycloak_part "the admin console $version" "org.keycloak:keycloak-admin-ui:$version:jar" 'theme/*' console &&
        keycloak_part "its React" "org.keycloak:keycloak-themes-vendor:$version:jar" '*/vendor/react*' console &&
        touch "$home/console/version-$version"
}

# venv NAME FROM [MORE]: a Python environment below .realmkeep with the packages that FROM's
# requirements.txt lists, made anew when the list changes, and what MORE adds to it.
venv() {
    local at=$home/$1 list=tests/clients/$2/requirements.txt
    [ -x "$at/bin/python" ] && cmp -s "$list" "$at/installed.txt" && return
    say "installing $1's packages"
    rm -rf "$at"
    if python3 -m venv "$at" >&2 &&
        "$at/bin/pip" install -q --no-input --disable-pip-version-check -r "$list" >&2 &&
        "${3:-:}" "$at"; then
        cp "$list" "$at/installed.txt"
    else
        say "the packages of $list could not be installed"
        rm -rf "$at"
    fi
}

# The collection with Keycloak's modules, the one that belongs to the ansible-core in the list: it
# comes in the package ansible, which is 54 MB packed and far more unpacked; the collection is 10.
collection() {
    local at=$1
    mkdir -p "$at/download" &&
        "$at/bin/pip" download -q --no-input --disable-pip-version-check --no-deps \
            -d "$at/download" ansible==12.3.0 >&2 &&
        "$at/bin/python" - "$at" <<'END'
import glob, sys, zipfile
at = sys.argv[1]
(wheel,) = glob.glob(at + "/download/*.whl")
with zipfile.ZipFile(wheel) as archive:
    general = "ansible_collections/community/general/"
    archive.extractall(at + "/collections", [n for n in archive.namelist() if n.startswith(general)])
END
    local ok=$?
    rm -rf "$at/download"
    return $ok
}

# node_modules NAME FROM OLDEST: what FROM's package-lock.json lists, below .realmkeep, for a Node.js of at least OLDEST.
node_modules() {
    local at=$home/$1 from=tests/clients/$2 oldest=$3 major
    cmp -s "$from/package-lock.json" "$at/package-lock.json" && [ -e "$at/installed" ] && return
    major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || major=0
    if [ "$major" -lt "$oldest" ] || ! have npm; then
        say "please install Node.js $oldest or newer and npm, for the programs in $from"
        return
    fi
    say "installing Node's packages for $from"
    rm -rf "$at" && mkdir -p "$at" && cp "$from/package.json" "$from/package-lock.json" "$at"
    if (cd "$at" && npm ci --silent --no-audit --no-fund --ignore-scripts) >&2; then
        touch "$at/installed"
    else
        say "the packages of $from could not be installed"
        rm -rf "$at"
    fi
}

# Keeps the go that builds the Go tests as test-go.
test_go() {
    go=${go:-$(find_go)}
    if [ -z "$go" ]; then
        say "please install Go 1.21 or newer, for gocloak, go-oidc and oauth2-proxy"
        return
    fi
    printf '#!/bin/sh\nGOTOOLCHAIN=auto exec "%s" "$@"\n' "$(command -v "$go")" >"$home/bin/test-go"
    chmod +x "$home/bin/test-go"
}

# go_modules FROM: fetches and compiles what the Go tests in a folder need.
go_modules() {
    [ -x "$home/bin/test-go" ] || return
    (cd "tests/clients/$1" && "$home/bin/test-go" test -count=1 -run '^$' ./... >/dev/null) ||
        say "what tests/clients/$1 needs could not be built"
}

# Its releases cannot be built by name, so a module of our own has it as a tool.
oauth2_proxy() {
    local from=tests/clients/signin/oauth2-proxy stamp=$home/bin/.oauth2-proxy
    [ -x "$home/bin/oauth2-proxy" ] && cmp -s "$from/go.sum" "$stamp" && return
    [ -x "$home/bin/test-go" ] || return
    say "building oauth2-proxy"
    if (cd "$from" && CGO_ENABLED=0 "$home/bin/test-go" build -o "$home/bin/oauth2-proxy" \
        github.com/oauth2-proxy/oauth2-proxy/v7) >&2; then
        cp "$from/go.sum" "$stamp"
    else
        say "oauth2-proxy could not be built"
    fi
}

debian
venv python admin/python
venv ansible admin/ansible collection
venv schemathesis admin/schemathesis
venv signin-python signin/python
node_modules node admin/node 18
node_modules signin-node signin/node 20
install crane github.com/google/go-containerregistry/cmd/crane@v0.22.1
install regctl github.com/regclient/regclient/cmd/regctl@v0.11.7
install oras oras.land/oras/cmd/oras@v1.3.6
install registry3 github.com/distribution/distribution/v3/cmd/registry@v3.0.0
test_go
go_modules admin/go
go_modules signin/go
oauth2_proxy
kcadm
console
exit 0
