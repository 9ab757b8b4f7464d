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
    have java || any /usr/lib/jvm/*/bin/java || packages+=(default-jre-headless)
    [ -e "$home/keycloak/bin/kcadm.sh" ] || { have mvn || packages+=(maven); have unzip || packages+=(unzip); }
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

kcadm() {
    local version=26.7.3 zip
    [ -e "$home/keycloak/bin/kcadm.sh" ] && return
    if ! have mvn || ! have unzip; then
        say "please install Maven and unzip, for kcadm.sh"
        return
    fi
    say "fetching kcadm.sh $version"
    (cd "$home" && mvn -q -B dependency:copy -DoutputDirectory="$home/download" \
        -Dartifact="org.keycloak:keycloak-quarkus-dist:$version:zip") >&2
    zip=$home/download/keycloak-quarkus-dist-$version.zip
    if unzip -q -o "$zip" "keycloak-$version/bin/*" -d "$home/download"; then
        rm -rf "$home/keycloak" && mv "$home/download/keycloak-$version" "$home/keycloak"
    else
        say "kcadm.sh $version could not be fetched"
    fi
    rm -rf "$home/download"
}

# venv NAME [MORE]: a Python environment below .realmkeep with the packages that the client's
# requirements.txt lists, made anew when the list changes, and what MORE adds to it.
venv() {
    local at=$home/$1 list=tests/clients/admin/$1/requirements.txt
    [ -x "$at/bin/python" ] && cmp -s "$list" "$at/installed.txt" && return
    say "installing $1's packages"
    rm -rf "$at"
    if python3 -m venv "$at" >&2 &&
        "$at/bin/pip" install -q --no-input --disable-pip-version-check -r "$list" >&2 &&
        "${2:-:}" "$at"; then
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

node_modules() {
    local at=$home/node from=tests/clients/admin/node major
    cmp -s "$from/package-lock.json" "$at/package-lock.json" && [ -e "$at/installed" ] && return
    major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || major=0
    if [ "$major" -lt 18 ] || ! have npm; then
        say "please install Node.js 18 or newer and npm, for @keycloak/keycloak-admin-client"
        return
    fi
    say "installing Node's packages"
    rm -rf "$at" && mkdir -p "$at" && cp "$from/package.json" "$from/package-lock.json" "$at"
    if (cd "$at" && npm ci --silent --no-audit --no-fund --ignore-scripts) >&2; then
        touch "$at/installed"
    else
        say "the packages of $from could not be installed"
        rm -rf "$at"
    fi
}

# Fetches and compiles what the Go tests need, and keeps the go that does it as test-go.
go_modules() {
    go=${go:-$(find_go)}
    if [ -z "$go" ]; then
        say "please install Go 1.21 or newer, for gocloak"
        return
    fi
    printf '#!/bin/sh\nGOTOOLCHAIN=auto exec "%s" "$@"\n' "$(command -v "$go")" >"$home/bin/test-go"
    chmod +x "$home/bin/test-go"
    (cd tests/clients/admin/go && "$home/bin/test-go" test -count=1 -run '^$' ./... >/dev/null) ||
        say "gocloak could not be built"
}

debian
venv python
venv ansible collection
venv schemathesis
node_modules
install crane github.com/google/go-containerregistry/cmd/crane@v0.22.1
install regctl github.com/regclient/regclient/cmd/regctl@v0.11.7
install oras oras.land/oras/cmd/oras@v1.3.6
install registry3 github.com/distribution/distribution/v3/cmd/registry@v3.0.0
go_modules
kcadm
exit 0
