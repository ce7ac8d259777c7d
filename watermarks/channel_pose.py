"""Where the camera stands: pinhole pose, bent page and lens, mapped both ways.

Frames of reference: page inches (x right, y down from the page's top left, z towards the reader),
and sensor pixels (centres at integers). The page is a circular cylinder, which keeps lengths on
paper, so both directions have closed forms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watermarks.channel_conditions import Condition

NEAREST_FOCUS_IN = 5.5
"""Phones' main cameras focus from about 14 cm on."""
FOCAL_MM = (24.0, 28.0)
"""Main cameras' focal length, equivalent to a 43.3 mm image diagonal."""
OFF_CENTRE = 0.7
"""A whole picture stands off the frame's middle by up to this share of its way to the frame's edge."""

Points: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A camera before a bent page.

    Attributes
    ----------
    size_px : tuple of (int, int)
        Sensor width and height.
    focal_px : float
        Focal length.
    aim_in : ndarray, shape (2,)
        The page point on the optical axis.
    distance_in : float
        Camera to that point.
    tilt_deg, azimuth_deg, roll_deg : float
        Angle of the axis to the page's normal, the direction towards which the camera leans, and
        the camera's turn about its axis.
    bend_origin_in : ndarray, shape (2,)
        A page point on the cylinder's contact line.
    bend_deg : float
        Direction across the cylinder's axis.
    bend_per_in : float
        Curvature in radians an inch; positive bends both sides towards the camera.
    lens_k1 : float
        Radial distortion at the half diagonal.
    """

    size_px: tuple[int, int]
    focal_px: float
    aim_in: Points
    distance_in: float
    tilt_deg: float
    azimuth_deg: float
    roll_deg: float
    bend_origin_in: Points
    bend_deg: float
    bend_per_in: float
    lens_k1: float

    def axes(self) -> Points:
        """Return the camera's right, down and forward directions as rows, in page axes."""
        tilt, azimuth, roll = np.radians([self.tilt_deg, self.azimuth_deg, self.roll_deg])
        back = np.array([np.sin(tilt) * np.cos(azimuth), np.sin(tilt) * np.sin(azimuth), np.cos(tilt)])
        # y points down, so these axes are left-handed: back x right is down, not up.
        right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
        down = np.cross(back, right)
        turned_right = np.cos(roll) * right + np.sin(roll) * down
        turned_down = -np.sin(roll) * right + np.cos(roll) * down
        return np.stack([turned_right, turned_down, -back])

    def camera_in(self) -> Points:
        """Return the camera's position."""
        return np.asarray(np.array([*self.aim_in, 0.0]) - self.distance_in * self.axes()[2])


def page_to_sensor(pose: Pose, page_in: Points) -> Points:
    """Map page points, shape (..., 2) in inches, to sensor pixels, same shape."""
    seen = (_bent(pose, page_in) - pose.camera_in()) @ pose.axes().T
    ideal = seen[..., :2] / np.maximum(seen[..., 2:], 1e-6) * pose.focal_px
    centre, half_diagonal = _optics(pose)
    lens = ideal
    for _ in range(6):  # The inverse of sensor_to_page's polynomial; a contraction for small k1.
        radius2 = (lens**2).sum(-1, keepdims=True) / half_diagonal**2
        lens = ideal / (1.0 + pose.lens_k1 * radius2)
    return lens + centre


def sensor_to_page(pose: Pose, sensor_px: Points) -> Points:
    """Map sensor pixels, shape (..., 2), to the page points in inches that they see.

    Rays that pass the bent page by come back as points far off the page.
    """
    centre, half_diagonal = _optics(pose)
    lens = sensor_px - centre
    radius2 = (lens**2).sum(-1, keepdims=True) / half_diagonal**2
    ideal = lens * (1.0 + pose.lens_k1 * radius2) / pose.focal_px
    rays = np.concatenate([ideal, np.ones_like(ideal[..., :1])], -1) @ pose.axes()
    across, along = _bend_axes(pose)
    start = pose.camera_in() - np.array([*pose.bend_origin_in, 0.0])
    start_s, start_t = start[:2] @ across, start[:2] @ along
    ray_s, ray_t, ray_z = rays[..., :2] @ across, rays[..., :2] @ along, rays[..., 2]
    kappa = pose.bend_per_in if abs(pose.bend_per_in) > 1e-5 else 1e-5
    # On the cylinder: kappa (s^2 + z^2) = 2 z. Solved for the ray's parameter, in the form that
    # stays exact as kappa goes to 0 (a flat page).
    a = kappa * (ray_s**2 + ray_z**2)
    half_b = kappa * (start_s * ray_s + start[2] * ray_z) - ray_z
    c = kappa * (start_s**2 + start[2] ** 2) - 2.0 * start[2]
    discriminant = half_b**2 - a * c
    root = np.sqrt(np.maximum(discriminant, 0.0))
    reach = -c / (half_b + root)
    s = start_s + reach * ray_s
    z = start[2] + reach * ray_z
    arc = np.arctan2(kappa * s, 1.0 - kappa * z) / kappa
    arc += np.sign(s) * 30.0 * np.sqrt(np.maximum(-discriminant, 0.0))
    t = start_t + reach * ray_t
    return np.asarray(pose.bend_origin_in + arc[..., None] * across + t[..., None] * along)


def px_per_inch(pose: Pose, page_in: Points) -> Points:
    """Return sensor pixels an inch of paper at page points: geometric mean over directions."""
    step = 0.01
    dx, dy = np.array([step, 0.0]), np.array([0.0, step])
    right = page_to_sensor(pose, page_in + dx) - page_to_sensor(pose, page_in - dx)
    down = page_to_sensor(pose, page_in + dy) - page_to_sensor(pose, page_in - dy)
    area = np.abs(right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0])
    return np.asarray(np.sqrt(area) / (2 * step))


