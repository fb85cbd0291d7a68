"""The archive of a pass: what phones check before they open it."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import orjson
import pytest

from app.fakes.keys import AppleChain
from app.modules.loyalty.wallets.apple import package
from app.modules.loyalty.wallets.apple.setup import AppleSetup
from tests.modules.loyalty.wallets.apple.validators.tools import openssl_faults
from tests.modules.loyalty.wallets.apple.views import PICTURES, build, files_of, view


def test_given_a_pass_when_opened_then_every_file_stands_in_the_manifest(
    apple: AppleSetup,
) -> None:
    files = files_of(build(view(), apple))
    manifest = orjson.loads(files["manifest.json"])
    assert set(manifest) == set(files) - {"manifest.json", "signature"}
    for path, digest in manifest.items():
        assert digest == hashlib.sha1(files[path], usedforsecurity=False).hexdigest(), path
    assert {f"icon{scale}.png" for scale in ("", "@2x", "@3x")} <= set(files)
    assert {f"{language}.lproj/pass.strings" for language in ("en", "fr", "de", "lb")} <= set(files)


def test_given_the_same_view_twice_when_packed_then_only_signatures_may_differ(
    apple: AppleSetup,
) -> None:
    one, other = (files_of(build(view(), apple)) for _ in range(2))
    assert list(one) == list(other)
    assert {path for path in one if one[path] != other[path]} <= {"signature"}


def test_given_an_archive_when_listed_then_it_is_stored_with_no_times_and_no_folders(
    apple: AppleSetup,
) -> None:
    with ZipFile(BytesIO(build(view(), apple))) as archive:
        for entry in archive.infolist():
            assert entry.compress_type == ZIP_STORED
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert not entry.is_dir()
        assert archive.namelist()[0] == "pass.json"


def test_given_a_known_digest_when_packed_then_it_is_not_computed_again(apple: AppleSetup) -> None:
    known = {"icon.png": "0" * 40}
    packed = package.pack({"icon.png": PICTURES["icon.png"].content}, apple, sha1=known)
    assert orjson.loads(files_of(packed)["manifest.json"]) == known


@pytest.mark.parametrize("kind", ["stamps", "points", "hybrid"])
def test_given_a_pass_when_openssl_looks_then_signature_and_chain_hold(
    apple: AppleSetup, chain: AppleChain, tmp_path: Path, kind: str
) -> None:
    files = files_of(build(view(kind), apple))
    assert openssl_faults(files, chain.root, tmp_path) == ""


def test_given_one_changed_byte_when_openssl_looks_then_it_says_no(
    apple: AppleSetup, chain: AppleChain, tmp_path: Path
) -> None:
    files = files_of(build(view(), apple))
    files["manifest.json"] = files["manifest.json"].replace(b"icon.png", b"icom.png")
    assert "Verification failure" in openssl_faults(files, chain.root, tmp_path)


def test_given_line_breaks_when_signed_then_exactly_those_bytes_are(
    apple: AppleSetup, chain: AppleChain, tmp_path: Path
) -> None:
    manifest = b'{\n"a": 1\r\n}\n'
    files = {"manifest.json": manifest, "signature": package.sign(manifest, apple)}
    assert openssl_faults(files, chain.root, tmp_path) == ""
