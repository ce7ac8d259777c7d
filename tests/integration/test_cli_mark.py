"""``o2o mark``: the file that comes out is the host's own with a mark that reads."""

from __future__ import annotations

import io
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from typer.testing import CliRunner, Result

from o2o.cli import app, codec
from o2o.cli.mark import GREATEST_STRENGTH, LEAST_STRENGTH
from o2o.cli.mark_report import DECODES_DB, WHAT_HELPS
from o2o.db import Database, upgrade
from o2o.services import creatives, publishers
from o2o.services.creatives import Particulars
from watermarks import Miss, Payload, read, strength
from watermarks.embedder import mark_delta
from watermarks.strength import Choice

KEY = b"a key for tests, 32 bytes long.."
DPI = 150
GIVEN = ("--strength", "2")  # choosing one simulates photos, which takes seconds
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("O2O_WATERMARK_KEY", KEY.decode())
    monkeypatch.setenv("O2O_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("O2O_DATABASE_URL", raising=False)


def photograph() -> Image.Image:
    """A real photograph: 600 x 400 pixels, 4 inches wide at 150 dpi."""
    cat = Image.open(io.BytesIO((files("skimage") / "data" / "chelsea.png").read_bytes()))
    return cat.convert("RGB").resize((600, 400), Image.Resampling.LANCZOS)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    path = tmp_path / "host.png"
    photograph().save(path, dpi=(DPI, DPI), icc_profile=PROFILE)
    return path


def o2o(*arguments: str | Path | int) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_picture_of_two_inches_is_marked_at_300_dpi(tmp_path: Path) -> None:
    """At four pixels a chip only a small plane of the file shows its chips as a search wants them."""
    small, out = tmp_path / "small.png", tmp_path / "marked.png"
    photograph().crop((30, 0, 430, 400)).resize((600, 600)).save(small, dpi=(300, 300))

    marked = o2o("mark", small, "-o", out, "--id", "0x7", "--strength", "3")

    assert marked.exit_code == 0, marked.output
    assert ids_in(out) == {7}


def ids_in(path: Path) -> set[int]:
    found = read(codec.load_host(path.read_bytes()).view, KEY)
    return set() if isinstance(found, Miss) else {detection.payload.id for detection in found}


def test_marks_with_the_id_asked_for_and_says_what_it_did(host: Path, tmp_path: Path) -> None:
    out = tmp_path / "marked.png"
    result = o2o("mark", host, "-o", out, "--id", "0x0123456789ab", *GIVEN, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["id"] == "0x0123456789ab"
    assert (report["file"], report["format"], report["dpi"]) == (str(out), "png", DPI)
    assert (report["width_px"], report["height_px"]) == (600, 400)
    assert report["psnr_db"] > 35
    assert 0 < report["visibility"]["mean"] < report["visibility"]["p99"]
    assert (report["strength"], report["strength_chosen"], report["prediction"]) == (2, False, None)
    assert ids_in(out) == {0x0123456789AB}


def test_a_person_is_told_id_strength_psnr_and_visibility(host: Path, tmp_path: Path) -> None:
    result = o2o("mark", host, "-o", tmp_path / "marked.png", "--id", "0xabc", "--strength", "2.5")
    assert result.exit_code == 0, result.output
    for said in ("0x000000000abc", "2.5 (as given)", "PSNR", "dB", "Delta E"):
        assert said in result.stdout


def test_the_strength_is_chosen_and_its_prospects_told(host: Path, tmp_path: Path) -> None:
    out = tmp_path / "marked.png"
    result = o2o("mark", host, "-o", out, "--id", "0xabc", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["strength_chosen"]
    assert LEAST_STRENGTH < report["strength"] < GREATEST_STRENGTH
    prediction = report["prediction"]
    assert (prediction["suffices"], prediction["advice"]) == (True, None)
    assert prediction["margin_db"] == pytest.approx(prediction["signal_db"] - DECODES_DB, abs=0.11)
    assert prediction["margin_db"] > 0
    again = mark_delta(np.asarray(photograph()), Payload(0xABC), KEY, dpi=DPI, strength=report["strength"])
    with Image.open(out) as marked:
        assert np.abs(np.asarray(photograph()) + again - np.asarray(marked)).max() <= 0.51


@pytest.mark.parametrize(("signal_db", "side"), [(DECODES_DB - 1.7, "below"), (DECODES_DB + 1.7, "above")])
def test_it_says_plainly_when_no_strength_suffices(
    signal_db: float, side: str, host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = Choice(strength=2.0, signal_db=signal_db, suffices=False)
    monkeypatch.setattr(strength, "choose_strength", lambda *_host, **_dpi: choice)
    told = o2o("mark", host, "-o", tmp_path / "told.png")
    assert told.exit_code == 0, told.output
    words = " ".join(told.stdout.split())
    assert "2 (chosen by simulation)" in words
    assert f"1.7 dB {side} what decodes (simulated): too little to count on; {WHAT_HELPS}" in words
    answer = json.loads(o2o("mark", host, "-o", tmp_path / "answered.png", "--json").stdout)
    assert answer["prediction"] == {
        "signal_db": round(signal_db, 1),
        "margin_db": round(signal_db - DECODES_DB, 1),
        "suffices": False,
        "advice": WHAT_HELPS,
    }


@pytest.mark.parametrize("asked", ["nonsense", "0", "-1", "nan", "inf", ""])
def test_a_strength_is_auto_or_a_number_in_range(asked: str, host: Path, tmp_path: Path) -> None:
    result = o2o("mark", host, "-o", tmp_path / "out.png", "--strength", asked)
    assert result.exit_code == 2
    said = " ".join(result.stderr.replace("│", " ").split())
    assert f"--strength is auto or a number from 0.1 to 10, not {asked!r}" in said
    assert not (tmp_path / "out.png").exists()


def test_without_an_id_it_draws_another_each_time(host: Path, tmp_path: Path) -> None:
    drawn = [o2o("mark", host, "-o", tmp_path / f"{n}.png", *GIVEN, "--json").stdout for n in range(2)]
    first, second = (json.loads(said)["id"] for said in drawn)
    assert first != second
    assert ids_in(tmp_path / "0.png") == {int(first, 16)}


def test_marks_with_a_registered_creatives_id(host: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'o2o.sqlite3'}"
    (tmp_path / "data").mkdir()
    upgrade(url)
    creative_id, uuid = _creative(Database(url))
    for ref in (creative_id, uuid):
        out = tmp_path / f"{ref}.png"
        result = o2o("mark", host, "-o", out, "--creative", ref, *GIVEN, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["id"] == creative_id
    missing = o2o("mark", host, "-o", tmp_path / "no.png", "--creative", "0x000000000001")
    assert missing.exit_code == 2
    assert "o2o creative add" in missing.stderr


def _creative(database: Database) -> tuple[str, str]:
    from datetime import UTC, datetime

    now = datetime(2025, 1, 2, tzinfo=UTC)
    with database.begin() as session:
        publisher = publishers.add(session, "Sunday Magazine", now=now)
        creative = creatives.add(
            session, publisher.id, Particulars("Coffee"), draw=lambda _bits: 0xC0FFEE, now=now
        )
        return creatives.format_id(creative.watermark_id), str(creative.id)


def _save(picture: Image.Image, path: Path, **options: Any) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera & Sons"
    exif[0x0112] = 6
    picture.save(path, dpi=(DPI, DPI), exif=exif, **options)


@pytest.mark.parametrize("name", ["rgb.jpg", "cmyk.jpg", "rgb.webp", "rgb.tif", "cmyk.tif", "alpha.png"])
def test_the_hosts_form_and_metadata_are_kept(name: str, tmp_path: Path) -> None:
    host, out = tmp_path / name, tmp_path / f"marked-{name}"
    mode = {"cmyk": "CMYK", "alpha": "RGBA"}.get(name.split(".")[0], "RGB")
    profile = {"icc_profile": PROFILE} if mode in {"RGB", "RGBA"} else {}
    _save(photograph().convert(mode), host, **profile)
    result = o2o("mark", host, "-o", out, "--id", "0x77", "--dpi", DPI, *GIVEN, "--json")
    assert result.exit_code == 0, result.output
    with Image.open(host) as before, Image.open(out) as after:
        assert (after.format, after.mode, after.size) == (before.format, before.mode, before.size)
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
        assert after.info.get("dpi") == before.info.get("dpi")
        assert dict(after.getexif()) == dict(before.getexif()) or name.endswith(".tif")
        assert after.getexif()[0x0112] == 6
    assert ids_in(out) == {0x77}


def test_sixteen_bits_stay_sixteen(tmp_path: Path) -> None:
    host, out = tmp_path / "deep.tif", tmp_path / "marked.tif"
    deep = np.asarray(photograph()).astype(np.uint16) * 257
    tifffile.imwrite(
        host, deep, photometric="rgb", compression="zlib", resolution=(DPI, DPI), resolutionunit=2
    )
    result = o2o("mark", host, "-o", out, "--id", "0x16", *GIVEN, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["dpi"] == DPI
    marked = tifffile.imread(out)
    assert marked.dtype == np.uint16
    assert np.unique(marked % 257).size > 100  # steps finer than 8 bits hold
    assert ids_in(out) == {0x16}


def test_nothing_is_overwritten_without_force(host: Path, tmp_path: Path) -> None:
    before = host.read_bytes()
    refused = o2o("mark", host, "-o", host)
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert host.read_bytes() == before
    assert o2o("mark", host, "-o", host, "--force", "--id", "0x5", *GIVEN).exit_code == 0
    assert ids_in(host) == {5}
    assert [path.name for path in tmp_path.iterdir()] == ["host.png"]


@pytest.mark.parametrize("name", ["marked.jpg", "marked.tif", "marked"])
def test_a_file_does_not_go_by_another_formats_name(name: str, host: Path, tmp_path: Path) -> None:
    result = o2o("mark", host, "-o", tmp_path / name)
    assert result.exit_code == 2
    assert ".png" in result.stderr
    assert not (tmp_path / name).exists()


def test_a_file_too_large_is_refused_before_it_is_read(
    host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, value in (("MAX_BYTES", host.stat().st_size - 1), ("MAX_PIXELS", 600 * 400 - 1)):
        with monkeypatch.context() as patch:
            patch.setattr(codec, limit, value)
            for command in (("mark", host, "-o", tmp_path / "out.png"), ("proof", host)):
                result = o2o(*command)
                assert result.exit_code == 3
                assert f"{value:,}" in result.stderr
                assert "smaller copy" in result.stderr


def test_a_marked_file_is_not_marked_again(host: Path, tmp_path: Path) -> None:
    once, twice = tmp_path / "once.png", tmp_path / "twice.png"
    assert o2o("mark", host, "-o", once, "--id", "0x1", *GIVEN).exit_code == 0
    result = o2o("mark", once, "-o", twice, "--id", "0x2", "--strength", "0.2")
    assert result.exit_code == 1
    assert "0x000000000001" in result.stderr
    assert not twice.exists()


def test_dpi_defaults_to_300_with_a_note(tmp_path: Path) -> None:
    host = tmp_path / "screen.png"
    photograph().resize((1200, 800)).save(host, dpi=(72, 72))
    result = o2o("mark", host, "-o", tmp_path / "marked.png", *GIVEN, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["dpi"] == 300
    assert "72 dpi" in result.stderr
    assert "--dpi" in result.stderr


def test_the_key_comes_from_a_file_or_with_a_warning(
    host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("O2O_WATERMARK_KEY")
    warned = o2o("mark", host, "-o", tmp_path / "a.png", "--id", "0x9", *GIVEN)
    assert warned.exit_code == 0, warned.output
    assert "demonstration key" in warned.stderr
    assert not ids_in(tmp_path / "a.png")
    (tmp_path / "key").write_text(KEY.decode() + "\n")
    quiet = o2o("mark", host, "-o", tmp_path / "b.png", "--id", "0x9", "--key-file", tmp_path / "key", *GIVEN)
    assert quiet.exit_code == 0, quiet.output
    assert not quiet.stderr
    assert ids_in(tmp_path / "b.png") == {9}
    (tmp_path / "key").write_text("short")
    assert o2o("mark", host, "-o", tmp_path / "c.png", "--key-file", tmp_path / "key").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--id", "coffee"],
        ["--id", "12345"],
        ["--id", "0x1234567890abc"],
        ["--id", "0x1", "--creative", "0x1"],
        ["--dpi", "0"],
        ["--nonsense"],
    ],
)
def test_usage_errors_exit_with_2(arguments: list[str], host: Path, tmp_path: Path) -> None:
    assert o2o("mark", host, "-o", tmp_path / "out.png", *arguments).exit_code == 2
    assert not (tmp_path / "out.png").exists()


def test_unreadable_hosts_exit_with_3(host: Path, tmp_path: Path) -> None:
    (tmp_path / "half.png").write_bytes(host.read_bytes()[:5000])
    (tmp_path / "text.jpg").write_text("not a picture")
    for name in ("nowhere.png", "half.png", "text.jpg"):
        result = o2o("mark", tmp_path / name, "-o", tmp_path / "out.png")
        assert result.exit_code == 3, name
        assert "error" in result.stderr
    assert not (tmp_path / "out.png").exists()


@pytest.mark.slow
def test_a_poster_is_read_back_as_a_phone_would_see_it(tmp_path: Path) -> None:
    """All of its 28 inches in one photo would be too far away."""
    host, out = tmp_path / "poster.png", tmp_path / "marked.png"
    photograph().resize((8400, 900), Image.Resampling.BICUBIC).save(host, dpi=(300, 300))
    result = o2o("mark", host, "-o", out, "--id", "0xabc", *GIVEN)
    assert result.exit_code == 0, result.output
    assert out.exists()


def test_a_host_too_small_for_a_mark_is_refused_with_its_size(tmp_path: Path) -> None:
    photograph().resize((90, 60)).save(tmp_path / "small.png")
    result = o2o("mark", tmp_path / "small.png", "-o", tmp_path / "out.png", "--dpi", DPI)
    assert result.exit_code in {1, 2}
    assert " in" in result.stderr


@pytest.mark.parametrize("data", [b"no picture", b"", b"BM and what else a bitmap has"])
def test_a_host_in_no_format_to_mark_is_told_by_name(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "text.jpg").write_bytes(data)
    for arguments in (
        ("mark", tmp_path / "text.jpg", "-o", tmp_path / "a.jpg"),
        ("proof", tmp_path / "text.jpg"),
    ):
        result = o2o(*arguments)
        assert result.exit_code == 3
        assert "text.jpg: this is no picture in a format that can be marked" in result.stderr
        assert "save it as JPEG, PNG, TIFF or WebP" in result.stderr


def test_a_folder_that_is_missing_is_told_before_the_work(tmp_path: Path) -> None:
    out = tmp_path / "nofolder" / "a.png"
    for arguments in (("mark", "unread.png", "-o", out), ("proof", "unread.png", "--sheet", out)):
        result = o2o(*arguments)
        assert result.exit_code == 2
        assert "there is no folder" in " ".join(result.stderr.replace("│", " ").split())


def test_a_key_file_that_is_missing_is_told_in_words(host: Path, tmp_path: Path) -> None:
    result = o2o("mark", host, "-o", tmp_path / "a.png", "--key-file", tmp_path / "nokey")
    assert result.exit_code == 2
    assert "nokey can't be read (No such file or directory)" in result.stderr
    assert "Errno" not in result.stderr
