"""The phone before the page: framing, light, and the page's image on the sensor, with its ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.channel_conditions import Condition
from watermarks.channel_pose import (
    Pose,
    draw_pose,
    page_to_sensor,
    px_per_inch,
    sensor_to_page,
    visible_share,
)
from watermarks.channel_press import PRINT_DPI, Print
from watermarks.channel_sensor import (
    Exposure,
    decode_jpeg,
    develop,
    draw_exposure,
    encode_jpeg,
    expose,
    mosaic,
    through_lens,
)

SMALL_FRAME_PX = 1100
"""Frames whose short side is below come from a finer sensor readout, scaled down ..."""
SENSOR_SCALE = 1.5
"""... by this much (video and preview frames)."""

_GRID_PX = 16
"""Spacing at which geometry and light are computed; linear in between (error < 0.05 px)."""

FLAT_DEPTH = 1.15
"""Where the far paper is sampled less than this much coarser than the near, one average does for both."""

Plane: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """A simulated photo with its ground truth.

    Attributes
    ----------
    image : ndarray of uint8, shape (h, w, 3)
        The photo, sRGB, as decoded from its JPEG.
    picture_corners_xy : ndarray of float, shape (K, 4, 2)
        Each picture's outer corners (its own tl, tr, br, bl) in photo px, pixel centres at integers.
    page_px_per_inch : float
        Photo px an inch of paper at the first picture's middle, geometric mean over directions.
    tilt_deg, roll_deg, curl_deg_per_in, lux, glare, defocus_px, motion_px : float
        What was drawn, as in :class:`~watermarks.channel_conditions.Condition`; blur in photo px, glare 0
        if none.
    visible_share : ndarray of float, shape (K,)
        Share of each picture's area inside the frame.
    jpeg_quality : int
    condition : str
    screen : str
        The halftone: ``"fm"`` or ``"150 lpi"``.
    jpeg_bytes : bytes
        The JPEG file that ``image`` was decoded from.
    pose : Pose
        Where the camera stood.
    sensor_scale : float
        Sensor pixels per photo pixel.
    """

    image: NDArray[np.uint8]
    picture_corners_xy: NDArray[np.float64]
    page_px_per_inch: float
    tilt_deg: float
    roll_deg: float
    curl_deg_per_in: float
    lux: float
    glare: float
    defocus_px: float
    motion_px: float
    visible_share: NDArray[np.float64]
    jpeg_quality: int
    condition: str
    screen: str
    jpeg_bytes: bytes
    pose: Pose
    sensor_scale: float

    def to_photo(self, page_in: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map page points, shape (..., 2) in inches, to photo px, pixel centres at integers."""
        return np.asarray((page_to_sensor(self.pose, page_in) + 0.5) / self.sensor_scale - 0.5)


def photograph(
    printed: Print, *, rng: np.random.Generator, condition: Condition, aim: int | None = None
) -> Capture:
    """Photograph a printed page.

    Parameters
    ----------
    printed : Print
        The page; may be photographed again and again.
    rng : numpy.random.Generator
        Decides everything that the condition leaves open.
    condition : Condition
    aim : int, optional
        Index of the picture that the reader frames; all of them together by default.

    Returns
    -------
    Capture
    """
    frame = condition.frames_px[rng.integers(len(condition.frames_px))]
    frame = frame if rng.random() < 0.5 else (frame[1], frame[0])
    scale = SENSOR_SCALE if min(frame) < SMALL_FRAME_PX else 1.0
    sensor = (round(frame[0] * scale), round(frame[1] * scale))
    pose = draw_pose(_aimed_at(printed, aim), sensor, condition, rng)
    shot = draw_exposure(condition, max(sensor), rng)
    light, glare = _lighting(pose, printed, shot, condition, rng)
    raw = _optical_image(printed, pose, shot, rng)
    image = develop(expose(raw, light, glare, shot, rng), shot, rng)
    if scale != 1.0:
        image = cv2.resize(image, frame, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    jpeg = encode_jpeg(image, shot.jpeg_quality)
    middle = printed.picture_corners_in[aim or 0].mean(0)
    return Capture(
        image=decode_jpeg(jpeg),
        picture_corners_xy=(page_to_sensor(pose, printed.picture_corners_in) + 0.5) / scale - 0.5,
        page_px_per_inch=float(px_per_inch(pose, middle)) / scale,
        tilt_deg=pose.tilt_deg,
        roll_deg=pose.roll_deg,
        curl_deg_per_in=float(np.degrees(abs(pose.bend_per_in))),
        lux=shot.lux,
        glare=shot.glare,
        defocus_px=max(shot.defocus_px) / scale,
        motion_px=shot.motion_px / scale,
        visible_share=np.array([visible_share(pose, each) for each in printed.picture_corners_in]),
        jpeg_quality=shot.jpeg_quality,
        condition=condition.name,
        screen=printed.screen,
        jpeg_bytes=jpeg.tobytes(),
        pose=pose,
        sensor_scale=scale,
    )


def _aimed_at(printed: Print, aim: int | None) -> NDArray[np.float64]:
    """Return the page rectangle that the reader frames."""
    if aim is not None:
        return np.asarray(printed.picture_corners_in[aim])
    (x0, y0), (x1, y1) = printed.picture_corners_in.min((0, 1)), printed.picture_corners_in.max((0, 1))
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)


