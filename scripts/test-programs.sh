#!/usr/bin/env bash
# Installs the programs that tests/clients runs, as far as they are missing: Debian's by apt-get (as
# root), Go's and Keycloak's kcadm below .realmkeep. What cannot be installed is printed with its
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

debian
install crane github.com/google/go-containerregistry/cmd/crane@v0.22.1
install regctl github.com/regclient/regclient/cmd/regctl@v0.11.7
install oras oras.land/oras/cmd/oras@v1.3.6
install registry3 github.com/distribution/distribution/v3/cmd/registry@v3.0.0
kcadm
exit 0
