"""Make the golden registry file: ``python -m tests.golden.make_registry``, from the repository's root.

Made once for a version of the format and never again: what was exported must be read for ever.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from PIL import Image

from o2o.integrations import registry_file
from o2o.models import Destination
from o2o.services import exports
from o2o.services.registry_format import FIELDS, HEADER

GOLDEN = Path(__file__).parent
AT = "2026-05-01T08:00:00+00:00"
LATER = "2026-06-01T08:00:00.250000+00:00"


def _id(number: int) -> str:
    return str(UUID(int=number))


def _destination(number: int, title: str, **more: Any) -> dict[str, Any]:
    content: dict[str, Any] = {
        "title": title, "state": "live", "starts_at": None, "ends_at": None, "description": "",
        "link": f"https://goodfood.example/{number}", "images": [], "alt_text": "", "price_amount": None,
        "price_currency": None, "call_to_action": "", "master_pin": None, "locale": None,
    } | more  # fmt: skip
    own = {"id": _id(number), "version": 1, "created_at": AT, "updated_at": AT}
    first = {"version": 1, "content": content, "changed_by": "Ada (key web shop)", "changed_at": AT}
    return {name: (content | own)[name] for name in FIELDS[Destination]} | {"history": [first]}


def _creative(number: int, title: str, **more: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "kind": "creative", "id": _id(number), "watermark_id": f"0x{number:012x}", "campaign_id": _id(2),
        "title": title, "page": None, "print_width_in": None, "print_height_in": None, "fingerprint": None,
        "picture": None, "thumbnail": None, "version": 1, "created_at": AT, "updated_at": AT,
        "withdrawn_at": None, "destinations": [], "rules": [],
    }  # fmt: skip
    return record | more


def picture() -> bytes:
    """A picture as media folders have them."""
    encoded = io.BytesIO()
    Image.new("RGB", (16, 12), (250, 220, 90)).save(encoded, "JPEG")
    return encoded.getvalue()


def records(picture_name: str) -> list[dict[str, Any]]:
    """Return a registry with something of everything."""
    tart = _destination(
        0xD1, "Lemon tart", description="Mit Zitrone, für „alle“ 🍋", images=[picture_name],
        price_amount="12.50", price_currency="EUR", locale="de-AT", master_pin="42",
    )  # fmt: skip
    tart |= {"version": 2, "updated_at": LATER, "alt_text": "A tart"}
    second = {name: tart[name] for name in tart["history"][0]["content"]}
    tart["history"].append(
        {"version": 2, "content": second, "changed_by": "the command line", "changed_at": LATER}
    )
    phone = _destination(
        0xD2, "On an iPhone", state="live", starts_at=AT, ends_at="2099-01-01T00:00:00+00:00"
    )
    rule = {
        "destination_id": _id(0xD2), "since": AT, "until": None, "countries": ["AT", "DE"],
        "languages": ["de"], "devices": ["ios"], "min_scans": 0, "max_scans": 1000, "share_percent": 100,
    }  # fmt: skip
    return [
        dict(HEADER),
        {
            "kind": "publisher", "id": _id(1), "name": "Good Food", "keep_photos_days": None, "version": 1,
            "created_at": AT, "updated_at": AT, "fallback": _destination(0xF1, "Our magazine"),
        },
        {
            "kind": "campaign", "id": _id(2), "title": "May", "page_count": 100, "on_sale_on": "2026-05-01",
            "off_sale_on": "2026-05-31", "version": 3, "created_at": AT, "updated_at": LATER,
            "fallback": _destination(0xF2, "All of May"),
        },
        _creative(
            0xC1, "Lemon tart", page=7, print_width_in=8.5, print_height_in=0.1, picture=picture_name,
            fingerprint="0123456789abcdef", destinations=[tart, phone], rules=[rule], version=4,
            updated_at=LATER,
        ),
        _creative(0xC2, "Withdrawn", withdrawn_at=LATER, destinations=[_destination(0xD3, "Gone")]),
        _creative(0xC3, "Alone", campaign_id=None, destinations=[_destination(0xD4, "Draft", state="draft")]),
    ]  # fmt: skip


def main() -> None:
    """Write the golden files."""
    data = picture()
    name = f"{hashlib.sha256(data).hexdigest()}.jpg"
    with tempfile.TemporaryDirectory() as folder, (GOLDEN / "registry-1.zip").open("wb") as file:
        (Path(folder) / name).write_bytes(data)
        registry_file.write(file, records(name), exports.pictures_of, Path(folder))
    lines = b"".join(registry_file.line_of(record) for record in records(name))
    (GOLDEN / "registry-1.jsonl").write_bytes(lines)


if __name__ == "__main__":
    main()
