"""Photos read back: turned, scaled, cut, several at once; and everything that is no mark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.photographs import photograph, scaled
from watermarks import (
    DRAFT_0,
    Detection,
    Miss,
    MissReason,
    Payload,
    WatermarkError,
    decoder,
    embed,
    pose_search,
    read,
    reader,
)
from watermarks.geometry import Surface
from watermarks.pose_search import Pose
from watermarks.registration import Registration

KEY = b"a key of the tests"
OTHER_KEY = b"another key of tests"
PAYLOAD = Payload(0x0123456789AB)
OTHER = Payload(0xFFFFFFFFFFFE)

# In the middle of what `strength.choose_strength` says for these pictures.
STRENGTH = 2.0


@pytest.fixture(scope="module")
def marked() -> NDArray[np.uint8]:
    """A picture marked to be printed 5 inches wide at 300 dpi, scanned at 150."""
    return small_marked("coffee", PAYLOAD)


def small_marked(name: str, payload: Payload, width_px: int = 1500) -> NDArray[np.uint8]:
    marked = embed(photograph(name, width_px), payload, KEY, dpi=300, strength=STRENGTH)
    return scaled(marked, (marked.shape[1] // 2, marked.shape[0] // 2))


def outline(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return a whole image's outer corners: tl, tr, br, bl."""
    height, width = image.shape[:2]
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64) - 0.5


def turned(image: NDArray[np.uint8], degrees: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return an image on a white page turned about its middle, and where its corners are."""
    height, width = image.shape[:2]
    side = int(np.hypot(height, width)) + 20
    middle = ((width - 1) / 2, (height - 1) / 2)
    turn = np.asarray(cv2.getRotationMatrix2D(middle, degrees, 1.0), np.float64)
    turn[:, 2] += (side - 1) / 2 - np.array([width - 1, height - 1]) / 2
    page = cv2.warpAffine(image, turn, (side, side), flags=cv2.INTER_CUBIC, borderValue=(255, 255, 255))
    return np.asarray(page, np.uint8), outline(image) @ turn[:, :2].T + turn[:, 2]


def assert_one(
    outcome: list[Detection] | Miss, payload: Payload, corners_xy: NDArray[np.float64]
) -> Detection:
    """Hold an outcome to one detection of a payload, its corners within 5 % of the diagonal."""
    assert isinstance(outcome, list), outcome
    assert [each.payload for each in outcome] == [payload]
    assert_corners(outcome[0], corners_xy)
    assert 0 < outcome[0].confidence <= 1
    return outcome[0]


def assert_corners(found: Detection, corners_xy: NDArray[np.float64]) -> None:
    diagonal = np.linalg.norm(corners_xy[2] - corners_xy[0])
    off = np.linalg.norm(found.corners_xy - corners_xy, axis=1) / diagonal
    assert off.max() < 0.05, f"{off.round(3)} of the diagonal"


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_a_marked_photograph_reads(name: str) -> None:
    image = small_marked(name, OTHER, 1200)

    found = assert_one(read(image, KEY), OTHER, outline(image))

    assert found.px_per_chip == pytest.approx(150 / DRAFT_0.chips_per_inch, rel=0.02)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turned_by_quarters(marked: NDArray[np.uint8], quarters: int) -> None:
    """The corners stay the picture's own: the first is its top left one, wherever that has gone."""
    photo = np.ascontiguousarray(np.rot90(marked, quarters))

    assert_one(read(photo, KEY), PAYLOAD, np.roll(outline(photo), quarters, axis=0))


@pytest.mark.parametrize("degrees", [37.0, 200.0])
def test_turned_by_any_angle(marked: NDArray[np.uint8], degrees: float) -> None:
    photo, corners = turned(marked, degrees)

    assert_one(read(photo, KEY), PAYLOAD, corners)


@pytest.mark.parametrize("width", [560, 940])
def test_scaled(marked: NDArray[np.uint8], width: int) -> None:
    photo = scaled(marked, (width, round(marked.shape[0] * width / marked.shape[1])))

    found = assert_one(read(photo, KEY), PAYLOAD, outline(photo))

    assert found.px_per_chip == pytest.approx(width / 5 / DRAFT_0.chips_per_inch, rel=0.02)


def test_half_of_the_picture_is_enough(marked: NDArray[np.uint8]) -> None:
    half = np.ascontiguousarray(marked[:, :375])

    assert_one(read(half, KEY), PAYLOAD, outline(half))


def test_jpeg_is_withstood(marked: NDArray[np.uint8]) -> None:
    _, data = cv2.imencode(".jpg", marked, [cv2.IMWRITE_JPEG_QUALITY, 80])
    photo = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    assert_one(read(photo, KEY), PAYLOAD, outline(photo))


def test_two_pictures_on_a_page_are_both_read(marked: NDArray[np.uint8]) -> None:
    other = scaled(small_marked("chelsea", OTHER), (600, 400))
    page = np.full((1000, 900, 3), 250, np.uint8)
    page[30:530, 100:850] = marked
    page[570:970, 40:640] = other

    outcome = read(page, KEY)

    assert isinstance(outcome, list), outcome
    assert [each.payload for each in outcome] == [PAYLOAD, OTHER]  # the largest first
    assert_corners(outcome[0], outline(marked) + np.array([100, 30]))
    assert_corners(outcome[1], outline(other) + np.array([40, 570]))


def grey_photograph(name: str) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(photograph(name, 1500), cv2.COLOR_RGB2GRAY)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def test_a_marked_grey_photograph_reads() -> None:
    marked = embed(grey_photograph("chelsea"), PAYLOAD, KEY, dpi=300, strength=STRENGTH)
    photo = scaled(marked, (750, 500))

    assert_one(read(photo, KEY), PAYLOAD, outline(photo))


def test_a_photo_without_colour_reads(marked: NDArray[np.uint8]) -> None:
    """The mark is in luma alone: nothing of it is lost."""
    grey = cv2.cvtColor(marked, cv2.COLOR_RGB2GRAY)
    photo = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)

    found = assert_one(read(photo, KEY), PAYLOAD, outline(photo))

    colour = read(marked, KEY)
    assert isinstance(colour, list)
    assert found.signal_db == pytest.approx(colour[0].signal_db, abs=0.5)