def _grid(pose: Pose) -> NDArray[np.float64]:
    """Return the coarse grid's sensor positions, shape (rows, columns, 2), a cell beyond each edge."""
    cells = [-(-side // _GRID_PX) + 2 for side in pose.size_px]
    x, y = np.meshgrid(*((np.arange(count) - 0.5) * _GRID_PX - 0.5 for count in cells))
    return np.stack([x, y], -1)


def _full(coarse: NDArray[np.float64], pose: Pose) -> Plane:
    """Interpolate a plane of the coarse grid to sensor pixels."""
    rows, columns = coarse.shape
    fine = cv2.resize(coarse.astype(np.float32), (columns * _GRID_PX, rows * _GRID_PX))
    width, height = pose.size_px
    return fine[_GRID_PX : _GRID_PX + height, _GRID_PX : _GRID_PX + width].astype(np.float32, copy=False)


def _lighting(
    pose: Pose, printed: Print, shot: Exposure, condition: Condition, rng: np.random.Generator
) -> tuple[Plane, Plane | None]:
    """Return the light on the page (best-lit 1, vignetting included) and the glare, per sensor pixel."""
    grid = _grid(pose)
    page = sensor_to_page(pose, grid)
    unit = (grid - np.array(pose.size_px) / 2) / (np.hypot(*pose.size_px) / 2)
    angle, fall = rng.uniform(0.0, 2 * np.pi), rng.uniform(*condition.light_gradient)
    ramp = unit @ np.array([np.cos(angle), np.sin(angle)])
    light = 1.0 - fall * np.clip((1.0 + ramp) / 2, 0.0, 1.0)
    light *= 1.0 - rng.uniform(0.03, 0.15) * (unit**2).sum(-1)  # What lens-shading correction leaves.
    bend = np.radians(pose.bend_deg)
    arc = (page - pose.bend_origin_in) @ np.array([np.cos(bend), np.sin(bend)])
    light *= 1.0 + 0.35 * rng.choice([-1.0, 1.0]) * np.sin(np.clip(arc * pose.bend_per_in, -1.2, 1.2))
    if rng.random() < condition.shadow_chance:
        angle, depth = rng.uniform(0.0, 2 * np.pi), rng.uniform(0.2, 0.5)
        edge = unit @ np.array([np.cos(angle), np.sin(angle)]) - rng.uniform(0.1, 0.6)
        light *= 1.0 - depth / (1.0 + np.exp(-edge / rng.uniform(0.02, 0.08)))
    light /= light.max()
    if not shot.glare:
        return _full(light, pose), None
    low, high = printed.picture_corners_in.min((0, 1)), printed.picture_corners_in.max((0, 1))
    offset = page - rng.uniform(low, high)
    turn = rng.uniform(0.0, np.pi)
    across = offset @ np.array([np.cos(turn), np.sin(turn)]) / rng.uniform(0.3, 0.9)
    along = offset @ np.array([-np.sin(turn), np.cos(turn)]) / rng.uniform(0.6, 2.0)
    lobe = 0.85 * np.exp(-(across**2 + along**2) / 2) + 0.15 / (1.0 + (across**2 + along**2) / 4)
    return _full(light, pose), _full(shot.glare * lobe, pose)


def _optical_image(printed: Print, pose: Pose, shot: Exposure, rng: np.random.Generator) -> Plane:
    """Return what falls through the lens on the Bayer mosaic, before light: 1 for the perfect diffuser.

    The page is averaged down to the sensor's own resolution where it is nearest, and again for what is
    far, and each is blurred by the defocus of its depth: area sampling, so that the screen's dots are
    filtered as pixels and lenses do and alias only as far as they do in a camera.
    """
    page = sensor_to_page(pose, _grid(pose))
    extent = np.array(printed.reflectance.shape[1::-1]) / PRINT_DPI
    on_page = ((page >= 0) & (page <= extent)).all(-1)
    spacing = _spacing_in(page)
    near, far = np.quantile(spacing[on_page] if on_page.any() else spacing, [0.05, 0.95])
    table = None if on_page.all() else _table(pose, rng)
    page_px = _averaged(printed.reflectance, near)
    nearest = mosaic(through_lens(_view(page, page_px, table, pose, extent), shot.defocus_px[0], shot))
    if far < FLAT_DEPTH * near:
        return nearest
    page_px = _averaged_again(page_px, near / far)
    farthest = mosaic(through_lens(_view(page, page_px, table, pose, extent), shot.defocus_px[1], shot))
    weight = np.clip(np.log(spacing / near) / np.log(far / near), 0.0, 1.0)
    farthest -= nearest
    farthest *= _full(weight, pose)
    nearest += farthest
    return nearest


def _spacing_in(page: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return inches of paper a sensor pixel on the coarse grid: geometric mean over directions."""
    across, down = np.gradient(page, _GRID_PX, axis=1), np.gradient(page, _GRID_PX, axis=0)
    area = np.abs(across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0])
    return np.asarray(np.sqrt(np.maximum(area, 1e-12)))


def _averaged(reflectance: NDArray[np.uint8], spacing_in: float) -> NDArray[np.uint16]:
    """Average the printed page down to pixels of ``spacing_in``."""
    factor = min(1.0 / (spacing_in * PRINT_DPI), 1.0)
    size = tuple(max(2, round(side * factor)) for side in reflectance.shape[1::-1])
    wide = np.multiply(reflectance, 257, dtype=np.uint16)
    return cv2.resize(wide, size, interpolation=cv2.INTER_AREA).astype(np.uint16, copy=False)


def _averaged_again(page_px: NDArray[np.uint16], factor: float) -> NDArray[np.uint16]:
    """Average an averaged page further down."""
    size = tuple(max(2, round(side * factor)) for side in page_px.shape[1::-1])
    return cv2.resize(page_px, size, interpolation=cv2.INTER_AREA).astype(np.uint16, copy=False)


def _view(
    page: NDArray[np.float64],
    page_px: NDArray[np.uint16],
    table: NDArray[np.uint16] | None,
    pose: Pose,
    extent_in: NDArray[np.float64],
) -> NDArray[np.uint16]:
    """Return the averaged page as the pose sees it, the table around it."""
    px_per_in = np.array(page_px.shape[1::-1]) / extent_in
    columns, rows = (_full(page[..., axis] * px_per_in[axis] - 0.5, pose) for axis in (0, 1))
    if table is None:
        view = cv2.remap(page_px, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    else:
        view = cv2.remap(
            page_px, columns, rows, cv2.INTER_LINEAR, dst=table.copy(), borderMode=cv2.BORDER_TRANSPARENT
        )
    return view.astype(np.uint16, copy=False)


def _table(pose: Pose, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return what lies under the page: a wooden or woven surface, its grain soft."""
    width, height = pose.size_px
    base = rng.uniform(0.05, 0.5) * np.array([1.0, rng.uniform(0.75, 1.0), rng.uniform(0.5, 1.0)])
    shape = (int(rng.integers(6, 60)), int(rng.integers(6, 200)))
    grain = 1.0 + 0.12 * rng.standard_normal(shape).astype(np.float32)
    small = cv2.resize(grain, (width // 4, height // 4), interpolation=cv2.INTER_CUBIC)
    tinted = np.clip(small[:, :, None] * base * 65535, 0, 65535).astype(np.uint16)
    return cv2.resize(tinted, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint16, copy=False)
