"""A simulated iPhone: it holds passes, listens to pushes, and says what a lock screen would say."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx2
from cryptography import x509

from app.fakes.pkpass import BadPass, PassFile, open_pass

LANGUAGES: Final = ("en", "fr", "de", "lb")
MEDIA_TYPE: Final = "application/vnd.apple.pkpass"
_MOST_NOTES: Final = 20
# iOS says this where no field, or more than one, has words for its change.
_CHANGED: Final = {
    "en": "The pass was updated.",
    "fr": "La carte a été mise à jour.",
    "de": "Die Karte wurde aktualisiert.",
    "lb": "D\u2019Kaart gouf aktualiséiert.",
}


class Refused(Exception):
    """The phone did not take it, or the platform did not answer as Apple demands."""


@dataclass
class HeldPass:
    """A pass on the phone. `last_modified` is what it came with."""

    file: PassFile
    last_modified: str | None
    is_registered: bool = False


@dataclass(frozen=True)
class Note:
    """A line on the lock screen."""

    serial: str
    title: str
    text: str
    at: datetime


@dataclass
class Phone:
    """What is on the phone; `version` rises with all that can be seen.

    Only addresses on this machine are asked. Some phones register under several `device_ids`.
    """

    root: x509.Certificate
    client: httpx2.Client
    device_ids: tuple[str, ...] = field(default_factory=lambda: (secrets.token_hex(16),))
    push_token: str = field(default_factory=lambda: secrets.token_hex(32))
    language: str = "en"
    takes_updates: bool = True
    passes: dict[str, HeldPass] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    version: int = 0
    _turn: threading.RLock = field(default_factory=threading.RLock)

    def add(self, url: str) -> str:
        """Fetch a pass, put it into the wallet and register it; its serial number.

        Raises:
            BadPass, Refused.
        """
        answer = self._ask("GET", url, {})
        if answer.status_code != 200 or _type(answer) != MEDIA_TYPE:
            raise Refused(f"there is no pass: {answer.status_code} {_type(answer)}")
        opened = open_pass(answer.content, root=self.root)
        with self._turn:
            self.passes[opened.serial] = HeldPass(opened, answer.headers.get("last-modified"))
            self._register(opened.serial)
            self.version += 1
        return opened.serial

    def remove(self, serial: str) -> None:
        """Throw a pass away."""
        with self._turn:
            if held := self.passes.pop(serial, None):
                self._unregister(held)
                self.version += 1

    def set_updates(self, *, on: bool) -> None:
        """Turn the automatic updates of all passes on or off."""
        with self._turn:
            self.takes_updates = on
            for serial, held in self.passes.items():
                if on:
                    self._register(serial)
                else:
                    self._unregister(held)
            self.version += 1

    def set_language(self, language: str) -> None:
        """What the phone speaks from now on."""
        with self._turn:
            self.language = language if language in LANGUAGES else "en"
            self.version += 1

    def new_token(self) -> None:
        """As after a restore: another push token, and every pass registered again."""
        with self._turn:
            self.push_token = secrets.token_hex(32)
            for serial in self.passes:
                self._register(serial)
            self.version += 1

    def hear_push(self, token: str) -> None:
        """Apple knocked: ask what has changed, and fetch it."""
        if token != self.push_token or not self.takes_updates:
            return
        with self._turn:
            for url in list(self._lists()):
                try:
                    serials, tag = self._changed(url)
                    for serial in serials:
                        self.refresh(serial)
                    self.tags[url] = tag  # what could not be fetched is asked for again
                except (Refused, BadPass) as trouble:
                    self._complain(url, str(trouble))
            self.version += 1

    def refresh(self, serial: str) -> bool:
        """Fetch a pass anew, as when it is pulled down; true where it was not the newest.

        Raises:
            BadPass, Refused.
        """
        with self._turn:
            held = self.passes[serial]
            known = {"If-Modified-Since": held.last_modified} if held.last_modified else {}
            url = f"{_service(held)}/v1/passes/{_pass_type(held)}/{quote(serial)}"
            answer = self._ask("GET", url, _authorization(held) | known)
            if answer.status_code == 304:
                return False
            if answer.status_code != 200 or "last-modified" not in answer.headers:
                raise Refused(f"the newest pass was not served: {answer.status_code}")
            newest = open_pass(answer.content, root=self.root)
            if newest.serial != serial:
                raise Refused("another pass was served")
            self._note(held.file, newest)
            held.file, held.last_modified = newest, answer.headers["last-modified"]
            self.version += 1
            return True

    def _register(self, serial: str) -> None:
        held = self.passes[serial]
        if not self.takes_updates or "webServiceURL" not in held.file.said:
            return
        for device_id in self.device_ids:
            answer = self._ask(
                "POST", _registration(held, device_id), _authorization(held),
                {"pushToken": self.push_token},
            )  # fmt: skip
            if answer.status_code not in (200, 201):
                raise Refused(f"registering failed: {answer.status_code}")
        held.is_registered = True

    def _unregister(self, held: HeldPass) -> None:
        if not held.is_registered:
            return
        for device_id in self.device_ids:
            self._ask("DELETE", _registration(held, device_id), _authorization(held))
        held.is_registered = False

    def _lists(self) -> Iterator[str]:
        """Where to ask for changes, under each of the phone's ids."""
        lists = {
            f"{_service(held)}/v1/devices/DEVICE/registrations/{_pass_type(held)}"
            for held in self.passes.values()
            if held.is_registered
        }
        for url in sorted(lists):
            for device_id in self.device_ids:
                yield url.replace("/DEVICE/", f"/{quote(device_id)}/")

    def _changed(self, url: str) -> tuple[list[str], str]:
        """Serial numbers since the last time, and the tag to ask with the next time."""
        tag = self.tags.get(url, "")
        answer = self._ask("GET", url + (f"?passesUpdatedSince={quote(tag)}" if tag else ""), {})
        if answer.status_code == 204:
            return [], tag
        if answer.status_code != 200 or _type(answer) != "application/json":
            raise Refused(f"the list of changes failed: {answer.status_code}")
        said = json.loads(answer.content)
        if not isinstance(said["lastUpdated"], str):
            raise Refused("lastUpdated is no text: an iPhone would never fetch the pass")
        return [one for one in said["serialNumbers"] if one in self.passes], said["lastUpdated"]

    def _complain(self, url: str, line: str) -> None:
        """Into the phone's own log, and into the platform's."""
        self.complaints = [line, *self.complaints][:_MOST_NOTES]
        with suppress(Refused):
            self._ask("POST", f"{url.partition('/devices/')[0]}/log", {}, {"logs": [line]})

    def _note(self, before: PassFile, after: PassFile) -> None:
        text = announcement(before, after, self.language)
        if text is not None:
            note = Note(after.serial, str(after.said["organizationName"]), text, datetime.now(UTC))
            self.notes = [note, *self.notes][:_MOST_NOTES]

    def _ask(
        self, method: str, url: str, headers: dict[str, str], body: dict[str, Any] | None = None
    ) -> httpx2.Response:
        if not is_here(url):
            raise Refused("this phone asks nobody beyond this machine")
        try:
            return self.client.request(method, url, headers=headers, json=body)
        except httpx2.HTTPError as error:
            raise Refused(f"no answer: {type(error).__name__}") from None


