"""Pictures by address at /store/loyalty/program: what owners ask for, and what they read of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.clock import utc_now
from app.core.http import NotFetched
from app.core.jobs import WhenDue
from app.modules.loyalty.models import LoyaltyProgram, ProgramImageFetch
from app.modules.loyalty.module import MODULE
from app.modules.loyalty.services import image_fetching
from tests import factories, reads
from tests.modules.loyalty.routes.conftest import STORE, Api, make_session, problem_of
from tests.pictures import opened, picture

URL = f"{STORE}/program"
LOGO = "https://shop.example/logo.png?v=2"


def patch(api: Api, *, who: str = "owner", if_match: str | None = None, **body: Any) -> Any:
    headers = api.headers(who) | ({"If-Match": if_match} if if_match else {})
    return api.client.patch(URL, json=body, headers=headers)


def work(api: Api, result: bytes | NotFetched) -> None:
    """Let the worker come, and the other site answer so."""

    def fetch(_url: str) -> bytes:
        if isinstance(result, NotFetched):
            raise result
        return result

    now = utc_now() + timedelta(seconds=1)
    image_fetching.fetch_due(api.db, now=now, keep_alive=lambda: None, fetch=fetch)


def wishes(api: Api) -> int:
    return reads.count_of(api.db, ProgramImageFetch, merchant_id=api.merchant_id)


def test_given_an_address_when_saved_and_fetched_then_our_copy_is_shown_to_everybody(
    api: Api,
) -> None:
    saved = patch(api, logo_url=LOGO).json()
    waiting = {"url": LOGO, "state": "pending", "reason": None, "message": None}
    assert (saved["logo_fetch"], saved["hero_fetch"], saved["logo_url"]) == (waiting, None, None)
    seen = api.get("/program")
    assert seen.json()["logo_fetch"] == waiting
    work(api, picture("WEBP"))
    shown = api.get("/program", **{"If-None-Match": seen.headers["etag"]})
    assert shown.status_code == 200
    program = shown.json()
    assert (program["logo_fetch"], program["revision"]) == (None, saved["revision"] + 1)
    assert program["logo_url"] == f"/media/{program['logo_image']}"
    served = api.client.get(program["logo_url"])
    assert (served.headers["content-type"], opened(served.content).size) == ("image/png", (40, 30))
    public = api.client.get(f"/api/v1/loyalty/programs/{api.shop.store.code}").json()
    assert public["logo_url"] == program["logo_url"]
    assert "logo_fetch" not in public


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "larger than 1 MB"), ("fr", "dépasse 1 Mo"), ("de", "größer als 1 MB"),
        ("lb", "méi grouss wéi 1 MB"),
    ],
)  # fmt: skip
def test_given_a_fetch_that_failed_when_read_then_why_in_the_owners_language(
    api: Api, language: str, sentence: str
) -> None:
    before = patch(api, hero_url=LOGO).headers["etag"]
    work(api, NotFetched("too_large", is_final=True))
    asked = {"Accept-Language": language, "If-None-Match": before}
    answer = api.get("/program", "owner", **asked)
    failed = answer.json()["hero_fetch"]
    assert (failed["state"], failed["reason"], failed["url"]) == ("failed", "too_large", LOGO)
    assert sentence in failed["message"]
    known = api.get("/program", "owner", **asked | {"If-None-Match": answer.headers["etag"]})
    assert known.status_code == 304
    other = "de" if language == "en" else "en"
    again = {"Accept-Language": other, "If-None-Match": answer.headers["etag"]}
    assert api.get("/program", "owner", **again).status_code == 200
    # Nothing of the program has changed, so nobody's change is refused.
    assert patch(api, stamps_target=9, if_match=before).status_code == 200
    assert patch(api, stamps_target=8, if_match=answer.headers["etag"]).status_code == 412


def test_given_a_version_with_a_failed_fetch_when_the_owner_saves_then_it_is_known(
    api: Api,
) -> None:
    patch(api, logo_url=LOGO)
    work(api, NotFetched("redirected", is_final=True))
    version = api.get("/program", "owner").headers["etag"]
    cleared = patch(api, logo_url=None, if_match=version)
    assert (cleared.status_code, cleared.json()["logo_fetch"]) == (200, None)
    assert wishes(api) == 0


@pytest.mark.parametrize("kind", ["logo", "hero"])
@pytest.mark.parametrize("name", [None, f"logo-{'0' * 64}.png"])
def test_given_an_address_and_a_name_of_one_kind_when_sent_then_refused(
    api: Api, kind: str, name: str | None
) -> None:
    body: dict[str, Any] = {
        f"{kind}_url": LOGO,
        f"{kind}_image": name and name.replace("logo", kind),
    }
    refused = patch(api, **body)
    assert problem_of(refused) == (422, "validation_error")
    assert [error["code"] for error in refused.json()["errors"]] == ["image_or_url"]
    assert wishes(api) == 0
    other = {"logo": "hero", "hero": "logo"}[kind]
    mixed: dict[str, Any] = {f"{kind}_url": LOGO, f"{other}_image": None}
    assert patch(api, **mixed).status_code == 200


@pytest.mark.parametrize(
    "address",
    ["http://shop.example/logo.png", "file:///etc/passwd", "https://localhost/logo.png",
     "https://a:b@shop.example/", "", 5, "https://shop.example/" + "x" * 480, "/media/logo.png"],
)  # fmt: skip
def test_given_no_https_address_when_sent_then_refused_at_once(api: Api, address: Any) -> None:
    refused = patch(api, logo_url=address)
    assert problem_of(refused) == (422, "validation_error")
    assert refused.json()["errors"][0]["loc"] == ["body", "logo_url"]
    assert wishes(api) == 0


def test_given_a_cashier_when_an_address_is_sent_then_forbidden(api: Api) -> None:
    assert problem_of(patch(api, who="cashier", logo_url=LOGO)) == (403, "forbidden")
    assert wishes(api) == 0


def test_given_a_preview_when_it_names_an_address_then_nothing_is_wished_for(api: Api) -> None:
    answer = api.post("/program/preview", {"logo_url": LOGO}, "owner")
    assert (answer.status_code, wishes(api)) == (200, 0)


def test_given_a_new_program_when_created_with_an_address_then_it_waits(
    client: TestClient, api: Api
) -> None:
    merchant = factories.make_merchant(api.db)
    factories.make_store(api.db, merchant_id=merchant.id)
    owner = {"Authorization": f"Bearer {make_session(api.db, merchant_id=merchant.id)}"}
    body = {"loyalty_type": "stamps", "hero_url": LOGO}
    made = client.post(URL, json=body, headers=owner)
    assert (made.status_code, made.json()["hero_fetch"]["state"]) == (201, "pending")
    [program] = reads.rows_of(api.db, LoyaltyProgram, merchant_id=merchant.id)
    assert (program.revision, program.hero_image) == (1, None)


def test_given_the_module_when_its_jobs_are_listed_then_pictures_are_fetched_when_due() -> None:
    [job] = [job for job in MODULE.jobs if job.name == "loyalty.fetch_pictures"]
    assert job.slot == WhenDue(image_fetching.has_due)
