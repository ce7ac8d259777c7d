"""The published vectors of tests/golden: what any implementation computes from a key and an ID."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tests.golden import make
from tests.golden_vectors import GOLDEN, TEXT, bits_of, picture, vectors
from watermarks import PROFILES, Detection, Miss, Payload, ecc, read
from watermarks.chips import spreading
from watermarks.embedder import mark_tile
from watermarks.file_signal import file_soft_bits
from watermarks.payload import derive_key, from_message_bits, to_message_bits
from watermarks.template import lines

VECTORS = vectors()
KEY = bytes.fromhex(VECTORS["key"][0])
PROFILE = PROFILES[int(VECTORS["profile"][0])]
PAYLOAD = Payload(int(VECTORS["id"][0], 16), PROFILE.version)
PHOTO_CORNERS_XY = np.array([corner.split() for corner in VECTORS["photo_corner"]], np.float64)

# The mean error that corners may have, as a share of the picture's diagonal: the photo tests the format; how
# well corners are found is measured on other pictures than gratings.
CORNER_ERROR = 0.06


def test_the_file_names_what_is_held_here() -> None:
    assert set(VECTORS) == {
        *("key", "profile", "id", "subkey_check", "subkey_chips", "message_bits", "coded_bits"),
        *("signs_start", "bit_index_start", "signs_sha256", "bit_index_sha256", "line", "tile_row"),
        *("pattern_sha256", "marked", "photo", "photo_corner"),
    }
    assert len(VECTORS["line"]) == PROFILE.template_lines


def test_the_script_writes_the_file_as_it_is() -> None:
    made = make.text(PHOTO_CORNERS_XY)

    # The tile's last digit hangs on how a machine rounds.
    assert without_tile(made) == without_tile(TEXT.read_text("utf-8"))


def without_tile(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("tile_row ")]


@pytest.mark.parametrize(
    ("name", "purpose"), [("subkey_check", "check"), ("subkey_chips", f"chips {PROFILE.version}")]
)
def test_subkeys(name: str, purpose: str) -> None:
    assert derive_key(KEY, purpose).hex() == VECTORS[name][0]


def test_message_and_coded_bits() -> None:
    message = to_message_bits(PAYLOAD, KEY)

    np.testing.assert_array_equal(message, bits_of(VECTORS["message_bits"][0]))
    np.testing.assert_array_equal(ecc.encode(message), bits_of(VECTORS["coded_bits"][0]))


def test_the_vectors_read_back() -> None:
    soft = np.asarray(1 - 2.0 * bits_of(VECTORS["coded_bits"][0]), np.float64)

    read = [from_message_bits(bits, KEY) for bits in ecc.decode(soft)]

    assert PAYLOAD in read


def test_chips() -> None:
    found = spreading(KEY, PROFILE, len(bits_of(VECTORS["coded_bits"][0])))

    signs = np.where(found.signs > 0, b"\x01", b"\xff").tobytes()
    assert hashlib.sha256(signs).hexdigest() == VECTORS["signs_sha256"][0]
    index = found.bit_index.astype(">u2").tobytes()
    assert hashlib.sha256(index).hexdigest() == VECTORS["bit_index_sha256"][0]
    assert "".join("+" if sign > 0 else "-" for sign in found.signs[0, :16]) == VECTORS["signs_start"][0]
    assert " ".join(map(str, found.bit_index[0, :16].tolist())) == VECTORS["bit_index_start"][0]


def test_template_lines() -> None:
    found = lines(PROFILE)

    stated = [line.split() for line in VECTORS["line"]]
    assert found.cycles_xy.tolist() == [[int(x), int(y)] for x, y, _ in stated]
    np.testing.assert_allclose(found.phases, [float(phase) for *_, phase in stated], rtol=0, atol=1e-12)


def test_the_tile() -> None:
    tile = mark_tile(PROFILE, bits_of(VECTORS["coded_bits"][0]), KEY)

    for row, *values in (line.split() for line in VECTORS["tile_row"]):
        np.testing.assert_allclose(tile[int(row), ::32], [float(value) for value in values], atol=1e-3)


def test_the_test_pattern() -> None:
    assert hashlib.sha256(make.pattern().tobytes()).hexdigest() == VECTORS["pattern_sha256"][0]


def test_marking_the_pattern_now_gives_the_golden_one_within_a_level() -> None:
    golden = picture("marked")

    off = np.abs(make.marked_pattern().astype(int) - golden)
    assert off.max() <= 1
    assert np.mean(off > 0) < 0.01  # machines round differently, and rarely
    for rows, cols, solid in make.SQUARES:
        assert (golden[rows, cols] == solid).all()


def test_the_marked_pattern_carries_the_coded_bits_clearly() -> None:
    # 150 dpi are 2 px per chip, at which files are measured.
    soft = file_soft_bits(picture("marked").astype(np.float32), KEY, PROFILE)

    wrong = (soft < 0) != bits_of(VECTORS["coded_bits"][0])
    assert wrong.mean() < 0.01
    assert [from_message_bits(bits, KEY) for bits in ecc.decode(soft, list_size=1)] == [PAYLOAD]


def test_the_marked_pattern_reads() -> None:
    assert [found.payload for found in detections("marked")] == [PAYLOAD]


def test_the_photo_reads() -> None:
    (found,) = detections("photo")

    assert found.payload == PAYLOAD
    error = np.linalg.norm(found.corners_xy - PHOTO_CORNERS_XY, axis=1).mean()
    assert error < CORNER_ERROR * np.linalg.norm(PHOTO_CORNERS_XY[2] - PHOTO_CORNERS_XY[0])


def detections(name: str) -> list[Detection]:
    found = read(picture(name), KEY)
    assert not isinstance(found, Miss), found
    return found


@pytest.mark.parametrize("name", ["marked", "photo"])
def test_nothing_reads_in_either_under_another_key(name: str) -> None:
    assert isinstance(read(picture(name), b"another key of profile 0"), Miss)


def test_nothing_reads_in_the_unmarked_pattern() -> None:
    assert isinstance(read(make.pattern(), KEY), Miss)


def test_the_golden_pictures_stay_small() -> None:
    assert all((GOLDEN / VECTORS[name][0]).stat().st_size <= 250_000 for name in ("marked", "photo"))
