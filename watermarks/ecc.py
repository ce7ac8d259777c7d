"""Message bits <-> coded bits: a tail-biting convolutional code with soft, list decoding.

Rate 1/4, constraint length 11, generators 2327, 2353, 2671, 3175 (octal; J. G. Proakis, *Digital
Communications*, table of maximum free distance rate 1/4 codes). Tail-biting spends no bits on
termination (Ma & Wolf 1986, doi:10.1109/TCOM.1986.1096498); the decoder is the wrap-around Viterbi
algorithm (Shao, Lin & Fossorier 2003, doi:10.1109/TCOMM.2003.814204), whose survivors that close
on themselves make the list that the keyed check then chooses from.
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
def _branch_signs() -> NDArray[np.float32]:
    """Return the coded signs of every branch, shape (states, 2 inputs, 4), +1 for 0, -1 for 1."""
    registers = (np.arange(_STATES)[:, None] << 1) | np.arange(2)[None, :]
    parity = np.stack([np.bitwise_count(registers & g) & 1 for g in GENERATORS], axis=-1)
    return (1 - 2 * parity.astype(np.int8)).astype(np.float32)


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


def decode(llr: NDArray[np.float64], *, list_size: int = 16) -> list[NDArray[np.uint8]]:
    """Return the likeliest message bits for soft coded bits, best first.

    Parameters
    ----------
    llr : ndarray of float, shape (4 K,)
        Log-likelihood ratios (any positive scale): positive for a coded 0, negative for a 1.
    list_size : int, optional
        How many end states to trace back.

    Returns
    -------
    list of ndarray of uint8, shape (K,)
        At most `list_size` distinct messages; the tail-biting ones come first.
    """
    branch = (
        np.asarray(llr, np.float32).reshape(-1, RATE_INVERSE) @ _branch_signs().reshape(-1, RATE_INVERSE).T
    )
    branch_metric = branch.reshape(len(branch), _STATES, 2)
    metric, decisions = _wrap_around(branch_metric)
    ends = np.argsort(metric)[::-1][:list_size]
    starts, messages = _trace_back(decisions, ends)
    order = np.argsort(starts != ends, kind="stable")
    unique = dict.fromkeys(messages[i].tobytes() for i in order)
    return [np.frombuffer(m, np.uint8) for m in unique]


def _wrap_around(branch_metric: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Run Viterbi round the circular trellis; return end metrics and the last trip's decisions."""
    steps = len(branch_metric)
    decisions = np.empty((steps, 2, _STATES // 2, 2), np.bool_)
    metric = np.zeros(_STATES, np.float32)
    for _ in range(_WRAPS):
        metric = metric - metric.max()
        for t in range(steps):
            # New state (low bits of old, input): its two predecessors differ in their top bit.
            paths = (metric[:, None] + branch_metric[t]).reshape(2, _STATES // 2, 2)
            decisions[t, 0] = paths[1] > paths[0]
            metric = np.maximum(paths[0], paths[1]).reshape(-1)
    return metric, decisions[:, 0].reshape(steps, _STATES)


def _trace_back(
    decisions: NDArray[np.bool_], ends: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Return the start states of the paths to `ends` and the messages along them."""
    state = ends.copy()
    messages = np.empty((len(ends), len(decisions)), np.uint8)
    for t in range(len(decisions) - 1, -1, -1):
        messages[:, t] = state & 1
        state = (state >> 1) | (decisions[t, state].astype(np.intp) << (_MEMORY - 1))
    return state, messages
