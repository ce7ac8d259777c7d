"""What each idea of the codec is worth: read rate and signal without it, on the same prints and photos.

    python -m benchmarks.ablation --images DIR --pictures 8 -n 2

Every variant marks at the strength chosen for the whole codec, and its photos are drawn alike. Signal is
the accumulated one with the pose known, so that it doesn't hang on what was found.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import markdown, plots, running
from benchmarks.marking import Sheet
from benchmarks.pictures import KEY, chance, host_of, payload_of
from benchmarks.variants import VARIANTS, Variant
from watermarks import Miss, Payload, ecc, embed, read
from watermarks.channel import CONDITIONS, Capture, Print, photograph, print_page
from watermarks.payload import to_message_bits

# The codec measures with the pose known where it chooses a strength; it has no public name for that yet.
from watermarks.strength import _signal_db, choose_strength

ASKED_UNDER = ("typical", "hard")

_SHEET = Sheet(qr=False)

Photo = tuple[str, int, str]
"""Which photo it is, of any variant: its picture, repetition and condition."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a variant made of one photo."""

    variant: str
    photo: Photo
    read: bool
    misread: bool
    signal_db: float

    @property
    def condition(self) -> str:
        """The photo's condition."""
        return self.photo[2]


def main(arguments: Sequence[str]) -> int:
    """Run the variants, write the report; exit code 1 after a misread."""
    options = _options(arguments)
    pictures = running.pictures_of(options)
    started = time.perf_counter()
    work = partial(run, repetitions=options.n, seed=options.seed, names=options.variant)
    outcomes: list[Outcome] = []
    for done in running.in_parallel(work, pictures, options.jobs):
        outcomes += done
        print(f"{done[0].photo[0]}: {sum(each.read for each in done)} of {len(done)} reads", flush=True)
    out = options.out or markdown.RESULTS / "ablation.md"
    plot = out.with_suffix(".png")
    _draw(plot, options.variant, outcomes)
    took_s = time.perf_counter() - started
    repeat = markdown.to_repeat("ablation", arguments, options.seed, {"corpus": pictures}, took_s)
    text = report(options.variant, outcomes, plot, len(pictures), options.n)
    markdown.write(out, text + "\n" + repeat)
    print(text, f"\nwritten to {out}")
    return int(any(each.misread for each in outcomes))


def run(picture: Path, *, repetitions: int, seed: int, names: Sequence[str]) -> list[Outcome]:
    """Mark a picture by every variant, then print, photograph and read all of them alike."""
    cv2.setNumThreads(1)
    host = host_of(picture, _SHEET.width_px(0))
    payload = payload_of(seed, picture.name)
    strength = choose_strength(host, payload, KEY, dpi=_SHEET.dpi).strength
    whole = _photos(_marked(host, payload, strength, VARIANTS[0]), picture.name, repetitions, seed)
    outcomes = []
    for variant in VARIANTS:
        if variant.name not in names:
            continue
        photos = whole
        if variant.marks_anew:
            photos = _photos(_marked(host, payload, strength, variant), picture.name, repetitions, seed)
        outcomes += [_outcome(variant, payload, *each) for each in photos]
    return outcomes


def _photos(
    marked: NDArray[np.uint8], name: str, repetitions: int, seed: int
) -> list[tuple[Photo, Print, Capture]]:
    """Print a marked picture some times, and photograph each print under each condition."""
    photos = []
    for repetition in range(repetitions):
        rng = chance(seed, name, repetition)
        page = print_page(marked, dpi=_SHEET.dpi, rng=rng)
        for condition in ASKED_UNDER:
            capture = photograph(page, rng=copy.deepcopy(rng), condition=CONDITIONS[condition])
            photos.append(((name, repetition, condition), page, capture))
    return photos


def _marked(
    host: NDArray[np.uint8], payload: Payload, strength: float, variant: Variant
) -> NDArray[np.uint8]:
    with variant.marking():
        return embed(host, payload, KEY, profile=variant.profile, strength=strength, dpi=_SHEET.dpi)


def _outcome(variant: Variant, payload: Payload, photo: Photo, page: Print, capture: Capture) -> Outcome:
    """Read a photo by a variant, and measure its signal."""
    corner_in = page.picture_corners_in[0, 0]
    size_in = page.picture_corners_in[0, 2] - corner_in
    with variant.reading():
        answer = read(capture.image, KEY)
        coded_bits = ecc.encode(to_message_bits(payload, KEY))
        signal_db = _signal_db(capture, corner_in, size_in, coded_bits, KEY, variant.profile)
    payloads = [] if isinstance(answer, Miss) else [each.payload for each in answer]
    wrong = any(each != payload for each in payloads)
    return Outcome(variant.name, photo, bool(payloads) and not wrong, wrong, signal_db)


def report(names: Sequence[str], outcomes: Sequence[Outcome], plot: Path, pictures: int, n: int) -> str:
    """Return the report but for how to repeat it."""
    whole = {each.photo: each for each in outcomes if each.variant == VARIANTS[0].name}
    rows = []
    for variant in VARIANTS:
        if variant.name not in names:
            continue
        own = [each for each in outcomes if each.variant == variant.name]
        lost = sum(whole[each.photo].read and not each.read for each in own)
        won = sum(each.read and not whole[each.photo].read for each in own)
        change = [each.signal_db - whole[each.photo].signal_db for each in own]
        rows.append(
            (
                variant.name,
                variant.changes,
                *(
                    markdown.rate(sum(each.read for each in under), len(under))
                    for condition in ASKED_UNDER
                    for under in [[each for each in own if each.condition == condition]]
                ),
                f"-{lost} / +{won}",
                f"{np.mean(change):+.1f} dB",
                str(sum(each.misread for each in own)),
            )
        )
    head = ("variant", "changed", *ASKED_UNDER, "photos lost / won", "signal, pose known", "misreads")
    return "\n".join(
        [
            "# What each idea is worth, simulated\n",
            f"The codec without one of its ideas at a time, on {pictures} pictures printed "
            f"{_SHEET.width_in:g} in wide, {n} prints of each and a photo of every print under each "
            "condition. All variants mark at the strength that was chosen for the whole codec, and prints "
            "and photos are drawn alike for all, so that photos lost and won are counted in pairs. Read "
            "rates have their 95 % intervals; signal is the mean change of the accumulated one with the pose "
            "known, which tells what an idea is worth to the message, not to finding it.\n",
            f"![Read rates of the variants]({plot.name})\n",
            markdown.table(head, rows),
        ]
    )


def _draw(path: Path, names: Sequence[str], outcomes: Sequence[Outcome]) -> None:
    """Draw the variants' read rates."""
    series = {
        condition: [
            (
                sum(each.read for each in outcomes if (each.variant, each.condition) == (name, condition)),
                sum((each.variant, each.condition) == (name, condition) for each in outcomes),
            )
            for name in names
        ]
        for condition in ASKED_UNDER
    }
    plots.rate_bars(path, names, series, "The codec without one idea at a time")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    names = [each.name for each in VARIANTS]
    parser = running.parser(__doc__)
    parser.add_argument("--variant", choices=names, action="append", help="beside the whole; repeatable; all")
    parser.add_argument("-n", type=int, default=2, help="prints a picture; 2")
    options = parser.parse_args(arguments)
    chosen = options.variant or names
    options.variant = [name for name in names if name in (names[0], *chosen)]
    return options


if __name__ == "__main__":
    running.hold_to_one_thread()
    sys.exit(main(sys.argv[1:]))
