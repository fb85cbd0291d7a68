#!/bin/sh
# Is there a Python that can make a virtual environment? Install the missing piece as root, else name it.
set -eu
python=${PYTHON:-python3}
check='import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))'

"$python" -c "$check" 2>/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -qq -y python3 python3-venv >/dev/null
    "$python" -c "$check" 2>/dev/null && exit 0
fi
echo "Orion needs Python 3.11 or newer with its venv module." >&2
case $(uname -s) in
    Darwin) echo "Install it with:  brew install python" >&2 ;;
    *) echo "Install it with:  sudo apt-get install -y python3-venv" >&2 ;;
esac
echo "Another Python than python3:  make PYTHON=python3.13 ..." >&2
exit 1
