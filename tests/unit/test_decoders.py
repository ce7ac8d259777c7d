"""Processes for photos: what goes there and back, and what happens if one dies, or its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import cv2
import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from o2o.errors import Busy, ImageError, ImageTooLarge, ImageTooSmall, UnreadableImage, UnsupportedImage
from o2o.http.decoders import DecoderDied, Decoders
from o2o.http.metrics import Metrics
from o2o.http.uploads import LEAST_RETRY_S, Uploads
from o2o.services import scans
from tests.unit.test_reader import KEY
from watermarks import read
from watermarks.results import Miss

WAIT_S = 30


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    started = Decoders(2)
    yield started
    started.close()


def die() -> None:
    """What a library's crash or the kernel's memory killer comes to."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(kind: type[ImageError]) -> None:
    raise kind("what happened")


def test_a_photo_is_read_in_another_process_as_in_this_one(decoders: Decoders) -> None:
    photo = cv2.imencode(".png", np.full((256, 256, 3), 128, np.uint8))[1].tobytes()
    limits = {"max_bytes": 1_000_000, "max_pixels": 1_000_000}
    here, there = (
        run(scans.read_photo, photo, KEY, read=read, **limits)
        for run in (lambda work, *args, **more: work(*args, **more), decoders)
    )
    assert isinstance(here.found, Miss)
    assert isinstance(there.found, Miss)
    assert (there.width_px, there.height_px, there.found.reason) == (256, 256, here.found.reason)
    assert decoders(os.getpid) != os.getpid()
    assert decoders(cv2.getNumThreads) == 1


@pytest.mark.parametrize("kind", [ImageTooLarge, UnsupportedImage, UnreadableImage, ImageTooSmall])
def test_errors_come_back_as_they_are(decoders: Decoders, kind: type[ImageError]) -> None:
    with pytest.raises(kind) as raised:
        decoders(fail, kind)
    assert raised.value.detail == "what happened"


def test_a_process_that_dies_is_replaced(decoders: Decoders) -> None:
    uploads = Uploads(
        decodes=1, waiting=1, at_the_door=1, run=decoders, metrics=Metrics(), draw=lambda least, _most: least
    )
    before = decoders(os.getpid)
    with pytest.raises(Busy) as refused, uploads.decoder(0) as run:
        run(die)
    assert refused.value.retry_after_s == LEAST_RETRY_S
    assert isinstance(refused.value.__cause__, DecoderDied)
    with uploads.decoder(0) as run:
        assert run(os.getpid) != before


def test_they_end_with_their_parent_however_it_ends() -> None:
    lines = (
        "import os",
        "from o2o.http.decoders import Decoders",
        "print(Decoders(1)(os.getpid), flush=True)",
        "input()",
    )
    with subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        decoder = psutil.Process(int(parent.stdout.readline()))
        decoder.send_signal(signal.SIGINT)  # as Ctrl-C does: that is its parent's to answer
        parent.kill()
        parent.wait()
        decoder.wait(WAIT_S)
    assert not decoder.is_running()