def announcement(before: PassFile, after: PassFile, language: str) -> str | None:
    """What the lock screen says when one pass takes the other's place; None: nothing.

    Source: Apple, Wallet Passes: "changeMessage" of PassFieldContent.
    """
    old = {field["key"]: before.word(field["value"], language) for field in before.fields()}
    changed = [
        field
        for field in after.fields()
        if "changeMessage" in field
        and old.get(field["key"]) != after.word(field["value"], language)
    ]
    if not changed:
        return None
    text = after.word(changed[0]["changeMessage"], language)
    if len(changed) > 1 or "%@" not in text:
        return _CHANGED[language]
    return text.replace("%@", shown(changed[0], after, language))


def shown(field: dict[str, Any], file: PassFile, language: str) -> str:
    """A field's value as it reads on the pass."""
    value = field["value"]
    if "dateStyle" in field:
        return datetime.fromisoformat(value).strftime("%d.%m.%Y")
    if isinstance(value, int) and field.get("numberStyle") == "PKNumberStyleDecimal":
        return f"{value:,}".replace(",", "," if language == "en" else "\u202f")
    return file.word(value, language)


def is_here(url: str) -> bool:
    """True for an address on this machine."""
    parts = urlsplit(url)
    try:
        return parts.scheme in ("http", "https") and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def _registration(held: HeldPass, device_id: str) -> str:
    return (
        f"{_service(held)}/v1/devices/{quote(device_id)}/registrations/{_pass_type(held)}/"
        f"{quote(held.file.serial)}"
    )


def _service(held: HeldPass) -> str:
    return str(held.file.said["webServiceURL"]).rstrip("/")


def _pass_type(held: HeldPass) -> str:
    return quote(str(held.file.said["passTypeIdentifier"]))


def _authorization(held: HeldPass) -> dict[str, str]:
    return {"Authorization": f"ApplePass {held.file.said['authenticationToken']}"}


def _type(answer: httpx2.Response) -> str:
    return str(answer.headers.get("content-type", "")).partition(";")[0]
