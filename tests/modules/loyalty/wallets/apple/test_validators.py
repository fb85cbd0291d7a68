"""Every pass, in every state and language, before judges that others wrote."""

from __future__ import annotations

import hashlib
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from PIL import Image

from app.fakes.keys import AppleChain
from app.modules.loyalty.wallets.apple import setup
from app.modules.loyalty.wallets.apple.setup import AppleSetup
from tests.modules.loyalty.wallets.apple.validators.tools import (
    complaints,
    kde_reads,
    openssl_faults,
)
from tests.modules.loyalty.wallets.apple.views import (
    fields_of,
    files_of,
    json_of,
    strings_of,
)

ROOT = Path(__file__).parents[5]
STORE_CARD, QR = 4, 1  # KDE's numbers for them
SCALES = {"": 1, "@2x": 2, "@3x": 3}


def test_given_every_pass_when_other_builders_read_it_then_they_have_nothing_to_say(
    passes: dict[str, bytes],
) -> None:
    found = complaints({name: json_of(packed) for name, packed in passes.items()})
    assert len(found) == len(passes) > 100
    assert {name: said for name, said in found.items() if said} == {}


def test_given_broken_passes_when_other_builders_read_them_then_they_say_so(
    passes: dict[str, bytes],
) -> None:
    code = {"format": "QR", "message": "x", "messageEncoding": "iso-8859-1"}
    faults: list[dict[str, Any]] = [
        {"backgroundColor": "black"},
        {"authenticationToken": "sesame"},
        {"webServiceURL": "http://shop.example"},
        {"barcodes": [code]},
        {"storeCard": {"headerFields": [{"key": "a", "label": "No value"}]}},
    ]
    good = json_of(next(iter(passes.values())))
    found = complaints({str(fault): good | fault for fault in faults})
    assert [name for name, said in found.items() if not said] == []


@pytest.mark.parametrize("language", ["en", "fr", "de", "lb"])
def test_given_every_pass_when_kde_reads_it_then_it_finds_what_we_wrote(
    passes: dict[str, bytes], tmp_path: Path, language: str, pytestconfig: pytest.Config
) -> None:
    assert pytestconfig.cache is not None
    files = [tmp_path / f"{name}.pkpass" for name in passes]
    for file, packed in zip(files, passes.values(), strict=True):
        file.write_bytes(packed)
    readings = kde_reads(files, language=language, cache=pytestconfig.cache)
    for name, packed, reading in zip(passes, passes.values(), readings, strict=True):
        assert reading is not None, name
        compare(reading, packed, language)


def compare(reading: dict[str, Any], packed: bytes, language: str) -> None:
    said, words = json_of(packed), strings_of(packed, language)
    assert (reading["type"], reading["serial"]) == (STORE_CARD, said["serialNumber"])
    assert reading["organization"] == said["organizationName"]
    assert reading["description"] == said["description"]
    # It takes `voided` for a text, and so never finds it.
    assert reading["background"] == "#4f46e5"
    assert all(reading["images"])
    codes = [[QR, *list(code.values())[1:]] for code in said.get("barcodes", [])]
    assert reading["barcodes"] == codes
    fields = fields_of(said)
    assert set(reading["fields"]) == set(fields)
    for key, field in fields.items():
        label, value, change = reading["fields"][key]
        assert label == words.get(field.get("label", ""), "")
        wanted = field.get("attributedValue", field["value"])
        # It leaves the marks of line breaks and quotation marks as they are.
        assert plain(value) == plain(words.get(wanted, wanted)), key
        if "changeMessage" in field:
            assert change.startswith(f"{field['value']} · ")


def plain(text: str) -> str:
    """Without what differs between ways to write the same."""
    text = text.replace("T12:00:00+00:00", "T12:00:00.000Z")
    return text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")


def test_given_every_pass_when_its_flags_are_looked_at_then_none_is_raised(
    passes: dict[str, bytes], apple: AppleSetup
) -> None:
    assert {
        name: flags(packed, apple) for name, packed in passes.items() if flags(packed, apple)
    } == {}


def flags(packed: bytes, apple: AppleSetup) -> list[str]:
    """What validators of passes look for (tomasmcguinness/pkpassvalidator), and all digests."""
    files, said = files_of(packed), json_of(packed)
    subject = {part.oid: part.value for part in apple.signer.subject}
    manifest = orjson.loads(files["manifest.json"])
    checks = {
        "pass type": said["passTypeIdentifier"] == subject[NameOID.USER_ID],
        "pass type form": said["passTypeIdentifier"].startswith("pass."),
        "team": said["teamIdentifier"] == subject[NameOID.ORGANIZATIONAL_UNIT_NAME],
        "serial": len(said["serialNumber"]) >= 16,
        "token": len(said["authenticationToken"]) >= 16,
        "service": bool(re.fullmatch(r"https://[^/]+/api/v1/loyalty/apple", said["webServiceURL"])),
        "names": all(said[key] for key in ("description", "organizationName", "logoText")),
        "style": "storeCard" in said,
        "digests": all(
            hashlib.sha1(files[path], usedforsecurity=False).hexdigest() == digest
            for path, digest in manifest.items()
        ),
        "listed": set(manifest) | {"manifest.json", "signature"} == set(files),
        "icons": all(
            size_of(files, f"icon{mark}") == (29 * n, 29 * n) for mark, n in SCALES.items()
        ),
        "strips": all(
            size_of(files, f"strip{mark}") == (375 * n, 144 * n) for mark, n in SCALES.items()
        ),
    }
    return [name for name, holds in checks.items() if not holds]


def size_of(files: dict[str, bytes], name: str) -> tuple[int, int]:
    with Image.open(BytesIO(files[f"{name}.png"])) as picture:
        assert picture.format == "PNG"
        return picture.size


def test_given_passes_of_each_end_when_openssl_looks_then_each_signature_holds(
    passes: dict[str, bytes], chain: AppleChain, tmp_path: Path
) -> None:
    some = list(passes.items())[:: len(passes) // 8]
    for name, packed in some:
        assert openssl_faults(files_of(packed), chain.root, tmp_path) == "", name


def test_given_apples_own_intermediate_when_its_number_is_read_then_it_is_the_one_we_know() -> None:
    file = ROOT / "node_modules/@walletpass/pass-js/dist/lib/signManifest-forge.js"
    source = file.read_text(encoding="utf-8")
    pem = re.search(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", source, re.DOTALL)
    assert pem is not None
    certificate = x509.load_pem_x509_certificate(pem[0].encode())
    assert certificate.serial_number == setup.APPLE_G4_SERIAL
