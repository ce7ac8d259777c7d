"""How long one core takes to read, to miss and to mark, each beside decoding the same JPEG and the peers.

    python -m benchmarks.speed --images DIR --pictures 3 --rounds 5

Times are medians. Each is taken right after decoding the photo's JPEG with OpenCV, and their ratio is
that of the pair: a machine that others share is slow for both. One process does it all, whatever ``--jobs``
says.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from benchmarks import markdown, running
from benchmarks.marking import OURS, Marked, Sheet, mark
from benchmarks.pictures import KEY, chance, host_of, payload_of
from benchmarks.process_cost import import_s, peak_read_mb
from benchmarks.qr_control import read_by_opencv, read_by_zxing
from benchmarks.trials import page_of
from watermarks import Miss, baselines, embed, read
from watermarks.channel import CONDITIONS, Capture, photograph
from watermarks.strength import choose_strength

FULL_PX = (4000, 3000)
"""A phone's photo of 12 megapixels ..."""
FRAME_PX = (1280, 720)
"""... and a frame of its preview."""

# What issue 3 asks for, in the units of the table's last columns.
READ_RATIO, MISS_RATIO, FRAME_MS = 3.0, 5.0, 60.0
MARK_S_PER_MP, PEAK_MB, IMPORT_S = 0.15, 350.0, 0.4

_SHEET = Sheet()


@dataclass(frozen=True, slots=True)
class Timing:
    """Some runs of one piece of work.

    Attributes
    ----------
    work, on : str
        What was done, and to what.
    seconds : tuple of float
        One a run.
    decode_s : tuple of float
        What decoding the same photo's JPEG took right before, one a run; empty where there is no photo.
    outcome : str
        What came of it, as counts.
    target : str
        What issue 3 asks for; empty if nothing.
    """

    work: str
    on: str
    seconds: tuple[float, ...]
    decode_s: tuple[float, ...] = ()
    outcome: str = ""
    target: str = ""

    @property
    def ratio(self) -> float | None:
        """The median ratio to the decoding beside it."""
        pairs = zip(self.seconds, self.decode_s, strict=bool(self.decode_s))
        return median(own / decoding for own, decoding in pairs) if self.decode_s else None


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A picture's photos: of its marked print, and of its unmarked one."""

    marked: Marked
    full: Capture
    frame: Capture
    unmarked: Capture


def main(arguments: Sequence[str]) -> int:
    """Measure and write the report."""
    options = _options(arguments)
    pictures = running.pictures_of(options)
    started = time.perf_counter()
    cv2.setNumThreads(1)
    subjects = [_subject(path, options.seed) for path in pictures]
    timings = [*reading(subjects, options.rounds), *marking(pictures, options)]
    first = subjects[0]
    peaks_mb = {"read": _peak_mb(first.full), "missed, unmarked": _peak_mb(first.unmarked)}
    import_times = tuple(import_s() for _ in range(options.rounds))
    timings.append(Timing("`import watermarks`", "", import_times, target=f"≤ {IMPORT_S:g} s"))
    took_s = time.perf_counter() - started
    repeat = markdown.to_repeat("speed", arguments, options.seed, {"corpus": pictures}, took_s)
    out = options.out or markdown.RESULTS / "speed.md"
    text = report(timings, peaks_mb, len(pictures), options.rounds)
    markdown.write(out, text + "\n" + repeat)
    print(text, f"\nwritten to {out}")
    return 0


def report(timings: Sequence[Timing], peaks_mb: Mapping[str, float], pictures: int, rounds: int) -> str:
    """Return the report but for how to repeat it."""
    rows = []
    for each in timings:
        low, high = np.quantile(each.seconds, [0.25, 0.75])
        ratio = f"{each.ratio:.2f}x" if each.ratio is not None else "–"
        spread = f"{1000 * low:.0f}-{1000 * high:.0f}"
        middle = f"{1000 * median(each.seconds):.0f} ms"
        rows.append((each.work, each.on, middle, spread, ratio, each.target or "–", each.outcome or "–"))
    head = ("work", "on", "median", "quartiles, ms", "to decoding the JPEG", "asked for", "came to")
    memory = ", ".join(f"{peak:.0f} MB {work}" for work, peak in peaks_mb.items())
    return "\n".join(
        [
            "# Speed, one core\n",
            f"Photos simulated by `watermarks/channel.py`, of {pictures} pictures; each piece of work "
            f"{rounds} times a photo. OpenCV and the numerical libraries are held to one thread. A read's "
            "time is without decoding the photo, whose own time is its yardstick; ratios are medians over "
            "pairs taken one after the other.\n",
            markdown.table(head, rows),
            f"Peak memory over the idle process, of a 12 MP photo, itself included: {memory} "
            f"(asked for: ≤ {PEAK_MB:g} MB).\n",
        ]
    )


