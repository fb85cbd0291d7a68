"""What code and documents say of each other is true: rules, settings, commands, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from app.cli import cli
from app.core.config import Settings
from app.modules.loyalty.config import LoyaltySettings
from tests.databases import ROOT

_DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_CITED = re.compile(r'product rule "([^"]+)", docs/([a-z]+\.md)')
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def _headings(file: Path) -> set[str]:
    text = _CODE_BLOCK.sub("", file.read_text(encoding="utf-8"))
    return set(re.findall(r"^#+ (.+)$", text, re.MULTILINE))


def _anchor(heading: str) -> str:
    """As GitHub makes it: small letters, no punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _is_broken(file: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (file.parent / path) if path else file
    if not target.exists():
        return True
    return bool(anchor) and anchor not in map(_anchor, _headings(target))


def test_given_rules_cited_in_the_code_when_looked_up_then_each_is_a_heading() -> None:
    cited = {
        (document, rule)
        for source in (ROOT / "app").rglob("*.py")
        for rule, document in _CITED.findall(source.read_text(encoding="utf-8"))
    }
    assert ("rules.md", "Cooldown") in cited
    missing = [
        (document, rule)
        for document, rule in sorted(cited)
        if rule not in _headings(ROOT / "docs" / document)
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("settings", "prefix"), [(Settings, "ORION_"), (LoyaltySettings, "LOYALTY_")]
)
def test_given_the_settings_when_looked_up_then_each_stands_in_the_table_and_no_other(
    settings: type[Settings | LoyaltySettings], prefix: str
) -> None:
    table = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = "".join(re.findall(r"^\| (`.+?) \|", table, re.MULTILINE))
    known = {f"{prefix}{name.upper()}" for name in settings.model_fields}
    assert set(re.findall(rf"{prefix}[A-Z_]+", rows)) == known


def test_given_the_commands_when_looked_up_then_each_is_described() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    group = typer.main.get_command(cli)
    assert isinstance(group, typer.core.TyperGroup)
    names = [
        f"orion {name} {inner}".strip()
        for name, command in group.commands.items()
        for inner in getattr(command, "commands", [""])
    ]
    assert "orion ledger verify" in names
    assert [name for name in names if f"`{name}" not in text] == []


@pytest.mark.parametrize("file", _DOCS, ids=lambda file: str(file.relative_to(ROOT)))
def test_given_a_document_when_its_links_are_followed_then_each_leads_somewhere(
    file: Path,
) -> None:
    links = [link for link in _LINK.findall(file.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if _is_broken(file, link)] == []
