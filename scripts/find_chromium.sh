#!/usr/bin/env bash
# Print the path of a Chromium for the browser tests, installing one where there is none.
# Looks at O2O_CHROMIUM, then PATH, then Playwright's own; nothing but the path goes to stdout.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${VENV:-.venv}/bin/python

on_path() {
    local name
    for name in "${O2O_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        if [ -n "$name" ] && command -v "$name"; then
            return
        fi
    done
    return 1
}

playwrights_own() {
    local path
    path=$("$python" -c 'from playwright.sync_api import sync_playwright as start
with start() as playwright: print(playwright.chromium.executable_path)') && [ -x "$path" ] && echo "$path"
}

on_path && exit
playwrights_own && exit
echo "Installing Chromium ..." >&2
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends chromium >&2 && on_path && exit
fi
"$python" -m playwright install chromium >&2 && playwrights_own && exit
echo "The browser tests need Chromium: install it, or name one with O2O_CHROMIUM=/path/to/chromium." >&2
exit 1