def reading(subjects: Sequence[Subject], rounds: int) -> list[Timing]:
    """Time all readers on the subjects' photos."""
    full = [each.full for each in subjects]
    frames = [each.frame for each in subjects]
    unmarked = [each.unmarked for each in subjects]
    photo = f"{FULL_PX[0] * FULL_PX[1] / 1e6:.0f} MP, easy"
    frame = f"{FRAME_PX[0]} px, easy"
    blank = f"{FULL_PX[0] * FULL_PX[1] / 1e6:.0f} MP, unmarked"
    timings = [
        _timed("read", photo, _read, full, rounds, f"≤ {READ_RATIO:g}x"),
        _timed("miss", blank, _read, unmarked, rounds, f"≤ {MISS_RATIO:g}x"),
        _timed("read", frame, _read, frames, rounds, f"≤ {FRAME_MS:g} ms"),
        _timed("QR by zxing-cpp", photo, _zxing, full, rounds),
        _timed("QR by zxing-cpp", blank, _zxing, unmarked, rounds),
        _timed("QR by zxing-cpp", frame, _zxing, frames, rounds),
        _timed("QR by OpenCV", photo, _opencv, full, rounds),
        _timed("QR by OpenCV", frame, _opencv, frames, rounds),
    ]
    sizes = {id(each.full): each.marked.size_px for each in subjects}
    for method in baselines.METHODS:

        def peer(capture: Capture, method: baselines.Method = method) -> str:
            corners_xy = capture.picture_corners_xy[0]
            baselines.read_bits(
                capture.image, method=method, corners_xy=corners_xy, size_px=sizes[id(capture)]
            )
            return ""

        timings.append(_timed(f"imwatermark {method}, true corners given", photo, peer, full, rounds))
    return timings


def marking(pictures: Sequence[Path], options: argparse.Namespace) -> list[Timing]:
    """Time marking, a megapixel, and the choice of the strength, a picture."""
    work: dict[str, list[float]] = {}
    for path in pictures:
        host = host_of(path, _SHEET.width_px(0))
        payload = payload_of(options.seed, path.name)
        megapixels = host.shape[0] * host.shape[1] / 1e6
        for _ in range(options.rounds):
            started = time.perf_counter()
            embed(host, payload, KEY, dpi=_SHEET.dpi)
            work.setdefault("mark, strength given", []).append((time.perf_counter() - started) / megapixels)
            for method in baselines.METHODS:
                started = time.perf_counter()
                baselines.embed(host, payload, KEY, method=method)
                took_s = (time.perf_counter() - started) / megapixels
                work.setdefault(f"mark, imwatermark {method}", []).append(took_s)
        started = time.perf_counter()
        choose_strength(host, payload, KEY, dpi=_SHEET.dpi)
        work.setdefault("choose the strength", []).append(time.perf_counter() - started)
    asked = {"mark, strength given": f"≤ {1000 * MARK_S_PER_MP:.0f} ms"}
    on = {"choose the strength": f"a picture {_SHEET.width_in:g} in wide"}
    return [
        Timing(name, on.get(name, "a megapixel"), tuple(seconds), target=asked.get(name, ""))
        for name, seconds in work.items()
    ]


def _timed(
    work: str,
    on: str,
    do: Callable[[Capture], str],
    captures: Sequence[Capture],
    rounds: int,
    target: str = "",
) -> Timing:
    """Do something to each photo some times, decoding its JPEG before each."""
    seconds, decode_s = [], []
    outcomes: dict[str, int] = {}
    for capture in captures:
        file = np.frombuffer(capture.jpeg_bytes, np.uint8)
        for _ in range(rounds):
            started = time.perf_counter()
            cv2.imdecode(file, cv2.IMREAD_COLOR_RGB)
            decoded = time.perf_counter()
            outcome = do(capture)
            seconds.append(time.perf_counter() - decoded)
            decode_s.append(decoded - started)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    came_to = ", ".join(f"{count} {name}" for name, count in outcomes.items() if name)
    return Timing(work, on, tuple(seconds), tuple(decode_s), came_to, target)


def _peak_mb(capture: Capture) -> float:
    """Return how much memory a process of its own takes to read a photo."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        photo.write_bytes(capture.jpeg_bytes)
        return peak_read_mb(photo, KEY)


def _read(capture: Capture) -> str:
    answer = read(capture.image, KEY)
    return f"missed ({answer.reason})" if isinstance(answer, Miss) else "read"


def _zxing(capture: Capture) -> str:
    return "read" if read_by_zxing(capture.image) else "missed"


def _opencv(capture: Capture) -> str:
    return "read" if read_by_opencv(capture.image) else "missed"


def _subject(path: Path, seed: int) -> Subject:
    """Print a picture, marked and unmarked, and photograph it from near in good light."""
    marked = mark(path, _SHEET, OURS, None, seed)
    host = host_of(path, _SHEET.width_px(0))
    captures = []
    for each, frame in ((marked, FULL_PX), (marked, FRAME_PX), (replace(marked, picture=host), FULL_PX)):
        rng = chance(seed, path.name, 0)
        page = page_of([each], _SHEET, rng)
        condition = replace(CONDITIONS["easy"], frames_px=(frame,))
        captures.append(photograph(page, rng=rng, condition=condition, aim=0))
    return Subject(marked, *captures)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = running.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed, a picture; 5")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    running.hold_to_one_thread()
    sys.exit(main(sys.argv[1:]))
