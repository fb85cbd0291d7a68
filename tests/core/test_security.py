import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import security
from app.core.security import Keyring, UnknownKey


def test_given_many_tokens_when_made_then_all_differ_and_fit_into_urls() -> None:
    tokens = {security.new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {43}
    assert set("".join(tokens)) <= set(string.ascii_letters + string.digits + "-_")


def test_given_a_token_when_hashed_then_the_hash_is_sha256_in_hex() -> None:
    assert security.hash_token("abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@given(st.text())
def test_given_any_text_when_hashed_as_a_token_then_it_never_fails(text: str) -> None:
    assert len(security.hash_token(text)) == 64


def test_given_two_purposes_when_keys_are_derived_then_they_differ_and_stay() -> None:
    ring = Keyring("material-of-the-operator")
    assert ring.derive("csrf") == ring.derive("csrf")
    assert ring.derive("csrf") != ring.derive("logs")
    assert len(ring.derive("csrf")) == 32
    assert Keyring("other").derive("csrf") != ring.derive("csrf")


def test_given_the_purpose_when_derived_then_it_is_hkdf_expand_as_openssl_has_it() -> None:
    # openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt mode:EXPAND_ONLY \
    #   -kdfopt key:kkkk… -kdfopt info:orion/csrf HKDF
    expected = "948ac6808686d5b7a46cb120bb90b93606a4f474914d3943b2df558c3944df72"
    assert Keyring("k" * 32).derive("csrf").hex() == expected


def test_given_a_rotated_key_when_asked_by_id_then_old_and_new_are_found() -> None:
    old = Keyring("first")
    ring = Keyring("second", ["first"])
    assert ring.current.id != old.current.id
    assert ring[old.current.id].derive("pin") == old.derive("pin")
    assert ring[ring.current.id].derive("pin") == ring.derive("pin")
    assert [key.id for key in ring] == [old.current.id, ring.current.id]


def test_given_a_key_that_is_gone_when_asked_by_id_then_it_is_unknown() -> None:
    with pytest.raises(UnknownKey):
        Keyring("second")["00000000"]


def test_given_a_key_when_printed_then_only_its_id_is_seen() -> None:
    key = Keyring("canary-secret").current
    assert repr(key) == f"Key({key.id})"
    assert len(key.id) == 8


def test_given_a_password_when_hashed_then_it_and_only_it_verifies() -> None:
    stored = security.hash_password("correct horse é")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert security.verify_password(stored, "correct horse é")
    assert not security.verify_password(stored, "correct horse e")
    assert not security.verify_password(stored, "")
    assert not security.needs_rehash(stored)


def test_given_the_same_password_when_hashed_twice_then_the_hashes_differ() -> None:
    assert security.hash_password("same") != security.hash_password("same")


def test_given_a_weaker_hash_when_checked_then_it_asks_for_a_new_one() -> None:
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash("x")
    assert security.needs_rehash(weak)
    assert security.verify_password(weak, "x")


@pytest.mark.parametrize("stored", ["", "no hash at all", "$argon2id$broken"])
def test_given_a_broken_hash_when_verified_then_it_says_no(stored: str) -> None:
    assert not security.verify_password(stored, "anything")


def test_given_no_such_user_when_a_password_is_tried_then_a_hash_is_computed_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []
    verify = security._HASHER.verify

    class Spy:
        def verify(self, stored: str, password: Any) -> Any:
            tried.append(stored)
            return verify(stored, password)

        def hash(self, _password: Any) -> Any:
            return "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA"

    monkeypatch.setattr(security, "_HASHER", Spy())
    assert not security.verify_password(None, "anything")
    assert len(tried) == 1


def test_given_equal_and_unequal_secrets_when_compared_then_the_answer_is_right() -> None:
    assert security.is_equal("é", "é")
    assert not security.is_equal("a", "b")
    assert not security.is_equal("a", "ab")
