#!/usr/bin/env bash
# Resolve requirements/*.in to exact versions with hashes, for every platform and Python >= 3.11.
# Keeps the pins that still fit; `scripts/pin_requirements.sh --upgrade` takes the newest.
set -euo pipefail
cd "$(dirname "$0")/../requirements"
uv=${UV:-../.venv/bin/uv}

pin() {
    # Each set is held to the ones before it, so that one environment can hold them all; and every Python
    # gets the same versions, so that what is tested on one holds on the others. Extras keep their names:
    # pip takes `pydantic[email]` for unpinned beside `pydantic==...` once a newer pydantic is out.
    local name=$1
    shift
    "$uv" pip compile --quiet --universal --no-strip-extras --fork-strategy fewest --python-version 3.11 --generate-hashes \
        --annotation-style line --no-header --no-emit-index-url --no-emit-find-links "$name.in" -o "$name.txt" "$@"
}

pin runtime "$@"
pin demo "$@" --constraint runtime.txt
pin dev "$@" --constraint demo.txt
pin baselines "$@" --no-deps
