"""The print-and-photograph simulation: seeded, true to its ground truth, and as noisy as it says."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from watermarks import channel_pose, channel_press, channel_screens, channel_sensor
from watermarks.baselines import rectify
from watermarks.channel import CONDITIONS, Capture, Condition, photograph, print_page, simulate


def small(name: str) -> Condition:
    """Return a condition with small frames, so that a test is quick."""
    return dataclasses.replace(CONDITIONS[name], frames_px=((960, 720),))


def picture(height: int = 300, width: int = 450) -> NDArray[np.uint8]:
    """Return a picture with structure at every scale and every colour."""
    rng = np.random.default_rng(7)
    layers = [rng.integers(0, 256, (cells, cells, 3)).astype(np.float32) for cells in (3, 8, 20)]
    grown = [cv2.resize(layer, (width, height), interpolation=cv2.INTER_CUBIC) for layer in layers]
    return np.clip(sum(grown) / 3, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["easy", "typical", "hard"])
def test_same_seed_same_photo_other_seed_another(name: str) -> None:
    photos = [
        simulate(picture(), dpi=200, condition=small(name), rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    ]

    np.testing.assert_array_equal(photos[0].image, photos[1].image)
    np.testing.assert_array_equal(photos[0].picture_corners_xy, photos[1].picture_corners_xy)
    assert photos[0].image.shape != photos[2].image.shape or (photos[0].image != photos[2].image).any()


@pytest.mark.parametrize("seed", range(2))
def test_true_corners_rectify_the_photo_to_the_picture(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_press, "MISREGISTRATION_MM", 0.0)
    condition = dataclasses.replace(
        small("easy"), curl_deg_per_in=(0.0, 0.0), lens_k1=(0.0, 0.0), tilt_deg=(20.0, 30.0)
    )
    dots = [(15, 15), (434, 15), (225, 150), (15, 284), (434, 284)]
    original = np.full((300, 450, 3), 230, np.uint8)
    for dot in dots:
        cv2.circle(original, dot, 6, (20, 20, 20), -1)

    photo = simulate(original, dpi=150, condition=condition, rng=np.random.default_rng(seed))

    seen = 255.0 - rectify(photo.image, photo.picture_corners_xy[0], (450, 300)).mean(2)
    for x, y in dots:
        patch = seen[y - 13 : y + 14, x - 13 : x + 14]
        ink = np.clip(patch - 0.5 * patch.max(), 0.0, None)
        row, column = np.mgrid[-13:14, -13:14]
        assert abs((ink * column).sum() / ink.sum()) < 0.2
        assert abs((ink * row).sum() / ink.sum()) < 0.2


def test_several_pictures_on_a_page_are_each_found_where_the_truth_says() -> None:
    rng = np.random.default_rng(3)
    grey = [np.full((200, 200, 3), value, np.uint8) for value in (0, 90, 160)]
    condition = dataclasses.replace(small("easy"), curl_deg_per_in=(2.0, 4.0))

    photo = photograph(print_page(grey, dpi=100, rng=rng), rng=rng, condition=condition)

    assert photo.picture_corners_xy.shape == (3, 4, 2)
    middles = photo.picture_corners_xy.mean(1).round().astype(int)
    tones = [photo.image[y - 5 : y + 6, x - 5 : x + 6].mean() for x, y in middles]
    assert tones[0] < tones[1] - 20
    assert tones[1] < tones[2] - 20


def test_aim_frames_the_chosen_picture() -> None:
    rng = np.random.default_rng(4)
    printed = print_page([picture(), picture(120, 120)], dpi=150, rng=rng)

    photo = photograph(printed, rng=rng, condition=small("easy"), aim=0)

    assert photo.visible_share[0] == 1.0


@pytest.mark.parametrize("name", ["easy", "typical", "hard"])
def test_poses_keep_to_their_condition(name: str) -> None:
    condition = CONDITIONS[name]
    rectangle = np.array([(1, 1), (6, 1), (6, 4.3), (1, 4.3)], np.float64)
    least = 1.0 - condition.cropped_share[1] if condition.cropped_chance else 1.0
    for seed in range(25):
        pose = channel_pose.draw_pose(rectangle, (1920, 1080), condition, np.random.default_rng(seed))
        assert condition.tilt_deg[0] <= pose.tilt_deg <= condition.tilt_deg[1]
        assert channel_pose.visible_share(pose, rectangle) >= least


def test_sensor_and_page_maps_are_each_others_inverse() -> None:
    rectangle = np.array([(1, 1), (6, 1), (6, 4.3), (1, 4.3)], np.float64)
    for seed in range(25):
        rng = np.random.default_rng(seed)
        pose = channel_pose.draw_pose(rectangle, (1280, 720), CONDITIONS["hard"], rng)
        there = channel_pose.page_to_sensor(pose, rectangle)
        hidden = np.abs(channel_pose.sensor_to_page(pose, there) - rectangle).max(1) > 1e-3
        assert not hidden.any() or abs(pose.bend_per_in) > 0.05  # A strong bend may hide a corner.


def test_tilt_is_the_angle_between_optical_axis_and_page() -> None:
    rectangle = np.array([(0, 0), (5, 0), (5, 3), (0, 3)], np.float64)
    pose = channel_pose.draw_pose(rectangle, (1280, 720), CONDITIONS["typical"], np.random.default_rng(0))

    right, down, forward = pose.axes()

    assert np.degrees(np.arccos(-forward[2])) == pytest.approx(pose.tilt_deg)
    np.testing.assert_allclose(pose.axes() @ pose.axes().T, np.eye(3), atol=1e-12)
    assert right[0] * down[1] - right[1] * down[0] > 0  # Not mirrored.


@pytest.mark.parametrize("screen", ["am", "fm"])
@pytest.mark.parametrize("coverage", [0, 26, 128, 230, 255])
def test_a_screen_prints_the_coverage_that_was_asked_for(screen: str, coverage: int) -> None:
    am = screen == "am"
    tile = (
        channel_screens.am_screen(150, 15, 600) if am else channel_screens.fm_screen(np.random.default_rng(0))
    )
    softness = channel_screens.AM_SOFTNESS if am else channel_screens.FM_SOFTNESS
    value = round(channel_screens.plate_curve(softness)[coverage])

    printed = channel_screens.screened(np.full((600, 600), value, np.uint8), tile, softness)

    assert printed.mean() == pytest.approx(coverage, abs=2.0)


def test_separation_reproduces_the_colour_within_the_inks_gamut_and_keeps_to_the_ink_limit() -> None:
    colours = np.array(
        [[(255, 255, 255), (128, 128, 128), (180, 120, 90), (0, 0, 0), (90, 130, 170)]], np.uint8
    )

    inks = channel_press.separate(colours)

    assert inks.sum(0).max() <= channel_press.TOTAL_INK + 1e-5
    span = 1.0 - channel_press.INK_TRANSMITTANCE
    linear = np.prod(1.0 - inks[:, 0, :, None] * span[:, None, :], axis=0)
    code = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    wanted = colours[0].astype(float)
    np.testing.assert_allclose(code[[0, 1, 2, 4]], wanted[[0, 1, 2, 4]], atol=10)
    assert code[3].max() < 60


def test_k_only_prints_are_neutral() -> None:
    inks = channel_press.separate(picture(40, 40), k_only=True)

    assert not inks[:3].any()
    assert inks[3].max() > 0.2


@pytest.mark.parametrize(("lux", "least", "most"), [(100, 0.5, 2.0), (500, 0.25, 1.0), (12, 1.2, 5.0)])
def test_noise_in_mid_grey_is_a_phones(lux: float, least: float, most: float) -> None:
    """Percent of full scale, in luma, after the ISP."""
    shot = channel_sensor.Exposure(lux, 0.0, (0.5, 0.5), 0.0, 0.0, 90)
    rng = np.random.default_rng(1)
    flat = np.full((240, 320), 0.18, np.float32)

    image = channel_sensor.develop(
        channel_sensor.expose(flat, np.ones_like(flat), None, shot, rng), shot, rng
    )

    luma = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)[20:-20, 20:-20, 0]
    assert least < luma.std() / 2.55 < most


@pytest.mark.parametrize(("readout_px", "binned"), [(4032, 1.0), (8064, 1.0), (1920, 4.41), (1280, 9.9225)])
def test_a_small_frames_photosites_gather_the_light_of_several(readout_px: int, binned: float) -> None:
    shot = channel_sensor.draw_exposure(CONDITIONS["hard"], readout_px, np.random.default_rng(3))

    assert shot.binned == pytest.approx(binned)


def test_binned_photosites_are_less_noisy_by_the_root_of_their_light_and_more() -> None:
    def deviation(binned: float) -> float:
        shot = channel_sensor.Exposure(100, 0.0, (0.5, 0.5), 0.0, 0.0, 90, binned)
        flat = np.full((240, 320), 0.18, np.float32)
        raw = channel_sensor.expose(flat, np.ones_like(flat), None, shot, np.random.default_rng(1))
        return float(raw[0::2, 1::2].astype(np.float64).std())

    # A little more, as photosites that are binned are read out once.
    assert 2 < deviation(1) / deviation(4) < 2.3


def test_easy_is_clearer_than_hard() -> None:
    def sharpness(photo: Capture) -> float:
        size = (300, 200)
        seen = rectify(photo.image, photo.picture_corners_xy[0], size)
        original = cv2.resize(picture(), size, interpolation=cv2.INTER_AREA)
        return float(np.corrcoef(seen.ravel(), original.ravel())[0, 1])

    scores = {
        name: np.mean(
            [
                sharpness(
                    simulate(picture(), dpi=150, condition=small(name), rng=np.random.default_rng(seed))
                )
                for seed in range(3)
            ]
        )
        for name in ("easy", "hard")
    }

    assert scores["easy"] > scores["hard"]
