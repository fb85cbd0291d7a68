"""A pass as a file: what is in it, its manifest, and the signature over that."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from io import BytesIO
from typing import Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import orjson
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    PKCS7Options,
    PKCS7SignatureBuilder,
)

from app.core.i18n import normalise_language
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.types.pictures import PassPicture
from app.modules.loyalty.wallets.apple import content, strings
from app.modules.loyalty.wallets.apple.content import Identity, Unit
from app.modules.loyalty.wallets.apple.setup import AppleSetup
from app.modules.loyalty.wallets.texts import LANGUAGES, pass_texts

MEDIA_TYPE: Final = "application/vnd.apple.pkpass"
# Without Binary line breaks would be rewritten before they are signed. With attributes, since
# the signing time among them keeps installed passes good when the certificate has ended.
_OPTIONS: Final = (PKCS7Options.DetachedSignature, PKCS7Options.Binary)
# The same files give the same archive, save for the signature.
_TIMESTAMP: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o644 << 16


def build_package(
    view: PassView,
    pictures: Mapping[str, PassPicture],
    setup: AppleSetup,
    *,
    authentication_token: str,
    announce: Unit | None = None,
) -> bytes:
    """The signed `.pkpass` of a view, in all languages; `pictures` by their paths in it."""
    who = Identity(
        pass_type_id=setup.pass_type_id,
        team_id=setup.team_id,
        base_url=setup.base_url,
        authentication_token=authentication_token,
    )
    texts = {language: pass_texts(view, language) for language in LANGUAGES}
    own = texts.get(normalise_language(view.language), texts[LANGUAGES[0]])
    said = content.pass_json(view, own, who, announce=announce)
    files = {"pass.json": orjson.dumps(said)}
    for language, words in texts.items():
        files[f"{language}.lproj/pass.strings"] = strings.written(strings.table(view, words))
    files |= {path: picture.content for path, picture in pictures.items()}
    return pack(files, setup, sha1={path: picture.sha1 for path, picture in pictures.items()})


def pack(files: Mapping[str, bytes], setup: AppleSetup, *, sha1: Mapping[str, str]) -> bytes:
    """The `.pkpass` of `files`, by their paths in it.

    `sha1` holds digests (hex) that are known already, by path; the others are computed.
    Apple, Wallet Passes, "Building a Pass": every file but these two stands in the manifest.
    """
    digests = {path: sha1.get(path) or _sha1(content) for path, content in files.items()}
    manifest = orjson.dumps(digests)
    signed = {"manifest.json": manifest, "signature": sign(manifest, setup)}
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        for path, content in (*files.items(), *signed.items()):
            entry = ZipInfo(path, _TIMESTAMP)
            entry.external_attr = _READABLE
            archive.writestr(entry, content)
    return buffer.getvalue()


def sign(manifest: bytes, setup: AppleSetup) -> bytes:
    """The detached signature (CMS, DER) over exactly these bytes, with both certificates."""
    return (
        PKCS7SignatureBuilder()
        .set_data(manifest)
        .add_signer(setup.signer, setup.key, SHA256())
        .add_certificate(setup.intermediate)
        .sign(Encoding.DER, _OPTIONS)
    )


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
