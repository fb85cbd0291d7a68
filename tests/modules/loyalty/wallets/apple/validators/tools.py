"""Other people's judges of passes: OpenSSL, KDE's reader, and two builders in Node."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

_HERE: Final = Path(__file__).parent
_ROOT: Final = Path(__file__).parents[6]
_KDE: Final = Path("/usr/include/KPim/KPkPass")
_TIMEOUT_S: Final = 120


def openssl_faults(files: Mapping[str, bytes], root: Path, folder: Path) -> str:
    """What OpenSSL has against the signature over the manifest; nothing: it holds."""
    for name in ("manifest.json", "signature"):
        (folder / name).write_bytes(files[name])
    # Any purpose, since OpenSSL knows no passes and takes this for e-mail.
    asked: list[str | Path] = [
        "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", folder / "signature",
        "-content", folder / "manifest.json", "-CAfile", root, "-purpose", "any",
        "-out", "/dev/null",
    ]  # fmt: skip
    done = subprocess.run(asked, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    return "" if done.returncode == 0 else done.stderr


def complaints(passes: Mapping[str, dict[str, Any]]) -> dict[str, list[str]]:
    """What passkit-generator and pass-js have against each pass.json, by its name."""
    node = _ROOT / ".venv/bin/node"
    done = subprocess.run(
        [node if node.exists() else "node", _HERE / "check.mjs"],
        input=orjson.dumps(dict(passes)), capture_output=True, cwd=_ROOT, timeout=_TIMEOUT_S,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, list[str]] = orjson.loads(done.stdout)
    return found


def kde_reads(files: Sequence[Path], *, language: str, cache: pytest.Cache) -> list[Any]:
    """What KDE's reader finds in each pass; None where it finds none."""
    reader = _kde_reader(cache)
    done = subprocess.run(
        [reader, language, *files], capture_output=True, timeout=_TIMEOUT_S, check=True
    )
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def _kde_reader(cache: pytest.Cache) -> Path:
    """The small program around the library, compiled once per version of its source."""
    if not _KDE.is_dir() or shutil.which("g++") is None:
        pytest.skip("KDE's reader of passes is not installed (Debian: libkpimpkpass-dev, g++)")
    source = _HERE / "kpkpass.cpp"
    version = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    program = Path(cache.mkdir("kpkpass")) / version
    if not program.exists():
        _compile(source, program)
    return program


def _compile(source: Path, program: Path) -> None:
    asked = ["g++", "-print-multiarch"]
    machine = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    qt = Path("/usr/include") / machine / "qt5"
    draft = program.with_name(f"{program.name}.{os.getpid()}")
    folders = [argument for part in ("", "QtCore", "QtGui") for argument in ("-isystem", qt / part)]
    subprocess.run(
        [
            "g++", "-fPIC", "-O0", source, "-o", draft, f"-I{_KDE.parent}", *folders,
            "-lKPimPkPass", "-lQt5Gui", "-lQt5Core",
        ],
        capture_output=True, timeout=_TIMEOUT_S, check=True,
    )  # fmt: skip
    draft.replace(program)
