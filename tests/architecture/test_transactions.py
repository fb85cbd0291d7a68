"""Who may end a transaction, and who may swallow an error."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import name_of, python_files, tree_of

# The only place where a transaction ends.
ENDS_TRANSACTIONS = {"app/core/db.py"}
# Where an unknown fault becomes an answer: the outermost frame of a request, or of a job.
CATCHES_ALL = {
    "app/core/jobs/loop.py",
    "app/core/web/middleware.py",
    "app/core/web/problem.py",
    "app/modules/loyalty/services/wallet_sync.py",  # a worker's loop: one pass stops no other
}


def endings(file: Path) -> Iterator[int]:
    """Lines that call `.commit()` or `.rollback()`."""
    for node in ast.walk(tree_of(file)):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in ("commit", "rollback"):
            yield called.lineno


def catches(file: Path) -> Iterator[int]:
    """Lines that catch everything without raising it again."""
    for node in ast.walk(tree_of(file)):
        if not isinstance(node, ast.ExceptHandler) or not _is_everything(node.type):
            continue
        if not any(isinstance(part, ast.Raise) for part in ast.walk(node)):
            yield node.lineno


def _is_everything(caught: ast.expr | None) -> bool:
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(
        name is None or (isinstance(name, ast.Name) and name.id in ("Exception", "BaseException"))
        for name in names
    )


def test_given_the_application_when_transactions_end_then_in_one_file_only() -> None:
    found = {name_of(file) for file in python_files("app/**/*.py") if any(endings(file))}
    assert found == ENDS_TRANSACTIONS


def test_given_the_application_when_everything_is_caught_then_at_the_edge_only() -> None:
    found = {name_of(file) for file in python_files("app/**/*.py") if any(catches(file))}
    assert found <= CATCHES_ALL


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ("try:\n    f()\nexcept Exception:\n    pass", True),
        ("try:\n    f()\nexcept (KeyError, BaseException):\n    pass", True),
        ("try:\n    f()\nexcept:\n    pass", True),
        ("try:\n    f()\nexcept Exception:\n    g()\n    raise", False),
        ("try:\n    f()\nexcept KeyError:\n    pass", False),
    ],
)
def test_given_a_handler_when_it_is_looked_for_then_only_silent_ones_are_found(
    tmp_path: Path, source: str, is_found: bool
) -> None:
    file = tmp_path / "some.py"
    file.write_text(source)
    assert bool(list(catches(file))) is is_found


def test_given_a_commit_when_it_is_looked_for_then_it_is_found(tmp_path: Path) -> None:
    file = tmp_path / "some.py"
    file.write_text("def f(db):\n    db.commit()\n")
    assert list(endings(file)) == [2]
