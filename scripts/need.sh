#!/bin/sh
# Sees to it that what a make target needs is there: need.sh rust|c|postgres|deny …
# What Debian has is installed as root; otherwise the line to run is printed.
set -eu
cd "$(dirname "$0")/.."

say() { echo "need: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# The places where `start-dev` looks, but for those of other systems, which it names itself.
postgres() {
    [ -n "${PG_BIN:-}" ] || have initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || ! have apt-get
}

compiler() {
    have cc && echo 'int main(void) { return 0; }' | cc -x c -o /dev/null - 2>/dev/null
}

packages=
for what in "$@"; do
    case $what in
    rust)
        have cargo || { say "Rust is missing: https://rustup.rs installs it with one line"; exit 1; }
        ;;
    c) compiler || packages="$packages gcc libc6-dev" ;;
    postgres) postgres || packages="$packages postgresql" ;;
    deny)
        if ! have cargo-deny; then
            say "building cargo-deny, once: a few minutes"
            # Unoptimised, since it runs for a second and takes far less time to build.
            cargo install --quiet --locked --debug --root .realmkeep cargo-deny@0.20.2
        fi
        ;;
    *) say "what is $what?"; exit 1 ;;
    esac
done
[ -n "$packages" ] || exit 0

if ! have apt-get; then
    say "please install with your system's package manager what Debian calls:$packages"
    exit 1
elif [ "$(id -u)" != 0 ]; then
    say "please run: sudo apt-get install -y$packages"
    exit 1
fi
say "installing$packages"
case $packages in
*postgresql*)
    # Debian's package makes a cluster and starts it; nobody here wants that one.
    if [ ! -e /etc/postgresql-common ]; then
        mkdir -p /etc/postgresql-common/createcluster.d
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/realmkeep.conf
    fi
    ;;
esac
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >&2
# shellcheck disable=SC2086 # a list of words
apt-get install -q -y --no-install-recommends $packages </dev/null >&2