def test_another_key_is_a_miss_that_saw_the_template(marked: NDArray[np.uint8]) -> None:
    assert read(marked, OTHER_KEY) == Miss(MissReason.PAYLOAD_FAILED)


def test_an_unmarked_photograph_is_a_miss() -> None:
    assert isinstance(read(photograph("coffee", 750), KEY), Miss)


@pytest.mark.parametrize(
    ("height", "width", "value"),
    [
        (1, 1, 0),
        (1, 700, 255),
        (700, 1, 128),
        (2, 3, 255),
        (40, 60, 128),
        (255, 257, 0),
        (240, 320, 255),
        (20, 70_000, 128),
    ],
)
def test_flat_photos_of_any_size_are_misses(height: int, width: int, value: int) -> None:
    """Without a warning, either: the tests' settings make errors of them."""
    with np.errstate(all="raise"):
        assert isinstance(read(np.full((height, width, 3), value, np.uint8), KEY), Miss)


def test_noise_is_a_miss() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)

    assert isinstance(read(noise, KEY), Miss)


def test_the_capture_is_left_as_it_was_and_the_answer_is_the_same_again(
    marked: NDArray[np.uint8],
) -> None:
    photo = marked.copy()
    photo.setflags(write=False)

    one, other = read(photo, KEY), read(photo, KEY)

    np.testing.assert_array_equal(photo, marked)
    assert isinstance(one, list)
    assert isinstance(other, list)
    np.testing.assert_array_equal(one[0].corners_xy, other[0].corners_xy)


def test_a_view_of_a_larger_array_reads(marked: NDArray[np.uint8]) -> None:
    """Reversed channels and borders are views in numpy, not copies."""
    wide = np.full((marked.shape[0] + 8, marked.shape[1] + 6, 3), 255, np.uint8)
    wide[4:-4, 3:-3] = marked[..., ::-1]

    assert_one(read(wide[4:-4, 3:-3][..., ::-1], KEY), PAYLOAD, outline(marked))


def test_the_stages_are_watched(marked: NDArray[np.uint8]) -> None:
    entered: Counter[str] = Counter()
    running: list[str] = []

    @contextmanager
    def stopwatch(stage: str) -> Iterator[None]:
        assert not running, "a stage within a stage would be counted twice"
        running.append(stage)
        entered[stage] += 1
        yield
        running.pop()

    read(marked, KEY, stopwatch=stopwatch)

    assert set(entered) == {"detect", "decode"}


def test_a_photo_tries_so_many_lists_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a search that goes on finding poses, each with two clear places that carry nothing."""
    asked: list[int] = []
    tried: list[int] = []

    def in_vain(*_: object, most_lists: int) -> tuple[None, int]:
        asked.append(most_lists)
        tried.append(min(2, most_lists))
        return None, tried[-1]

    def poses(*_: object, **__: object) -> Iterator[Pose]:
        return iter([Pose(np.eye(3), np.array([60.0, 60.0]), 9.0)] * 16)

    shown = Registration(Surface.flat(np.eye(3)), (0, 0), np.ones((3, 3)))
    monkeypatch.setattr(pose_search, "search", poses)
    monkeypatch.setattr(reader, "register", lambda *_: shown)
    monkeypatch.setattr(decoder, "decode", in_vain)

    assert isinstance(read(np.full((480, 640, 3), 90, np.uint8), KEY), Miss)

    assert sum(tried) == 16
    assert min(asked) == 0  # it was asked on, and tried none


@pytest.mark.parametrize(
    "capture",
    [
        np.zeros((400, 400), np.uint8),
        np.zeros((400, 400, 4), np.uint8),
        np.zeros((400, 400, 3), np.float32),
        np.zeros((0, 400, 3), np.uint8),
        np.zeros((400, 0, 3), np.uint8),
    ],
    ids=["grey", "rgba", "float", "no rows", "no columns"],
)
def test_another_kind_of_array_is_refused(capture: NDArray[np.uint8]) -> None:
    with pytest.raises(WatermarkError, match="capture"):
        read(capture, KEY)


@pytest.mark.parametrize("value", [0, 128])
def test_a_short_key_is_refused_whatever_the_photo(value: int) -> None:
    with pytest.raises(WatermarkError, match="at least 16 bytes"):
        read(np.full((300, 400, 3), value, np.uint8), b"short")
