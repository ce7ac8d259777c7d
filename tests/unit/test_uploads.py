"""The places for photos on their way in: how many there are, and what those are told who find none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from flask import Flask

from o2o.errors import Busy
from o2o.http.decoders import run_here
from o2o.http.metrics import Metrics
from o2o.http.uploads import LEAST_RETRY_S, MOST_RETRY_S, Uploads


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def _request() -> Iterator[None]:
    """A refused upload reads its body to the end."""
    with Flask(__name__).test_request_context("/", method="POST", data=b"photo"):
        yield


def uploads_of(metrics: Metrics, *, decodes: int = 1, waiting: int = 1, at_the_door: int = 1) -> Uploads:
    """Places; who is sent away is told to come back as late as it may be."""
    return Uploads(
        decodes=decodes,
        waiting=waiting,
        at_the_door=at_the_door,
        run=run_here,
        metrics=metrics,
        draw=lambda _least, most: most,
    )


def told(metrics: Metrics, line: str) -> bool:
    return f"\n{line}\n" in metrics.text().decode()


@pytest.mark.usefixtures("_request")
def test_who_finds_no_place_in_time_is_told_when_to_come_back(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("o2o.http.uploads.MAX_WAIT_S", 0.01)
    uploads = uploads_of(metrics)
    with ExitStack() as inside:
        for _ in range(2):
            inside.enter_context(uploads.let_in())
        with pytest.raises(Busy) as refused, uploads.let_in():
            pytest.fail("there was a third place")
    assert refused.value.retry_after_s == LEAST_RETRY_S
    assert told(metrics, 'o2o_uploads_refused_total{where="door"} 1.0')
    for _ in range(3):  # all places are given back, and those at the door too
        with uploads.let_in(), uploads.let_in():
            pass


@pytest.mark.usefixtures("_request")
def test_a_full_door_sends_away_at_once_and_lets_in_who_waits(metrics: Metrics) -> None:
    uploads = uploads_of(metrics, decodes=1, waiting=1, at_the_door=1)
    entered = threading.Event()

    def wait() -> None:
        with uploads.let_in():
            entered.set()

    with uploads.let_in():
        with uploads.let_in():
            waiter = threading.Thread(target=wait)
            waiter.start()
            while not told(metrics, 'o2o_uploads_waiting{where="door"} 1.0'):
                assert waiter.is_alive()
            with pytest.raises(Busy), uploads.let_in():
                pytest.fail("there was a second place at the door")
            assert told(metrics, 'o2o_uploads_refused_total{where="door_full"} 1.0')
            assert not entered.is_set()
        assert entered.wait(5)
    waiter.join()
    assert told(metrics, 'o2o_uploads_waiting{where="door"} 0.0')


def test_so_many_are_decoded_at_once_as_there_are_places(metrics: Metrics) -> None:
    uploads = uploads_of(metrics, decodes=2)
    with uploads.decoder(0):
        with uploads.decoder(0), pytest.raises(Busy), uploads.decoder(0.01):
            pytest.fail("there was a third place")
        with uploads.decoder(0):
            pass
    assert told(metrics, 'o2o_uploads_refused_total{where="inside"} 1.0')


def test_the_longer_the_line_the_later_one_comes_back() -> None:
    def seconds(at_the_door: int, mean_s: float) -> int:
        uploads = uploads_of(Metrics(), decodes=2, at_the_door=1000)
        uploads._at_the_door, uploads._mean_s = at_the_door, mean_s
        return uploads._refusal("door").retry_after_s

    assert seconds(0, 1.0) == LEAST_RETRY_S
    assert seconds(50, 0.8) == 20
    assert seconds(1000, 1.0) == MOST_RETRY_S


def test_who_is_sent_away_does_not_come_back_with_all_others() -> None:
    drawn = []

    def draw(least: float, most: float) -> float:
        drawn.append((least, most))
        return least + 1

    uploads = Uploads(decodes=1, waiting=1, at_the_door=1, run=run_here, metrics=Metrics(), draw=draw)
    with uploads.decoder(0), pytest.raises(Busy) as refused, uploads.decoder(0):
        pytest.fail("there was a second place")
    assert refused.value.retry_after_s == LEAST_RETRY_S + 1
    assert drawn == [(LEAST_RETRY_S, LEAST_RETRY_S)]
