"""`docs/embedding.md` is a program: its blocks run in order, as a reader would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.databases import ROOT

_GUIDE = ROOT / "docs" / "embedding.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _program() -> str:
    """The guide's Python blocks, each line on the line it has in the guide."""
    text = _GUIDE.read_text(encoding="utf-8")
    lines, done = [], 0
    for block in _BLOCK.finditer(text):
        lines.append("\n" * text.count("\n", done, block.start(1)))
        lines.append(block[1])
        done = block.end(1)
    return "".join(lines)


def _run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "embedding.py"
    file.write_text(program, encoding="utf-8")
    # As in a new project: no settings, so keys are made in var/ below the working directory.
    around = {name: value for name, value in os.environ.items() if not name.startswith("ORION_")}
    return subprocess.run(
        [sys.executable, str(file)],
        cwd=folder,
        env={**around, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_given_the_guide_when_its_blocks_run_in_order_then_every_claim_holds(
    tmp_path: Path,
) -> None:
    done = _run(_program(), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "loyalty.db").exists()


def test_given_a_claim_that_is_wrong_when_the_guide_runs_then_it_fails_at_that_line(
    tmp_path: Path,
) -> None:
    claim = 'assert result["stamp_count"] == 1\n'
    guide = _GUIDE.read_text(encoding="utf-8")
    assert guide.count(claim) == 1
    line = guide[: guide.index(claim)].count("\n") + 1
    done = _run(_program().replace(claim, 'assert result["stamp_count"] == 2\n'), tmp_path)
    assert done.returncode == 1
    assert f'embedding.py", line {line}' in done.stderr


@pytest.mark.parametrize(
    "call",
    [
        "program_service.create_program(\n    db,\n    store_id=",
        "card_service.enroll_customer(db, customer_id=customer.id, store_id=store.id)",
        "stamp_service.add_stamp(\n    db, qr_code=card.qr_code_data, "
        'staff_pin="4826", ip_address="192.0.2.7"',
        "from app.modules.loyalty.schemas import PinCreate, ProgramCreate",
    ],
)
def test_given_the_calls_that_programs_rely_on_when_reading_the_guide_then_they_stand_in_it(
    call: str,
) -> None:
    assert call in _program()
