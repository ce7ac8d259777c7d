"""A second implementation, from docs/reference/format.md alone: numpy and hashes, nothing of the codec."""

from __future__ import annotations

import ast
import hashlib
import hmac
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.golden_vectors import bits_of, picture, vectors

Array = NDArray[np.float64]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "format.md"
VECTORS = vectors()
KEY = bytes.fromhex(VECTORS["key"][0])
ID = int(VECTORS["id"][0], 16)
GENERATORS = (0o2327, 0o2353, 0o2671, 0o3175)
SIDE, SAMPLES, STATES = 128, 256, 1024
CYCLES = np.fft.fftfreq(SAMPLES, 1 / SAMPLES)
RADIUS = np.maximum(np.hypot(CYCLES[:, None], CYCLES[None, :]), 1e-9)
GAIN = 1 / (1 + (18 / RADIUS) ** 6) / (1 + (RADIUS / 48) ** 8)


def subkey(key: bytes, purpose: bytes) -> bytes:
    return hmac.new(key, b"print-to-pin " + purpose + b"\x01", hashlib.sha256).digest()


def message_of(key: bytes, identity: int) -> str:
    """The 92 message bits as hexadecimal digits."""
    fields = b"\x00" + identity.to_bytes(6, "big")
    check = hmac.new(subkey(key, b"check"), fields, hashlib.sha256).digest()[:5]
    return f"0{identity:012x}{check.hex()}"


def encoded(message: NDArray[np.uint8]) -> NDArray[np.uint8]:
    register = sum(int(message[-1 - d]) << d for d in range(11))
    coded = []
    for bit in message:
        register = (register << 1 | int(bit)) & 0x7FF
        coded += [(register & g).bit_count() & 1 for g in GENERATORS]
    return np.array(coded, np.uint8)


