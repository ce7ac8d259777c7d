"""Make the golden files of draft profile 0 anew: ``python -m tests.golden.make``.

Only for a change of the format, or of the reference writer, that is meant. The text and the marked
pattern come out the same on every machine but for roundings; the photo is that of whatever the
simulation is at the time, so that one stored once goes on testing readers as it is.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from watermarks import DRAFT_0, Payload, ecc, embed
from watermarks.channel import CONDITIONS, Capture, simulate
from watermarks.chips import spreading
from watermarks.embedder import mark_tile
from watermarks.payload import derive_key, to_message_bits
from watermarks.template import lines

FOLDER = Path(__file__).parent
KEY = b"golden vectors of profile 0"
PAYLOAD = Payload(0x0123456789AB, DRAFT_0.version)

PATTERN_DPI = 150
PATTERN_PX = (450, 600)  # rows, columns: 4 x 3 in

# Gratings of the pattern's six cells: the wave runs along (a, b) in x and y, half a period is so many units.
_GRATINGS = (((0, 0, 1), (2, 1, 48), (1, 2, 24)), ((1, 0, 12), (0, 1, 16), (3, 1, 60)))
_GRATING_LEVELS = 24
_CELL_PX = (225, 200)

# Solid squares where the mark has no room: rows, columns, level.
SQUARES = ((slice(40, 90), slice(60, 110), 0), (slice(140, 190), slice(60, 110), 255))

# Between the simulation's easy and typical: a reader that misses it has lost something.
_PHOTO_CONDITION = replace(
    CONDITIONS["typical"],
    name="golden",
    frames_px=((1280, 960),),
    tilt_deg=(18.0, 22.0),
    fill=(0.85, 0.9),
    cropped_chance=0.0,
    shadow_chance=0.0,
    glare_chance=0.0,
    lux=(400.0, 600.0),
    jpeg_quality=(80.0, 80.0),
)
_PHOTO_SEED = 0

# Of the tile, two samples a chip: its edges, the middle, and an odd row.
_TILE_ROWS = (0, 1, 85, 128, 255)
_TILE_STEP = 32

_TEXT = """\
# Golden vectors of profile 0: what a second implementation must compute from this key and ID.
# `name value`, one a line; # begins a comment. docs/reference/format.md is the specification.
# tests/unit/test_golden.py holds the codec to them, tests/unit/test_format.py a second implementation.
# Made by `python -m tests.golden.make`.

# The watermark key, in hexadecimal: the ASCII bytes "golden vectors of profile 0".
key {key}
profile {profile}
id {id}

# HMAC-SHA256(key, "print-to-pin " + purpose + 0x01), 32 bytes: purposes "check" and "chips 0".
subkey_check {subkey_check}
subkey_chips {subkey_chips}

# profile (4 bits) | id (48) | keyed check (40): 92 bits, the first the most significant of the first digit.
message_bits {message_bits}

# The 368 coded bits, written in the same way.
coded_bits {coded_bits}

# The spreading signs of row 0's first 16 chips, and the numbers of the coded bits that these chips carry.
signs_start {signs_start}
bit_index_start {bit_index_start}

# SHA-256 of the 128 x 128 spreading signs, row by row, one byte each: 01 for +1, ff for -1 ...
signs_sha256 {signs_sha256}
# ... and of the number of the coded bit that each chip carries, row by row, two bytes each, big-endian.
bit_index_sha256 {bit_index_sha256}

# The template's lines: cycles per tile to the right and down, and the cosine's phase in radians.
{lines}

# The tile at unit variance, all bits equally strong, two samples a chip, without the picture's masking: the
# row, then the values at columns 0, 32, ... 224. Within 0.001: it comes out of Fourier transforms.
{tile_rows}

