#!/bin/sh
# Names each dependency that stands in a Cargo.toml and in no source file beside it; fails if there is one.
set -eu
cd "$(dirname "$0")/.."

found=0
for manifest in crates/*/Cargo.toml tests/Cargo.toml bench/Cargo.toml; do
    folder=$(dirname "$manifest")
    names=$(awk '/^\[/ { on = /dependencies\]$/ } on && /^[a-z]/ { sub(/[. =].*/, ""); print }' "$manifest")
    for name in $names; do
        if ! grep -rqE --include='*.rs' "\b$(echo "$name" | tr - _)(::|;| as )" "$folder"; then
            echo "$manifest: $name is not used"
            found=1
        fi
    done
done
exit $found
