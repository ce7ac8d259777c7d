"""The payload of a mark: message bits <-> fields.

A message is ``profile (4 bits) | id (48 bits) | check (40 bits)``, most significant bit first.
The check is HMAC-SHA256 (RFC 2104, FIPS 198-1) of the profile and the ID under a key derived
from the deployment's watermark key, cut to its first 40 bits: without the key a payload can
be neither recognised nor forged.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watermarks.errors import WatermarkError

PROFILE_BITS = 4
ID_BITS = 48
CHECK_BITS = 40
MESSAGE_BITS = PROFILE_BITS + ID_BITS + CHECK_BITS

MIN_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Payload:
    """What a mark carries.

    Parameters
    ----------
    id : int
        The creative's ID, in ``[0, 2**48)``.
    profile : int, optional
        The version of the published format, in ``[0, 16)``.

    Raises
    ------
    WatermarkError
        If a field is out of its range.
    """

    id: int
    profile: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.id < 1 << ID_BITS:
            raise WatermarkError(f"an ID has {ID_BITS} bits: 0x0 to 0x{(1 << ID_BITS) - 1:x}")
        if not 0 <= self.profile < 1 << PROFILE_BITS:
            raise WatermarkError(f"a profile has {PROFILE_BITS} bits: 0 to 15")


def derive_key(key: bytes, purpose: str) -> bytes:
    """Derive the 32-byte subkey for one purpose from the watermark key.

    One HMAC step per purpose, as in HKDF-Expand (RFC 5869): chips and check never share a key.

    Raises
    ------
    WatermarkError
        If ``key`` is shorter than 16 bytes.
    """
    if len(key) < MIN_KEY_BYTES:
        raise WatermarkError(f"a watermark key has at least {MIN_KEY_BYTES} bytes, not {len(key)}")
    return hmac.new(key, b"print-to-pin " + purpose.encode("ascii") + b"\x01", hashlib.sha256).digest()


def check_value(payload: Payload, key: bytes) -> int:
    """Return the 40-bit keyed check of a payload."""
    fields = bytes([payload.profile]) + payload.id.to_bytes(ID_BITS // 8, "big")
    digest = hmac.new(derive_key(key, "check"), fields, hashlib.sha256).digest()
    return int.from_bytes(digest[: CHECK_BITS // 8], "big")


def to_message_bits(payload: Payload, key: bytes) -> NDArray[np.uint8]:
    """Return the message bits of a payload, shape (92,), values 0 or 1."""
    message = (payload.profile << ID_BITS | payload.id) << CHECK_BITS | check_value(payload, key)
    return np.array([message >> i & 1 for i in reversed(range(MESSAGE_BITS))], np.uint8)


def from_message_bits(bits: NDArray[np.uint8], key: bytes) -> Payload | None:
    """Return the payload that message bits spell, or None if its keyed check disagrees."""
    if bits.shape != (MESSAGE_BITS,):
        raise WatermarkError(f"a message has {MESSAGE_BITS} bits, not {bits.shape}")
    message = int("".join("1" if bit else "0" for bit in bits), 2)
    fields = message >> CHECK_BITS
    payload = Payload(id=fields & (1 << ID_BITS) - 1, profile=fields >> ID_BITS)
    check = message & (1 << CHECK_BITS) - 1
    matches = hmac.compare_digest(
        check.to_bytes(CHECK_BITS // 8, "big"),
        check_value(payload, key).to_bytes(CHECK_BITS // 8, "big"),
    )
    return payload if matches else None
