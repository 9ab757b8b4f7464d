#!/bin/sh
# Names each link in a Markdown file that leads to a file that is not there; fails if there is one.
set -eu
cd "$(dirname "$0")/.."

dead=$(for page in *.md docs/*.md docs/adr/*.md; do
    grep -oE '\]\([^)]+\)' "$page" | sed 's/^](//; s/)$//; s/#.*//' | grep -vE '^$|^[a-z]+:' | while read -r link; do
        [ -e "$(dirname "$page")/$link" ] || echo "$page: $link is not there"
    done
done)
[ -z "$dead" ] || { echo "$dead"; exit 1; }