def visible_share(pose: Pose, corners_in: Points) -> float:
    """Return the share of a page rectangle, shape (4, 2), inside the frame."""
    seen = page_to_sensor(pose, _lattice(corners_in))
    inside = ((seen > -0.5) & (seen < np.array(pose.size_px) - 0.5)).all(-1)
    return float(inside.mean())


def draw_pose(
    corners_in: Points, size_px: tuple[int, int], condition: Condition, rng: np.random.Generator
) -> Pose:
    """Draw a pose that frames the page rectangle ``corners_in``, shape (4, 2), as a condition says."""
    diagonal_px = float(np.hypot(*size_px))
    centre = corners_in.mean(0)
    pose = Pose(
        size_px=size_px,
        focal_px=rng.uniform(*FOCAL_MM) / 43.27 * diagonal_px,
        aim_in=centre,
        distance_in=10.0,
        tilt_deg=rng.uniform(*condition.tilt_deg),
        azimuth_deg=rng.uniform(0.0, 360.0),
        roll_deg=rng.uniform(0.0, 360.0),
        bend_origin_in=centre + rng.uniform(-1.5, 1.5, 2),
        bend_deg=rng.uniform(0.0, 180.0),
        bend_per_in=float(np.radians(rng.uniform(*condition.curl_deg_per_in)) * rng.choice([-1.0, 1.0])),
        lens_k1=rng.uniform(*condition.lens_k1),
    )
    cut = rng.uniform(*condition.cropped_share) if rng.random() < condition.cropped_chance else 0.0
    # Pictures are cut mostly because the phone is too near: what is in view keeps its area.
    pose = _framed(pose, corners_in, rng.uniform(*condition.fill) / np.sqrt(1.0 - cut))
    direction = rng.uniform(0.0, 2 * np.pi)
    slack_in = _slack_in(pose, corners_in, cut, direction)
    return _moved(pose, slack_in if cut else rng.uniform(0.0, OFF_CENTRE) * slack_in, direction)


def _framed(pose: Pose, corners_in: Points, fill: float) -> Pose:
    """Centre the rectangle and step back until its bounding box takes ``fill`` of the frame."""
    outline = _lattice(corners_in)
    for _ in range(8):  # Extent falls about as the inverse of distance: a few steps settle it.
        pose = _centred(pose, outline)
        extent = np.ptp(page_to_sensor(pose, outline), axis=0) / pose.size_px
        distance = float(np.clip(pose.distance_in * extent.max() / fill, NEAREST_FOCUS_IN, 200.0))
        pose = replace(pose, distance_in=distance)
    return _centred(pose, outline)


def _centred(pose: Pose, outline: Points) -> Pose:
    """Aim so that the outline's bounding box lies in the frame's middle."""
    for _ in range(2):
        seen = page_to_sensor(pose, outline)
        middle = (seen.min(0) + seen.max(0)) / 2
        off = sensor_to_page(pose, middle) - sensor_to_page(pose, _optics(pose)[0])
        pose = replace(pose, aim_in=pose.aim_in + np.clip(off, -5.0, 5.0))
    return pose


def _slack_in(pose: Pose, corners_in: Points, share: float, direction: float) -> float:
    """Return how far the camera can move sideways before the frame cuts off ``share`` of the rectangle."""
    low, high = 0.0, 20.0
    for _ in range(14):
        middle = (low + high) / 2
        whole_enough = visible_share(_moved(pose, middle, direction), corners_in) >= 1.0 - share
        low, high = (middle, high) if whole_enough else (low, middle)
    return low


def _moved(pose: Pose, step_in: float, direction: float) -> Pose:
    """Move the camera within its image plane: what it sees moves in the frame and keeps its size and tilt."""
    right, down, forward = pose.axes()
    camera = pose.camera_in() + step_in * (np.cos(direction) * right + np.sin(direction) * down)
    distance = float(-camera[2] / forward[2])
    return replace(pose, aim_in=(camera + distance * forward)[:2], distance_in=distance)


def _bent(pose: Pose, page_in: Points) -> Points:
    """Return page points in space, shape (..., 3), in inches."""
    across, along = _bend_axes(pose)
    offset = page_in - pose.bend_origin_in
    arc, t = offset @ across, offset @ along
    kappa = pose.bend_per_in if abs(pose.bend_per_in) > 1e-5 else 1e-5
    s, z = np.sin(kappa * arc) / kappa, (1.0 - np.cos(kappa * arc)) / kappa
    flat = pose.bend_origin_in + s[..., None] * across + t[..., None] * along
    return np.concatenate([flat, z[..., None]], -1)


def _bend_axes(pose: Pose) -> tuple[Points, Points]:
    """Return the page directions across and along the cylinder's axis."""
    angle = np.radians(pose.bend_deg)
    return np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])


def _optics(pose: Pose) -> tuple[Points, float]:
    """Return the principal point and the half diagonal, in pixels."""
    return (np.array(pose.size_px) - 1.0) / 2, float(np.hypot(*pose.size_px)) / 2


def _lattice(corners_in: Points) -> Points:
    """Return 33 x 33 points over a page rectangle, its edges included."""
    u, v = np.meshgrid(np.linspace(0, 1, 33), np.linspace(0, 1, 33))
    tl, tr, _, bl = corners_in
    points = tl + u[..., None] * (tr - tl) + v[..., None] * (bl - tl)
    return np.asarray(points.reshape(-1, 2))
