#!/bin/sh
# What the tests need from the system: a Chromium (unless the argument is `none`) and PostgreSQL's server
# programs. Root on a Debian-like system: installs what is missing. Anyone else: names the one command.
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

missing() {
    [ "$browser" = none ] || have_chromium || printf 'chromium chromium-sandbox fonts-liberation '
    have_postgresql || printf 'postgresql '
}

packages=$(missing)
[ -z "$packages" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
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