# The test pattern, as format.md has it in integers: SHA-256 of its 600 x 450 pixels, row by row, R, G, B.
pattern_sha256 {pattern_sha256}
# The pattern marked for print at 150 dpi, at strength 1, by the codec as it was when this was made. Another
# writer's may differ; every reader must read the ID in it.
marked {marked}
# A simulated phone photo of its print: a 1280 x 960 JPEG. Every reader must read the ID in it.
photo {photo}
# Where the picture's own top left, top right, bottom right and bottom left corners are in the photo: x and y
# in pixels, pixel centres at integers.
{corners}
"""


def pattern() -> NDArray[np.uint8]:
    """Return the unmarked test pattern, shape (450, 600, 3): gradients, gratings, two solid squares."""
    y, x = np.indices(PATTERN_PX)
    host = np.stack([64 + 96 * x // 599, 80 + 80 * y // 449, 168 - 88 * (x + y) // 1048], axis=-1)
    for row, cells in enumerate(_GRATINGS):
        for col, (a, b, half) in enumerate(cells):
            triangle = np.abs((a * x + b * y) % (2 * half) - half)
            inside = (y // _CELL_PX[0] == row) & (x // _CELL_PX[1] == col) & (half > 1)
            host += (inside * (2 * _GRATING_LEVELS * triangle // half - _GRATING_LEVELS))[..., None]
    for rows, cols, solid in SQUARES:
        host[rows, cols] = solid
    return host.astype(np.uint8)


def marked_pattern() -> NDArray[np.uint8]:
    """Return the marked test pattern, shape (450, 600, 3)."""
    return embed(pattern(), PAYLOAD, KEY, dpi=PATTERN_DPI)


def photo(marked: NDArray[np.uint8]) -> Capture:
    """Return a simulated photo of the marked pattern's print."""
    rng = np.random.default_rng(_PHOTO_SEED)
    return simulate(marked, dpi=PATTERN_DPI, condition=_PHOTO_CONDITION, rng=rng)


def text(corners_xy: NDArray[np.float64]) -> str:
    """Return profile-0.txt; the photo's corners have shape (4, 2)."""
    message = to_message_bits(PAYLOAD, KEY)
    coded = ecc.encode(message)
    spread = spreading(KEY, DRAFT_0, len(coded))
    found = lines(DRAFT_0)
    tile = mark_tile(DRAFT_0, coded, KEY)
    return _TEXT.format(
        key=KEY.hex(),
        profile=PAYLOAD.profile,
        id=f"{PAYLOAD.id:012x}",
        subkey_check=derive_key(KEY, "check").hex(),
        subkey_chips=derive_key(KEY, f"chips {DRAFT_0.version}").hex(),
        message_bits=_digits(message),
        coded_bits=_digits(coded),
        signs_start="".join("+" if sign > 0 else "-" for sign in spread.signs[0, :16]),
        bit_index_start=_words(spread.bit_index[0, :16], "d"),
        signs_sha256=hashlib.sha256(spread.signs.tobytes()).hexdigest(),
        bit_index_sha256=hashlib.sha256(spread.bit_index.astype(">u2").tobytes()).hexdigest(),
        lines="\n".join(
            f"line {x} {y} {phase:.12f}" for (x, y), phase in zip(found.cycles_xy, found.phases, strict=True)
        ),
        tile_rows="\n".join(f"tile_row {row} {_words(tile[row, ::_TILE_STEP], '.4f')}" for row in _TILE_ROWS),
        pattern_sha256=hashlib.sha256(pattern().tobytes()).hexdigest(),
        marked="profile-0-marked.png",
        photo="profile-0-photo.jpg",
        corners="\n".join(f"photo_corner {_words(corner, '.1f')}" for corner in corners_xy),
    )


def _digits(bits: NDArray[np.uint8]) -> str:
    """Return bits as hexadecimal digits, the first bit the most significant of the first digit."""
    return "".join(f"{int(''.join(map(str, four)), 2):x}" for four in bits.reshape(-1, 4))


def _words(values: NDArray[np.generic], form: str) -> str:
    return " ".join(format(value, form) for value in values.tolist())


def main() -> None:
    """Write all golden files."""
    marked = marked_pattern()
    taken = photo(marked)
    png = io.BytesIO()
    Image.fromarray(marked).save(png, "PNG", optimize=True, dpi=(PATTERN_DPI, PATTERN_DPI))
    (FOLDER / "profile-0-marked.png").write_bytes(png.getvalue())
    (FOLDER / "profile-0-photo.jpg").write_bytes(taken.jpeg_bytes)
    (FOLDER / "profile-0.txt").write_text(text(taken.picture_corners_xy[0]), "utf-8")


if __name__ == "__main__":
    main()
