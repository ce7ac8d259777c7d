#!/usr/bin/env bash
# Make .venv and install a pinned set into it: scripts/setup_venv.sh demo|dev
# Does nothing where that was done and neither the set nor the Python has changed since.
set -euo pipefail
cd "$(dirname "$0")/.."
set_name=${1:?say demo or dev}
venv=${VENV:-.venv}

find_python() {
    local name
    for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
        if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "No Python 3.11 or newer was found: install one, or name it with PYTHON=/path/to/python." >&2
    return 1
}

fingerprint() {
    # dev holds all of demo: either stamp of the right content will do for demo.
    cat "requirements/$1.txt" requirements/baselines.txt pyproject.toml scripts/setup_venv.sh | cksum | tr ' ' -
}

stamp() { echo "$venv/installed-$1-$(fingerprint "$1")"; }

if [ -x "$venv/bin/python" ]; then
    if [ -e "$(stamp dev)" ] || [ -e "$(stamp "$set_name")" ]; then
        exit 0
    fi
else
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$python can't make virtual environments: install its venv package (Debian: apt-get install python3-venv)." >&2
        exit 1
    fi
    "$python" -m venv "$venv"
fi

echo "Installing requirements/$set_name.txt into $venv ..." >&2
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }
rm -f "$venv"/installed-*
pip install --require-hashes -r "requirements/$set_name.txt"
if [ "$set_name" = dev ]; then
    pip install --require-hashes --no-deps -r requirements/baselines.txt
fi
pip install --no-deps --no-build-isolation --editable .
touch "$(stamp "$set_name")"
