"""Who may import whom: app, cli -> composition -> http | jobs -> services -> models, watermarks.

Read from the source, so that imports inside functions and for type checking count too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ABOVE_ALL = ("app", "o2o.cli", "o2o.composition")
ENTRIES = (*ABOVE_ALL, "o2o.http", "o2o.jobs")

# What a package may not import: what stands above or beside it.
FORBIDDEN = {
    "app": ("o2o.cli", "o2o.http", "o2o.jobs"),
    "o2o.cli": ("app", "o2o.http", "o2o.jobs"),
    "o2o.composition": ("app", "o2o.cli"),
    "o2o.http": (*ABOVE_ALL, "o2o.jobs"),
    "o2o.jobs": (*ABOVE_ALL, "o2o.http"),
    "o2o.services": ENTRIES,
    "o2o.integrations": (*ENTRIES, "o2o.services", "o2o.models", "o2o.db"),
    "o2o.models": (*ENTRIES, "o2o.services", "o2o.integrations", "o2o.settings"),
    "o2o.imaging": (*ENTRIES, "o2o.services", "o2o.integrations", "o2o.models", "o2o.db", "o2o.settings"),
    "o2o.db": (*ENTRIES, "o2o.services", "o2o.integrations", "o2o.models", "o2o.settings"),
    "o2o.settings": (*ENTRIES, "o2o.services", "o2o.integrations", "o2o.models", "o2o.db"),
    "o2o.logs": ("o2o", "app", "watermarks"),
    "o2o.errors": ("o2o", "app", "watermarks"),
    "o2o.files": ("o2o", "app", "watermarks"),
    "o2o.roles": ("o2o", "app", "watermarks"),
    "watermarks": ("o2o", "app"),
    "migrations": ENTRIES,
}

# The codec is a function of its arguments: no files, clock, environment or network in sight.
CODEC_MAY_IMPORT = {
    "__future__",
    "abc",
    "collections",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "hmac",
    "itertools",
    "math",
    "struct",
    "types",
    "typing",
    "cv2",
    "numba",
    "numpy",
    "scipy",
    "watermarks",
}
BASELINES_MAY_IMPORT = CODEC_MAY_IMPORT | {"imwatermark", "importlib", "sys"}  # the last two keep torch out
CODEC_MAY_NOT_NAME = {
    "VideoCapture",
    "VideoWriter",
    "environ",
    "fromfile",
    "getenv",
    "imread",
    "imwrite",
    "loadtxt",
    "memmap",
    "open",
    "print",
    "tofile",
}


def modules_of(package: str) -> list[Path]:
    """The source files of a package, or of the modules that share its name's beginning."""
    path = ROOT.joinpath(*package.split("."))
    if path.is_dir():
        return sorted(path.rglob("*.py"))
    return sorted(path.parent.glob(f"{path.name}*.py"))


def imports_of(path: Path) -> Iterator[str]:
    """Dotted names that a file imports; ``from a import b`` counts as ``a.b``, which may be a module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _name_of(node.func) in {"import_module", "__import__"}:
            name = node.args[0]
            if isinstance(name, ast.Constant):
                yield str(name.value)
            else:  # the command line finds its own commands by name
                assert path == ROOT / "o2o" / "cli" / "__init__.py", f"{path}: imports by name hide the graph"


def _name_of(node: ast.expr) -> str | None:
    """The last part of a name or an attribute."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def is_in(name: str, package: str) -> bool:
    """Whether a dotted name is a package or lies in it."""
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("package", FORBIDDEN)
def test_packages_keep_to_their_side_of_the_graph(package: str) -> None:
    files = modules_of(package)
    assert files, f"{package} is gone: mend this test"
    crossed = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imports_of(path)
        if any(is_in(name, forbidden) for forbidden in FORBIDDEN[package])
    ]
    assert not crossed


def test_every_module_has_its_place_in_the_graph() -> None:
    placed = {path for package in FORBIDDEN for path in modules_of(package)}
    assert {*modules_of("o2o"), ROOT / "app.py"} - placed == {ROOT / "o2o" / "__init__.py"}


def test_the_codec_imports_numbers_and_nothing_else() -> None:
    foreign = [
        f"{path.name} imports {name}"
        for path in modules_of("watermarks")
        for name in imports_of(path)
        if name.split(".")[0]
        not in (BASELINES_MAY_IMPORT if path.name == "baselines.py" else CODEC_MAY_IMPORT)
    ]
    assert not foreign


def test_the_codec_touches_no_file_clock_or_environment() -> None:
    named = [
        f"{path.name}:{node.lineno} names {name}"
        for path in modules_of("watermarks")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Name | ast.Attribute) and (name := _name_of(node)) in CODEC_MAY_NOT_NAME
    ]
    assert not named


def test_only_entry_points_read_the_environment() -> None:
    allowed = {ROOT / "app.py", *modules_of("o2o.cli")}
    files = {ROOT / "app.py", *modules_of("o2o"), *modules_of("watermarks")}
    readers = [
        str(path.relative_to(ROOT))
        for path in files - allowed
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Name | ast.Attribute) and _name_of(node) in {"environ", "getenv"}
    ]
    assert not readers


def test_the_graph_is_seen_through() -> None:
    """The reader of imports finds all their forms."""
    here = set(imports_of(Path(__file__)))
    assert {"ast", "pytest", "collections.abc.Iterator", "pathlib.Path"} <= here
