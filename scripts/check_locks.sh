#!/bin/sh
# Lock files pin versions and hashes; where a package comes from is the machine's own business.
set -eu
cd "$(dirname "$0")/.."
failed=0

for lock in requirements*.txt; do
    if grep -nE '://|--index|--extra-index|--find-links|--trusted-host' "$lock"; then
        echo "$lock names a host or a folder (make lock)." >&2
        failed=1
    fi
    # Every pinned line is followed by its hashes: a line without a backslash has none.
    if grep -nE '^[A-Za-z0-9._-]+(\[[^]]*\])?==[^\\]*$' "$lock"; then
        echo "$lock has a package without a hash (make lock)." >&2
        failed=1
    fi
done

if grep -nE '"resolved"|registry' package-lock.json; then
    echo "package-lock.json names a registry (make lock)." >&2
    failed=1
fi
# A second zxing-wasm would pair one version's wasm with the other's glue code: no scan.
if grep -n '"node_modules/barcode-detector/node_modules' package-lock.json; then
    echo "package.json must pin zxing-wasm to the version barcode-detector asks for." >&2
    failed=1
fi
exit "$failed"