def spread(key: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Signs and coded bits of the chips, each of shape (128, 128)."""
    count = SIDE * SIDE
    stream = hashlib.shake_256(subkey(key, b"chips 0")).digest(5 * count)
    signs = np.array([-1 if byte & 1 else 1 for byte in stream[:count]])
    words = [int.from_bytes(stream[count + 4 * n : count + 4 * n + 4], "big") for n in range(count)]
    carried = np.empty(count, np.int64)
    for place, chip in enumerate(sorted(range(count), key=lambda n: (words[n], n))):
        carried[chip] = place % 368
    return signs.reshape(SIDE, SIDE), carried.reshape(SIDE, SIDE)


def template_lines() -> dict[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    for i in range(100):
        angle = np.pi * ((0.1 + i * 0.6180339887498949) % 1)
        radius = 24 + 12 * ((0.5 + i * 0.7548776662466927) % 1)
        line = round(radius * np.cos(angle)), round(radius * np.sin(angle))
        if len(found) < 6 and line not in found:
            found[line] = 2 * np.pi * (i * i * 0.6180339887498949 % 1)
    return found


LINES = template_lines()


def tile_of(coded: NDArray[np.uint8], key: bytes) -> Array:
    signs, carried = spread(key)
    chips = np.repeat(np.repeat(signs * (1 - 2.0 * coded[carried]), 2, axis=0), 2, axis=1)
    message = np.fft.ifft2(np.fft.fft2(chips) * GAIN).real
    v, u = (np.indices((SAMPLES, SAMPLES)) + 0.5) / 2
    waves = [np.cos(2 * np.pi * (fx * u + fy * v) / 128 + phase) for (fx, fy), phase in LINES.items()]
    return np.asarray(np.sqrt(0.45) * np.sqrt(2 / 6) * sum(waves) + np.sqrt(0.55) * message / message.std())


def blurred(plane: Array, sigma: float) -> Array:
    at = np.arange(-round(3 * sigma), round(3 * sigma) + 1)
    kernel = np.exp(-((at / sigma) ** 2) / 2)
    for axis in (0, 1):
        total = np.apply_along_axis(np.convolve, axis, plane, kernel, "same")
        plane = total / np.apply_along_axis(np.convolve, axis, np.ones_like(plane), kernel, "same")
    return plane


def folded(scan: NDArray[np.uint8]) -> Array:
    """The tiles of a flat scan at 2 px per chip, whitened and averaged; p = 0 at its top left corner."""
    luma = scan @ np.array([0.299, 0.587, 0.114])
    detail = luma - blurred(luma, 4.5)
    white = np.clip(detail / (np.sqrt(blurred(detail**2, 6.0)) + 0.5), -1.6, 1.6)
    total, seen = np.zeros((SAMPLES, SAMPLES)), np.zeros((SAMPLES, SAMPLES))
    y, x = np.indices(white.shape) % SAMPLES
    np.add.at(total, (y, x), white)
    np.add.at(seen, (y, x), 1)
    return total / np.sqrt(np.maximum(seen, 1))


def places(fold: Array) -> Iterator[Array]:
    """The fold as it would lie in the tile, at the places that the lines agree with best, the best first."""
    ranked = []
    # Upside down, sample n at (n + 0.5) / 2 becomes sample -1 - n at -(n + 0.5) / 2: the whole fold reversed.
    for turned in (fold, fold[::-1, ::-1]):
        spectrum, agreed = np.fft.fft2(turned), np.zeros((SAMPLES, SAMPLES), np.complex128)
        for (fx, fy), phase in LINES.items():
            value = spectrum[fy, fx] * np.exp(-1j * (np.pi * (fx + fy) / SAMPLES + phase))
            agreed[fy, fx] = value / abs(value)
        score = np.fft.fft2(agreed).real
        for _ in range(4):
            y, x = (int(at) for at in np.unravel_index(score.argmax(), score.shape))
            ranked.append((score[y, x], np.roll(turned, (y, x), axis=(0, 1))))
            score[np.ix_(np.arange(y - 3, y + 4) % SAMPLES, np.arange(x - 3, x + 4) % SAMPLES)] = -np.inf
    yield from (placed for _, placed in sorted(ranked, key=lambda each: -each[0]))


def soft_bits(tile: Array, key: bytes) -> Array:
    spectrum = np.fft.fft2(tile) * GAIN
    for fx, fy in LINES:
        spectrum[fy, fx] = spectrum[-fy, -fx] = 0
    chips = np.fft.ifft2(spectrum).real.reshape(SIDE, 2, SIDE, 2).mean(axis=(1, 3))
    signs, carried = spread(key)
    return np.asarray(np.bincount(carried.ravel(), (signs * chips).ravel(), 368), np.float64)


def decoded(soft: Array) -> NDArray[np.uint8]:
    """The message of the likeliest path, by Viterbi twice round the trellis."""
    registers = np.arange(2 * STATES)
    signs = np.array([[1 - 2 * ((int(r) & g).bit_count() & 1) for g in GENERATORS] for r in registers])
    metric, back = np.zeros(STATES), []
    for step in np.tile(soft.reshape(-1, 4), (2, 1)):
        # Register = (older state, new bit); the state after it drops the register's top bit.
        reached = (metric[registers >> 1] + signs @ step).reshape(2, STATES)
        back.append(reached.argmax(axis=0))
        metric = reached.max(axis=0)
    state, bits = int(metric.argmax()), []
    for top in reversed(back):
        bits.append(state & 1)
        state = int(top[state]) << 9 | state >> 1
    return np.array(bits[91::-1], np.uint8)


def checked(tile: Array, key: bytes) -> int | None:
    """The ID that a tile in place carries, or None."""
    digits = f"{int(''.join(map(str, decoded(soft_bits(tile, key)))), 2):023x}"
    identity = int(digits[1:13], 16)
    return identity if digits == message_of(key, identity) else None


def read(scan: NDArray[np.uint8], key: bytes) -> set[int]:
    return {found for tile in places(folded(scan)) if (found := checked(tile, key)) is not None}


def test_nothing_here_is_the_codecs_own() -> None:
    nodes = list(ast.walk(ast.parse(Path(__file__).read_text("utf-8"))))
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not [name for name in named if name.split(".")[0] in {"watermarks", "o2o", "benchmarks"}]


def test_keys_and_message() -> None:
    assert subkey(KEY, b"check").hex() == VECTORS["subkey_check"][0]
    assert subkey(KEY, b"chips 0").hex() == VECTORS["subkey_chips"][0]
    assert message_of(KEY, ID) == VECTORS["message_bits"][0]


def test_coded_bits() -> None:
    coded = encoded(bits_of(VECTORS["message_bits"][0]))
    np.testing.assert_array_equal(coded, bits_of(VECTORS["coded_bits"][0]))


def test_chips() -> None:
    signs, carried = spread(KEY)
    assert hashlib.sha256(signs.astype(np.int8).tobytes()).hexdigest() == VECTORS["signs_sha256"][0]
    assert hashlib.sha256(carried.astype(">u2").tobytes()).hexdigest() == VECTORS["bit_index_sha256"][0]
    assert "".join("-+"[int(sign > 0)] for sign in signs[0, :16]) == VECTORS["signs_start"][0]
    assert " ".join(map(str, carried[0, :16])) == VECTORS["bit_index_start"][0]


def test_tile() -> None:
    assert [f"{fx} {fy} {phase:.12f}" for (fx, fy), phase in LINES.items()] == VECTORS["line"]
    tile = tile_of(bits_of(VECTORS["coded_bits"][0]), KEY)
    for row, *values in (line.split() for line in VECTORS["tile_row"]):
        np.testing.assert_allclose(tile[int(row), ::32], [float(value) for value in values], atol=1e-3)


def test_the_marked_pattern_reads_where_it_lies() -> None:
    assert checked(folded(picture("marked")), KEY) == ID


@pytest.mark.parametrize("upside_down", [False, True])
def test_a_part_of_the_marked_pattern_reads_either_way_up(upside_down: bool) -> None:
    part = picture("marked")[31:440, 57:]
    assert read(part[::-1, ::-1] if upside_down else part, KEY) == {ID}


def test_nothing_reads_under_another_key() -> None:
    assert read(picture("marked"), b"another key of profile 0") == set()


@pytest.mark.parametrize(("turn", "reaches"), [(1, 0.96), (-1, 0.98)])
def test_wrong_places_agree_as_nearly_as_the_page_says(turn: int, reaches: float) -> None:
    agreed = np.zeros((512, 512), np.complex128)
    for (fx, fy), phase in LINES.items():
        agreed[fy, fx] = np.exp(1j * (turn - 1) * phase) / 6
    score = np.fft.fft2(agreed).real
    if turn == 1:
        near = np.arange(-8, 9)
        score[np.ix_(near, near)] = 0
    assert score.max() == pytest.approx(reaches, abs=0.005)
    assert f"{reaches} " in PAGE.read_text("utf-8")


def test_the_page_has_the_golden_numbers() -> None:
    page = PAGE.read_text("utf-8")
    told = dict(re.findall(r"^\| `([a-z_]+)` \| `([^`]+)` \|$", page, re.MULTILINE))
    assert len(told) == 6
    assert told == {name: VECTORS[name][0] for name in told}
    rows = re.findall(r"^\| \d \| (-?\d+), (-?\d+) \| (\d\.\d{12}) \|$", page, re.MULTILINE)
    assert [" ".join(row) for row in rows] == VECTORS["line"]
    assert f"are {', '.join(VECTORS['tile_row'][0].split()[1:4])}." in page
