"""Message bits <-> coded bits: a tail-biting convolutional code with soft, list decoding.

Rate 1/4, constraint length 11, generators 2327, 2353, 2671, 3175 (octal; J. G. Proakis, *Digital
Communications*, table of maximum free distance rate 1/4 codes). Tail-biting spends no bits on
termination (Ma & Wolf 1986, doi:10.1109/TCOM.1986.1096498); the decoder is the wrap-around Viterbi
algorithm (Shao, Lin & Fossorier 2003, doi:10.1109/TCOMM.2003.814204), run both ways: the best paths through
its nodes make the list that the keyed check then chooses from.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from watermarks.errors import WatermarkError

CONSTRAINT_LENGTH = 11
GENERATORS = (0o2327, 0o2353, 0o2671, 0o3175)
RATE_INVERSE = len(GENERATORS)

_MEMORY = CONSTRAINT_LENGTH - 1
_STATES = 1 << _MEMORY

# Two trips round the trellis forget the unknown starting state; a third gains nothing measurable.
_WRAPS = 2


@cache
def _branch_signs() -> NDArray[np.float64]:
    """Return the coded signs of every branch, shape (states, 2 inputs, 4), +1 for 0, -1 for 1."""
    registers = (np.arange(_STATES)[:, None] << 1) | np.arange(2)[None, :]
    parity = np.stack([np.bitwise_count(registers & g) & 1 for g in GENERATORS], axis=-1)
    return 1.0 - 2.0 * parity


def encode(message_bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Encode message bits.

    Parameters
    ----------
    message_bits : ndarray of uint8, shape (K,), K >= 11
        Values 0 or 1.

    Returns
    -------
    ndarray of uint8, shape (4 K,)
        The four coded bits of each message bit, in order of time.

    Raises
    ------
    WatermarkError
        If there are fewer message bits than the code's constraint length.
    """
    if len(message_bits) < CONSTRAINT_LENGTH:
        raise WatermarkError(f"the code needs at least {CONSTRAINT_LENGTH} message bits")
    # Bit t's register holds bits t-10 .. t of the circular message, the newest lowest.
    delays = np.stack([np.roll(message_bits, d) for d in range(CONSTRAINT_LENGTH)])
    taps = np.array([[g >> d & 1 for d in range(CONSTRAINT_LENGTH)] for g in GENERATORS])
    return ((taps @ delays.astype(np.int64)) & 1).T.reshape(-1).astype(np.uint8)


def decode(llr: NDArray[np.float64], *, list_size: int = 64) -> list[NDArray[np.uint8]]:
    """Return the likeliest message bits for soft coded bits, best first.

    Parameters
    ----------
    llr : ndarray of float, shape (4 K,)
        Log-likelihood ratios (any positive scale): positive for a coded 0, negative for a 1.
    list_size : int, optional
        The most messages that are returned. With 64 instead of 1, the check finds the right one at
        half a decibel less.

    Returns
    -------
    list of ndarray of uint8, shape (K,)
        Distinct messages.

    Notes
    -----
    Each message is that of the best path through some node of the trellis: what follows the best path but
    for one stretch passes through a node off it (the parallel list Viterbi algorithm finds the same few
    first; Seshadri & Sundberg 1994, doi:10.1109/26.277490).
    """
    scaled = np.asarray(llr, np.float64) / max(float(np.abs(llr).mean()), np.finfo(np.float64).tiny)
    branch = scaled.reshape(-1, RATE_INVERSE) @ _branch_signs().reshape(-1, RATE_INVERSE).T
    branch_metric = branch.reshape(len(branch), _STATES, 2)
    to_here, came_from = _forward(branch_metric)
    from_here, goes_on = _backward(branch_metric)
    through = (to_here + from_here).ravel()
    most = list_size * len(branch)
    best = np.argpartition(through, -most)[-most:] if most < len(through) else np.arange(len(through))
    best = best[np.argsort(through[best])[::-1]]
    # All nodes of one path share its metric, but for rounding.
    kept = best[np.sort(np.unique(np.round(through[best], 6), return_index=True)[1])[:list_size]]
    messages = _paths(came_from, goes_on, times=kept // _STATES, states=kept % _STATES)
    unique = dict.fromkeys(message.tobytes() for message in messages)
    return [np.frombuffer(m, np.uint8) for m in unique]


def _forward(branch_metric: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Run Viterbi round the circular trellis.

    Returns
    -------
    metric : ndarray of float, shape (K, states)
        Of the best path that ends in each state after each step of the last trip.
    came_from : ndarray of bool, shape (K, states)
        The top bit of that path's state before the step.
    """
    metric = np.empty(branch_metric.shape[:2])
    came_from = np.empty(branch_metric.shape[:2], np.bool_)
    last = np.zeros(_STATES)
    for _ in range(_WRAPS):
        last = last - last.max()
        for t, step in enumerate(branch_metric):
            # New state (low bits of old, input): its two predecessors differ in their top bit.
            paths = (last[:, None] + step).reshape(2, _STATES)
            came_from[t] = paths[1] > paths[0]
            last = metric[t] = np.maximum(paths[0], paths[1])
    return metric, came_from


def _backward(branch_metric: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Run Viterbi round the circular trellis against time.

    Returns
    -------
    metric : ndarray of float, shape (K, states)
        Of the best path from each state after each step to the last trip's end.
    goes_on : ndarray of bool, shape (K, states)
        The next input along that path; the last row is of no use.
    """
    metric = np.empty(branch_metric.shape[:2])
    goes_on = np.zeros(branch_metric.shape[:2], np.bool_)
    first = np.zeros(_STATES)
    for _ in range(_WRAPS):
        first = first - first.max()
        for t in range(len(branch_metric) - 1, -1, -1):
            metric[t] = first
            # From a state, an input leads to the state (low bits of it, input).
            paths = branch_metric[t] + np.tile(first.reshape(_STATES // 2, 2), (2, 1))
            goes_on[t - 1] = paths[:, 1] > paths[:, 0]
            first = paths.max(axis=1)
    return metric, goes_on


def _paths(
    came_from: NDArray[np.bool_],
    goes_on: NDArray[np.bool_],
    *,
    times: NDArray[np.intp],
    states: NDArray[np.intp],
) -> NDArray[np.uint8]:
    """Return the messages of the best paths through nodes (a state after the step of a time)."""
    steps = len(came_from)
    messages = np.empty((len(times), steps), np.uint8)
    state = states.copy()
    for t in range(steps - 1, -1, -1):
        at = times >= t
        messages[at, t] = state[at] & 1
        state[at] = (state[at] >> 1) | (came_from[t, state[at]].astype(np.intp) << (_MEMORY - 1))
    state = states.copy()
    for t in range(1, steps):
        at = times < t
        messages[at, t] = goes_on[t - 1, state[at]]
        state[at] = (state[at] << 1 & (_STATES - 1)) | messages[at, t]
    return messages
