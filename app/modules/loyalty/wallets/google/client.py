"""Classes and objects at Google, sent as they should be: the same call may come twice."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from app.modules.loyalty.types import FaultKind
from app.modules.loyalty.wallets.faults import WalletFault
from app.modules.loyalty.wallets.google.answers import Refusal, refusal_of, resource_of
from app.modules.loyalty.wallets.google.content import (
    CLASS_FIELDS,
    OBJECT_FIELDS,
    Payload,
    as_patch,
)
from app.modules.loyalty.wallets.google.setup import GoogleSetup
from app.modules.loyalty.wallets.google.token import AccessToken
from app.modules.loyalty.wallets.pace import Pace
from app.modules.loyalty.wallets.transport import TIMEOUT_S, Answer, ask, open_client

_PAGE: Final = 500
# Of each object only these: whole ones would make pages of megabytes.
_HOLDER_FIELDS: Final = "resources(id,hasUsers),pagination(nextPageToken)"
_MOST_PAGES: Final = 100_000


class _Turn(threading.local):
    """Until when a thread may begin another call for what it does (monotonic seconds)."""

    last_call_at = math.inf


class GoogleWallet:
    """Speaks for one issuer. Safe for threads; keeps its connections and its token.

    `pace` is how fast it may ask (None: as fast as it can).
    """

    def __init__(self, setup: GoogleSetup, *, pace: Pace | None = None) -> None:
        self._pace = pace
        self._turn = _Turn()
        self._api = f"{setup.api_url}/walletobjects/v1"
        self._client = open_client()
        self._token = AccessToken(setup, pace=pace)
        self._may_name_shops = True

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def send_class(self, payload: Payload) -> None:
        """Bring a class to this state, whether it is there or not. In 20 seconds or never.

        Raises:
            WalletFault.
        """
        self._begin()
        refusal = self._write_class("PATCH", payload)
        if refusal and refusal.is_missing:
            refusal = self._write_class("POST", payload)
            if refusal and refusal.is_there_already:  # another process was faster
                refusal = self._write_class("PATCH", payload)
        _raise(refusal)

    def send_object(self, payload: Payload, *, class_payload: Payload, ring: bool) -> bool:
        """Bring an object to this state, whether it or its class is there or not.

        True where the holder's phone was asked to ring and Google took that. Google takes
        three such requests a day and pass; what is beyond is sent without. In 20 seconds
        or never.

        Raises:
            WalletFault.
        """
        self._begin()
        refusal = self._patch_object(payload, ring=ring)
        if refusal and refusal.is_over_quota and ring:
            ring = False
            refusal = self._patch_object(payload, ring=False)
        if refusal is None or not refusal.is_missing:
            _raise(refusal)
            return ring
        if payload["state"] == "INACTIVE":
            return False  # nobody holds what was never there
        self._insert_object(payload, class_payload)
        return False

    def holders(self, class_id: str) -> Iterator[tuple[str, bool]]:
        """Every object of a class, and whether somebody has saved it.

        Raises:
            WalletFault.
        """
        query = {"classId": class_id, "maxResults": str(_PAGE), "fields": _HOLDER_FIELDS}
        for _page in range(_MOST_PAGES):
            self._begin()
            answer = self._ask("GET", f"loyaltyObject?{urlencode(query)}")
            refusal = refusal_of(answer)
            if refusal and refusal.is_missing:
                return
            _raise(refusal)
            resources, token = _page_of(answer)
            yield from resources
            if not token:
                return
            query["token"] = token

    def _insert_object(self, payload: Payload, class_payload: Payload) -> None:
        refusal = self._write("POST", "loyaltyObject", payload["id"], payload)
        if refusal and refusal.is_missing:
            self.send_class(class_payload)
            refusal = self._write("POST", "loyaltyObject", payload["id"], payload)
        if refusal and refusal.is_there_already:
            refusal = self._patch_object(payload, ring=False)
        _raise(refusal)

    def _patch_object(self, payload: Payload, *, ring: bool) -> Refusal | None:
        body = as_patch(payload, OBJECT_FIELDS)
        if ring:
            # It does not last: every update that should be noticed asks for it.
            body["notifyPreference"] = "NOTIFY_ON_UPDATE"
        return self._write("PATCH", f"loyaltyObject/{payload['id']}", payload["id"], body)

    def _write_class(self, method: str, payload: Payload) -> Refusal | None:
        refusal = self._write_class_once(method, payload)
        if refusal and refusal.is_about_locations and self._may_name_shops:
            self._may_name_shops = False
            return self._write_class_once(method, payload)
        return refusal

    def _write_class_once(self, method: str, payload: Payload) -> Refusal | None:
        if not self._may_name_shops:
            payload = {key: value for key, value in payload.items() if key != "merchantLocations"}
        if method == "POST":
            return self._write(method, "loyaltyClass", payload["id"], payload)
        body = as_patch(payload, CLASS_FIELDS)
        if not self._may_name_shops:
            del body["merchantLocations"]  # not even to clear them
        return self._write(method, f"loyaltyClass/{payload['id']}", payload["id"], body)

    def _write(self, method: str, path: str, resource_id: str, body: Payload) -> Refusal | None:
        answer = self._ask(method, path, orjson.dumps(body))
        refusal = refusal_of(answer)
        if refusal is None:
            resource_of(answer, resource_id)
        return refusal

    def _begin(self) -> None:
        """What this thread does takes several calls: none begins after 10 s, so it ends in 20."""
        self._turn.last_call_at = time.monotonic() + TIMEOUT_S

    def _ask(self, method: str, path: str, content: bytes | None = None) -> Answer:
        token = self._token.value(self._client)
        answer = self._ask_once(method, path, content, token)
        if answer.status == 401:
            token = self._token.value(self._client, refused=token)
            answer = self._ask_once(method, path, content, token)
        return answer

    def _ask_once(self, method: str, path: str, content: bytes | None, token: str) -> Answer:
        if time.monotonic() > self._turn.last_call_at:
            raise WalletFault(FaultKind.TRANSIENT, "timeout")
        if self._pace is not None:
            self._pace.wait()
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if content is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        return ask(self._client, method, f"{self._api}/{path}", headers=headers, content=content)


def _raise(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise refusal.fault()


def _page_of(answer: Answer) -> tuple[list[tuple[str, bool]], str]:
    page: Any = answer.json()
    try:
        resources = [
            (str(one["id"]), one.get("hasUsers") is True) for one in page.get("resources") or []
        ]
        token = (page.get("pagination") or {}).get("nextPageToken") or ""
    except (LookupError, TypeError, AttributeError):
        raise WalletFault(FaultKind.TRANSIENT, "unreadable_answer") from None
    return resources, str(token)
