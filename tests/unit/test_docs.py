"""The documentation tells of everything that is there, and of nothing else."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import typer
from apiflask import APIFlask

from o2o import errors
from o2o.cli import app as commands
from o2o.cli.mark import GREATEST_STRENGTH, LEAST_STRENGTH
from o2o.cli.mark_report import DECODES_DB, Prediction, Report
from o2o.db import Database
from o2o.http import create_app
from o2o.settings import Settings
from watermarks import DRAFT_0, MissReason
from watermarks.blocks import BLOCK, STRIDE
from watermarks.constellation import PX_PER_CHIP
from watermarks.ecc import GENERATORS, RATE_INVERSE
from watermarks.embedder import MIN_HOST_CHIPS, MIN_PX_PER_CHIP
from watermarks.geometry import FOCAL_RATIO
from watermarks.payload import CHECK_BITS, ID_BITS, MESSAGE_BITS, PROFILE_BITS
from watermarks.template import lines

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

SETTING = re.compile(r"\bO2O_[A-Z_]+[A-Z]\b")
LINK = re.compile(r"\]\(([^)\s]+)\)")
SHELL_BLOCK = re.compile(r"^```(?:console|sh)\n(.*?)^```", re.DOTALL | re.MULTILINE)
ASSIGNMENT = re.compile(r"[A-Z][A-Z0-9_]*=")


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def all_commands() -> Mapping[str, Any]:
    """Every command and group by its whole name, ``o2o db upgrade``."""

    def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        yield name, command
        for part, child in getattr(command, "commands", {}).items():
            yield from walk(child, f"{name} {part}")

    return dict(walk(typer.main.get_command(commands), "o2o"))


def options_of(command: Any) -> set[str]:
    return {
        option
        for parameter in command.params
        if parameter.param_type_name == "option"
        for option in (*parameter.opts, *parameter.secondary_opts)
    }


def sections(text: str) -> dict[str, str]:
    """What stands under each heading of the second level."""
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", all_commands())
def test_every_command_is_in_the_reference_with_its_options(name: str) -> None:
    page = text_of(REFERENCE / "cli.md")
    words = name.split()
    section = page if len(words) == 1 else sections(page)[f"`{' '.join(words[:2])}`"]
    assert re.search(rf"`{re.escape(name)}\b", page)
    missing = {
        option for option in options_of(all_commands()[name]) if not re.search(rf"`{option}[` ]", section)
    }
    assert not missing


def test_the_reference_tells_of_no_option_that_is_not_there() -> None:
    told = set(re.findall(r"`(--?[a-z][a-z-]*)[` ]", text_of(REFERENCE / "cli.md")))
    there = set().union(*(options_of(command) for command in all_commands().values())) | {"--help"}
    assert not told - there


def test_every_setting_is_in_the_reference_and_no_other() -> None:
    sources = [ROOT / "app.py", *(ROOT / "o2o").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    there = {name for path in sources for name in SETTING.findall(text_of(path))}
    told = set(re.findall(r"^\| `(O2O_[A-Z_]+)`", text_of(REFERENCE / "settings.md"), re.MULTILINE))
    assert told == there


def test_settings_named_anywhere_are_in_the_reference() -> None:
    told = set(SETTING.findall(text_of(REFERENCE / "settings.md")))
    named = {name for page in PAGES for name in SETTING.findall(text_of(page))}
    assert named <= told


def never_read(*_arguments: object, **_options: object) -> NoReturn:
    raise AssertionError("no photo is read here")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[APIFlask]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"), database_url="sqlite://", watermark_key=bytes(32)
    )
    database = Database(settings.database_url)
    yield create_app(settings, database, read=never_read)
    database.engine.dispose()


def test_every_operation_of_the_api_is_in_the_reference_and_no_other(web: APIFlask) -> None:
    spec = web.spec
    assert isinstance(spec, dict)
    there = {
        f"{method.upper()} {path}"
        for path, operations in spec["paths"].items()
        for method in operations
        if method in {"get", "post", "put", "patch", "delete"}
    }
    pages = {
        "GET " + re.sub(r"<(?:[a-z_]+:)?([a-z_]+)>", r"{\1}", rule.rule)
        for rule in web.url_map.iter_rules()
        if rule.methods and "GET" in rule.methods
    }
    page = text_of(REFERENCE / "http-api.md") + text_of(REFERENCE / "registry-api.md")
    # Headings, list items and table cells; a sentence may name an address besides.
    told = set(re.findall(r"^(?:## |- |\| )`((?:GET|POST|PUT|PATCH|DELETE) [^`]+)`", page, re.MULTILINE))
    assert told == there | pages


def test_every_problem_is_in_the_reference() -> None:
    kinds: list[type[errors.O2oError]] = [errors.O2oError]
    for kind in kinds:
        kinds += [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    rows = text_of(REFERENCE / "http-api.md")
    missing = [k.code for k in kinds if not re.search(rf"^\| `{k.code}` \| {k.status}\b", rows, re.MULTILINE)]
    assert not missing


def test_the_codec_page_has_the_formats_own_numbers() -> None:
    page = text_of(REFERENCE / "codec.md")
    assert f"{MESSAGE_BITS} message bits" in page
    for name, bits in (("profile", PROFILE_BITS), ("ID", ID_BITS), ("check", CHECK_BITS)):
        assert f"| {name} | {bits} |" in page
    assert f"{DRAFT_0.chips_per_inch:g} chips per inch" in page
    assert f"{DRAFT_0.tile_chips} x {DRAFT_0.tile_chips}\nchips" in page
    tile_in = DRAFT_0.tile_chips / DRAFT_0.chips_per_inch
    assert f"{tile_in:.2f} in;" in page
    assert f"cycle per tile is {1 / tile_in:.2f} cycles per inch" in page
    assert f"N = {DRAFT_0.tile_chips}² chips" in page
    assert f"`chips {DRAFT_0.version}` with the profile's version" in page
    least_dpi = MIN_PX_PER_CHIP * DRAFT_0.chips_per_inch
    assert f"{MIN_PX_PER_CHIP:g} px per chip ({least_dpi:g} dpi)" in page
    assert f"{MIN_HOST_CHIPS} chips each way ({MIN_HOST_CHIPS / DRAFT_0.chips_per_inch:.2f} in)" in page
    assert not [reason for reason in MissReason if f"`{reason}`" not in page]


def test_the_format_page_has_the_profiles_numbers() -> None:
    page = text_of(REFERENCE / "format.md")
    tile_in = DRAFT_0.tile_chips / DRAFT_0.chips_per_inch
    side = DRAFT_0.tile_chips
    radii, band = (
        tuple(f"{end:g}" for end in ends) for ends in (DRAFT_0.template_radii, DRAFT_0.message_band)
    )
    rows = {
        "version": f"{DRAFT_0.version}",
        "chips per inch of paper": f"{DRAFT_0.chips_per_inch:g}",
        "tile": f"{side} x {side} chips ({tile_in:.2f} in)",
        "message, coded bits": f"{MESSAGE_BITS}, {RATE_INVERSE * MESSAGE_BITS}",
        "template lines": f"{DRAFT_0.template_lines}, at radii {radii[0]} to {radii[1]} cycles per tile",
        "template's share of the energy": f"{DRAFT_0.template_share:g}",
        "message band, `low` and `high`": f"{band[0]} and {band[1]} cycles per tile",
    }
    assert not [name for name, value in rows.items() if f"| {name} | {value} |" not in page]
    assert f"√{DRAFT_0.template_share:g} template + √{1 - DRAFT_0.template_share:g} message" in page
    assert f"1 / (1 + ({band[0]} / ρ)^6) / (1 + (ρ / {band[1]})^8)" in page
    least_dpi, least_in = MIN_PX_PER_CHIP * DRAFT_0.chips_per_inch, MIN_HOST_CHIPS / DRAFT_0.chips_per_inch
    assert (
        f"{MIN_PX_PER_CHIP:g} px per chip (d >= {least_dpi:g}) and {MIN_HOST_CHIPS} chips ({least_in:.2f} in)"
        in page
    )
    assert "{}, {}, {} and {}, in octal".format(*(f"{generator:o}" for generator in GENERATORS)) in page


def test_the_codec_page_has_the_templates_lines() -> None:
    page = text_of(REFERENCE / "codec.md")
    rows = re.findall(r"^\| \((-?\d+), (-?\d+)\) \| (0\.\d{4}) \|$", page, re.MULTILINE)
    there = lines(DRAFT_0)
    assert [[int(x), int(y)] for x, y, _ in rows] == there.cycles_xy.tolist()
    assert [float(turns) for _, _, turns in rows] == pytest.approx(there.phases / (2 * np.pi), abs=5e-5)
    assert f"{DRAFT_0.template_lines} spectral lines" in page
    assert "angle = π frac(0.1 + i g)" in page


def test_the_codec_page_has_the_readers_own_numbers() -> None:
    page = text_of(REFERENCE / "codec.md")
    assert "{:g} to {:g} px per chip".format(*PX_PER_CHIP) in page
    assert f"({FOCAL_RATIO:g} times the frame's long side" in page
    assert f"Blocks of {BLOCK} chips, {STRIDE} apart" in page
    assert f"real messages decode from about {DECODES_DB:g} dB" in page


def test_the_codec_page_names_every_field_of_a_profile() -> None:
    page = text_of(REFERENCE / "codec.md")
    told = set(re.findall(r"`([a-z_]+)`", page))
    by_value = {"version", "chips_per_inch", "tile_chips"}
    assert {field.name for field in fields(DRAFT_0)} - by_value <= told


def test_how_to_mark_has_the_formats_own_numbers() -> None:
    page = text_of(ROOT / "docs" / "how-to" / "mark-a-picture.md")
    least_in = MIN_HOST_CHIPS / DRAFT_0.chips_per_inch
    assert f"a number from {LEAST_STRENGTH:g} to {GREATEST_STRENGTH:g}," in page
    size = f"{MIN_HOST_CHIPS} chips wide and high: {least_in:.2f} in ({25.4 * least_in:.0f} mm)"
    assert f"{size} at draft profile {DRAFT_0.version}'s {DRAFT_0.chips_per_inch:g} chips" in page
    assert f"{math.ceil(MIN_PX_PER_CHIP * DRAFT_0.chips_per_inch)} dpi is the least" in page


def test_the_reference_has_the_report_of_mark_and_its_range_of_strengths() -> None:
    section = sections(text_of(REFERENCE / "cli.md"))["`o2o mark`"]
    told = set(re.findall(r"`([a-z_0-9]+)`", section))
    assert {field.name for kind in (Report, Prediction) for field in fields(kind)} <= told
    assert f"`auto`, or {LEAST_STRENGTH:g} to {GREATEST_STRENGTH:g}" in section


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall(text_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            dead.append(link)
    assert not dead


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_lists_every_decision() -> None:
    there = {name_of(page) for page in (ROOT / "docs" / "decisions").glob("*.md")}
    assert there <= set(LINK.findall(text_of(ROOT / "README.md")))


def test_a_new_machine_gets_its_database_before_its_first_publisher() -> None:
    """On every page that adds one in an example; a page that only uses it takes it for there."""
    by_page: dict[str, list[str]] = {}
    for page, words in examples():
        by_page.setdefault(page, []).append(" ".join(words[:2]))
    adding = {page: used for page, used in by_page.items() if "publisher add" in used}
    assert "docs/how-to/manage-a-registry.md" in adding
    for page, used in adding.items():
        assert "db upgrade" in used[: used.index("publisher add")], page


def examples() -> Iterator[tuple[str, list[str]]]:
    """Each ``o2o`` command in a shell example, with the page that it is on."""
    for page in PAGES:
        for block in SHELL_BLOCK.findall(text_of(page)):
            lines = block.replace("\\\n", " ").splitlines()
            for line in (*lines, *re.findall(r"\$\((o2o [^)]*)\)", block)):
                words = shlex.split(line.removeprefix("$ "), comments=True)
                while words and ASSIGNMENT.match(words[0]):
                    words.pop(0)
                if words and Path(words[0]).name == "o2o":
                    yield name_of(page), words[1:]


def test_there_are_examples() -> None:
    assert {words[0] for _, words in examples()} >= {"mark", "read", "proof", "serve", "worker", "webhook"}


@pytest.mark.parametrize(("page", "words"), list(examples()), ids=str)
def test_examples_are_commands_that_are_there(page: str, words: list[str]) -> None:
    name = "o2o"
    while words and f"{name} {words[0]}" in all_commands():
        name = f"{name} {words.pop(0)}"
    command = all_commands()[name]
    assert not hasattr(command, "commands"), f"{page}: {name} needs a command"
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert not used - options_of(command)
    required = [set(p.opts) for p in command.params if p.required and p.param_type_name == "option"]
    assert all(names & used for names in required)
