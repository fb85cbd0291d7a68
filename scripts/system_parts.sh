#!/bin/sh
# What the tests need from the system: a Chromium (unless the argument is `none`), PostgreSQL's server
# programs, OpenSSL, and KDE's reader of passes with a compiler where there is a package of it (elsewhere
# its tests are left out). Root on a Debian-like system: installs what is missing. Anyone else: names the
# one command.
set -eu
browser=${1:-chromium}

have_chromium() {
    [ -n "${CHROMIUM:-}" ] && [ -x "$CHROMIUM" ] && return 0
    for candidate in /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
        /Applications/Chromium.app/Contents/MacOS/Chromium; do
        [ -x "$candidate" ] && return 0
    done
    return 1
}

have_postgresql() {
    command -v initdb >/dev/null 2>&1 && return 0
    for candidate in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb \
        /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb \
        /Applications/Postgres.app/Contents/Versions/*/bin/initdb; do
        [ -x "$candidate" ] && return 0
    done
    return 1
}

have_pass_reader() {
    [ -d /usr/include/KPim/KPkPass ] && command -v g++ >/dev/null 2>&1
}

no_pass_reader_to_be_had() {
    ! apt-cache show libkpimpkpass-dev >/dev/null 2>&1
}

missing() {
    [ "$browser" = none ] || have_chromium || printf 'chromium chromium-sandbox fonts-liberation '
    have_postgresql || printf 'postgresql '
    command -v openssl >/dev/null 2>&1 || printf 'openssl '
    have_pass_reader || no_pass_reader_to_be_had || printf 'libkpimpkpass-dev g++ '
}

can_install=no
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && can_install=yes
# A fresh container knows of no package yet.
if [ "$can_install" = yes ] && ! have_pass_reader && ! ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1; then
    apt-get update -qq
fi
packages=$(missing)
[ -z "$packages" ] && exit 0

if [ "$can_install" = yes ]; then
    echo "Installing for the tests: $packages"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086  # each word is a package
    apt-get install -qq -y --no-install-recommends $packages >/dev/null
    packages=$(missing)
    [ -z "$packages" ] && exit 0
fi

echo "The tests need: $packages" >&2
case $(uname -s) in
    Darwin)
        case $packages in *chromium*) echo "  brew install --cask google-chrome" >&2 ;; esac
        case $packages in *postgresql*) echo "  brew install postgresql@17" >&2 ;; esac
        ;;
    *) echo "  sudo apt-get install -y $packages" >&2 ;;
esac
case $packages in
    *chromium*) echo "Without a browser:  make test BROWSER=none" >&2 ;;
esac
exit 1
