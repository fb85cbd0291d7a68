"""Tokens, keys and passwords. (PINs have their own rules, in the module that owns them.)"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_TOKEN_BYTES = 32
# OWASP password storage: Argon2id with 19 MiB, 2 passes, 1 lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Each hash takes a core for some 80 ms: no more at once than there are cores.
_HASHING = threading.BoundedSemaphore(os.cpu_count() or 1)


def new_token() -> str:
    """A secret of 256 random bits, safe in URLs, cookies and headers (43 characters)."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hash_token(token: str) -> str:
    """What is stored of a token: SHA-256 as 64 hex digits. Enough, since tokens are random."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_equal(one: str, other: str) -> bool:
    """Compare two secrets in a time that does not tell where they differ."""
    return hmac.compare_digest(
        one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    )


class UnknownKey(LookupError):
    """Something was made with a key that is no longer configured."""


class Key:
    """One secret of the operator, known by an id that may be stored beside what it made."""

    def __init__(self, material: str) -> None:
        self._material = material.encode()
        self._derived: dict[str, bytes] = {}
        self.id = hashlib.sha256(self._material).hexdigest()[:8]

    def __repr__(self) -> str:
        return f"Key({self.id})"

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose: no key serves two (HKDF-Expand, RFC 5869, one block)."""
        if purpose not in self._derived:
            info = f"orion/{purpose}".encode() + b"\x01"
            self._derived[purpose] = hmac.digest(self._material, info, "sha256")
        return self._derived[purpose]


class Keyring:
    """The key in use and the old ones that may still have to be understood."""

    def __init__(self, current: str, old: Iterable[str] = ()) -> None:
        self.current = Key(current)
        self._by_id = {key.id: key for key in (*map(Key, old), self.current)}

    def __getitem__(self, key_id: str) -> Key:
        """The key with this id.

        Raises:
            UnknownKey: it is neither the current nor an old one.
        """
        try:
            return self._by_id[key_id]
        except KeyError:
            raise UnknownKey(key_id) from None

    def __iter__(self) -> Iterator[Key]:
        return iter(self._by_id.values())

    def derive(self, purpose: str) -> bytes:
        """As `Key.derive`, with the current key."""
        return self.current.derive(purpose)


def hash_password(password: str) -> str:
    """Argon2id of a password, with its parameters and salt in the text."""
    with _HASHING:
        return _HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Is this the password? `stored` None (no such user) takes as long and says no."""
    with _HASHING:
        try:
            _HASHER.verify(stored or _nobodys_hash(), password)
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def needs_rehash(stored: str) -> bool:
    """True when the hash was made with other costs than today's."""
    return _HASHER.check_needs_rehash(stored)


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash(new_token())
