"""What grows beyond its size has become two things."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.architecture.sources import (
    APP,
    body_lines,
    functions_of,
    is_route,
    lines_of,
    name_of,
    python_files,
)

FILES = {
    "app/modules/*/rules/*.py": 120,
    "app/modules/*/services/*.py": 300,
    "app/modules/*/models/*.py": 120,
    "app/**/*.py": 400,
    "tests/**/*.py": 400,
    "bench/**/*.py": 400,
}
ROUTE = 12
FUNCTION = 40
Function = ast.FunctionDef | ast.AsyncFunctionDef
NAMELESS = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


@pytest.mark.parametrize(("pattern", "most"), FILES.items(), ids=list(FILES))
def test_given_a_kind_of_file_when_its_lines_are_counted_then_none_has_too_many(
    pattern: str, most: int
) -> None:
    files = python_files(pattern)
    assert files
    found = {name_of(file): lines_of(file) for file in files if lines_of(file) > most}
    assert found == {}


def too_long(functions: Iterable[tuple[Path, Function]], most: int) -> dict[str, int]:
    lines = {f"{name_of(file)}:{one.name}": body_lines(one) for file, one in functions}
    return {name: count for name, count in lines.items() if count > most}


def test_given_a_route_when_its_lines_are_counted_then_it_only_passes_on() -> None:
    files = python_files("app/modules/*/routes/**/*.py")
    routes = [(file, one) for file in files for one in functions_of(file) if is_route(one)]
    assert len(routes) > 20
    assert too_long(routes, ROUTE) == {}


def test_given_a_function_when_its_lines_are_counted_then_it_can_be_read_at_once() -> None:
    functions = [(file, one) for file in python_files("app/**/*.py") for one in functions_of(file)]
    assert too_long(functions, FUNCTION) == {}


def test_given_a_file_when_it_is_named_then_the_name_says_what_is_in_it() -> None:
    names = [file for file in APP.rglob("*") if file.stem in NAMELESS]
    assert names == []


def test_given_a_long_function_when_it_is_measured_then_the_measure_sees_it(
    tmp_path: Path,
) -> None:
    """The measure can fail."""
    file = tmp_path / "long.py"
    file.write_text('def f(\n    a,\n):\n    """Says\n    what.\n    """\n' + "    a = 1\n" * 13)
    assert [(one.name, body_lines(one), is_route(one)) for one in functions_of(file)] == [
        ("f", 13, False)
    ]
