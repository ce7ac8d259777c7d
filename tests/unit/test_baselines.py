"""The peers' codecs behind our two calls."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from watermarks import Miss, MissReason, Payload, baselines
from watermarks.payload import to_message_bits

KEY = b"a key of the tests"
PAYLOAD = Payload(0x0123456789AB)
CORNERS = np.array([(0, 0), (384, 0), (384, 320), (0, 320)], np.float64) - 0.5


def host() -> NDArray[np.uint8]:
    """Return a textured picture, neither dark nor bright: dwtDct fails on flat, both where values wrap."""
    noise = np.random.default_rng(0).integers(70, 190, (80, 96, 3)).astype(np.uint8)
    return cv2.resize(noise, (384, 320), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def test_dwt_dct_svd_reads_its_own_mark_back() -> None:
    marked = baselines.embed(host(), PAYLOAD, KEY, method="dwtDctSvd")

    answer = baselines.read(marked, KEY, method="dwtDctSvd", corners_xy=CORNERS, size_px=(384, 320))

    assert isinstance(answer, list)
    assert answer[0].payload == PAYLOAD


@pytest.mark.parametrize("method", baselines.METHODS)
def test_bits_come_back_mostly(method: baselines.Method) -> None:
    marked = baselines.embed(host(), PAYLOAD, KEY, method=method)

    bits = baselines.read_bits(marked, method=method, corners_xy=CORNERS, size_px=(384, 320))

    expected = to_message_bits(PAYLOAD, KEY)
    assert (bits == expected).mean() > 0.9


@pytest.mark.parametrize("method", baselines.METHODS)
def test_an_unmarked_picture_is_a_miss(method: baselines.Method) -> None:
    answer = baselines.read(host(), KEY, method=method, corners_xy=CORNERS, size_px=(384, 320))

    assert answer == Miss(MissReason.PAYLOAD_FAILED)


def test_another_key_reads_nothing() -> None:
    marked = baselines.embed(host(), PAYLOAD, KEY, method="dwtDctSvd")

    answer = baselines.read(
        marked, b"another key, as long", method="dwtDctSvd", corners_xy=CORNERS, size_px=(384, 320)
    )

    assert isinstance(answer, Miss)


def test_rectify_turns_a_photo_upright() -> None:
    turned = np.ascontiguousarray(np.rot90(host()))
    corners = np.array([(0, 384), (0, 0), (320, 0), (320, 384)], np.float64) - 0.5

    upright = baselines.rectify(turned, corners, (384, 320))

    np.testing.assert_allclose(upright.astype(int), host().astype(int), atol=2)


def test_importing_needs_no_torch_and_leaves_no_stub_behind() -> None:
    code = (
        "import sys; from watermarks import baselines; assert 'imwatermark' not in sys.modules; "
        "baselines._imwatermark(); torch = sys.modules.get('torch'); "
        "assert torch is None or torch.__spec__ is not None"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
