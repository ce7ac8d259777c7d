"""The demo's readers: each uploads a photo and pins what it shows, over the public HTTP API."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import httpx

from o2o.cli.demo_photos import Shot
from o2o.cli.demo_service import DemoFailed


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """What a reader got.

    Attributes
    ----------
    scan : dict
        The answer to the photo.
    pin : dict or None
        The pin, if the photo was read.
    board_path : str
        The page of the reader's board, on the service.
    token : str
        What the reader is known by.
    """

    shot: Shot
    scan: dict[str, Any]
    pin: dict[str, Any] | None
    board_path: str
    token: str


def visit(client: httpx.Client, shot: Shot, creative_id: str) -> Visit:
    """Be a new reader: send the photo, and pin the creative if it was read.

    Raises
    ------
    DemoFailed
        If the service refuses something, or reads an ID that was never printed.
    """
    reader = _checked(client.post("/v1/readers", json={}))
    auth = {"Authorization": f"Bearer {reader['token']}"}
    photo = (shot.name, shot.capture.jpeg_bytes, "image/jpeg")
    scan = _checked(client.post("/v1/scans", headers=auth, files={"photo": photo}))
    strangers = {detection["id"] for detection in scan["detections"]} - {creative_id}
    if strangers:
        raise DemoFailed(f"{shot.name} was misread as {', '.join(strangers)}: please report this as a bug")
    pin = None
    if scan["outcome"] == "read":
        wish = {"scan_id": scan["id"], "creative_id": creative_id, "board_id": reader["board"]["id"]}
        headers = auth | {"Idempotency-Key": secrets.token_urlsafe(16)}
        pin = _checked(client.post("/v1/pins", headers=headers, json=wish))
    return Visit(shot, scan, pin, reader["board"]["url"], reader["token"])


def is_saved(client: httpx.Client, visit: Visit) -> bool:
    """Whether the reader's pin is on the board by now."""
    if visit.pin is None:
        return False
    auth = {"Authorization": f"Bearer {visit.token}"}
    pin = _checked(client.get(f"/v1/pins/{visit.pin['id']}", headers=auth))
    return bool(pin["status"] == "saved")


def _checked(response: httpx.Response) -> dict[str, Any]:
    """Return a success's body."""
    if not response.is_success:
        asked = f"{response.request.method} {response.request.url.path}"
        raise DemoFailed(f"{asked} answered {response.status_code}: {response.text}")
    body: dict[str, Any] = response.json()
    return body
