"""Proposals fitted to the spectra about them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.tilted_pages import jacobian, template_plane, tilted
from watermarks import DRAFT_0
from watermarks.constellation import MOST_PEAKS, ring
from watermarks.geometry import FOCAL_RATIO
from watermarks.pose_fit import refined, rough_scores
from watermarks.spectra import Windows, windows
from watermarks.tilted import Tilted

SHAPE = (320, 400)
FOCAL_PX = FOCAL_RATIO * max(SHAPE)


def seen(plane: NDArray[np.float32]) -> Windows:
    found = windows(plane, 128, 200, ring(128, DRAFT_0), MOST_PEAKS)
    assert found is not None
    return found


def proposal(found: Windows, truth: NDArray[np.float64], window: int) -> Tilted:
    """Return what is true of a page in a window: its map there, and how it recedes."""
    centre = found.centres_xy[window]
    own = jacobian(truth, centre)
    step = (jacobian(truth, centre + aside) for aside in np.eye(2))
    # The map's determinant changes by three times the relative change of depth.
    recession = [-np.log(np.linalg.det(each) / np.linalg.det(own)) / 3 * FOCAL_PX for each in step]
    return Tilted(DRAFT_0.tile_chips * own[None], np.array([recession]), np.array([window], np.intp))


def off(found: Tilted, truth: Tilted) -> float:
    return float(np.abs(np.linalg.solve(truth.jacobians[0], found.jacobians[0]) - np.eye(2)).max())


@settings(max_examples=8, deadline=None)
@given(
    turn=st.floats(-180, 180),
    tilt=st.floats(0, 20),
    nudge=st.lists(st.floats(-0.05, 0.05), min_size=4, max_size=4),
)
def test_a_map_that_is_off_is_mended_and_scores_as_the_true_one(
    turn: float, tilt: float, nudge: list[float]
) -> None:
    to_plane = tilted(SHAPE, px_per_chip=0.9, turn=turn, tilt=tilt, towards=40.0)
    found = seen(template_plane(SHAPE, to_plane, 1.0))
    truth = proposal(found, to_plane, len(found.power) // 2)
    change = np.eye(2) + np.reshape(nudge, (2, 2))
    nudged = Tilted(truth.jacobians @ change, truth.recessions_xy, truth.of_window)

    fitted, score = refined(found, nudged, FOCAL_PX, DRAFT_0)

    _, best = refined(found, truth, FOCAL_PX, DRAFT_0)
    # A steeper page smears a window's lines: there the rest is mended in the window straightened.
    assert off(fitted, truth) < 0.025
    assert score[0] > 0.9 * best[0] > 20


def test_a_proposal_of_a_page_that_is_not_there_scores_no_more_than_chance() -> None:
    to_plane = tilted(SHAPE, px_per_chip=0.9, turn=20.0)
    found = seen(np.random.default_rng(2).standard_normal(SHAPE).astype(np.float32))
    truth = proposal(found, to_plane, len(found.power) // 2)

    _, score = refined(found, truth, FOCAL_PX, DRAFT_0)

    assert score[0] < 12


def test_the_true_page_stands_out_of_others_roughly_and_fitted() -> None:
    to_plane = tilted(SHAPE, px_per_chip=0.9, turn=-70.0, tilt=20.0)
    found = seen(template_plane(SHAPE, to_plane, 1.5))
    truth = proposal(found, to_plane, 6)
    turned = truth.jacobians[0] @ np.array([[0.0, -1.0], [1.0, 0.0]])
    both = Tilted(
        np.stack([truth.jacobians[0], turned]), np.repeat(truth.recessions_xy, 2, axis=0), np.array([6, 6])
    )

    rough = rough_scores(found, both, FOCAL_PX, DRAFT_0)
    _, fitted = refined(found, both, FOCAL_PX, DRAFT_0)

    assert rough[0] > 2 * rough[1]
    assert fitted[0] > 2 * fitted[1]


@pytest.mark.parametrize("score", [rough_scores, lambda *given: refined(*given)[1]], ids=["rough", "fitted"])
def test_no_proposals_have_no_scores(score: object) -> None:
    found = seen(np.zeros(SHAPE, np.float32))
    none = Tilted(np.zeros((0, 2, 2)), np.zeros((0, 2)), np.zeros(0, np.intp))

    assert callable(score)
    assert score(found, none, FOCAL_PX, DRAFT_0).shape == (0,)
