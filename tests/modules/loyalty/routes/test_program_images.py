"""/store/loyalty/program/images and /media: sent, shown, and nothing else let through."""

from __future__ import annotations

import time
from typing import Any

import pytest

from app.modules.loyalty.models import ProgramImage
from tests import reads
from tests.modules.loyalty.routes.conftest import STORE, Api, problem_of
from tests.pictures import FILES, PLACE, SCRIPT, film, opened, photograph, picture, polyglot

URL = f"{STORE}/program/images"


def send(
    api: Api,
    content: bytes,
    *,
    who: str = "owner",
    name: str = "logo.png",
    content_type: str = "image/png",
    **fields: str,
) -> Any:
    return api.client.post(
        URL,
        data={"kind": "logo"} | fields,
        files={"file": (name, content, content_type)},
        headers=api.headers(who),
    )


def kept(api: Api) -> int:
    return reads.count_of(api.db, ProgramImage, merchant_id=api.merchant_id)


def test_given_a_logo_when_sent_and_saved_then_everybody_sees_it(api: Api) -> None:
    sent = send(api, picture("JPEG"), name="x.bin", content_type="text/html")
    assert sent.status_code == 201
    image = sent.json()
    assert (image["kind"], image["width"], image["content_type"]) == ("logo", 40, "image/png")
    hero = send(api, picture(), kind="hero").json()
    looks = {"logo_image": image["name"], "hero_image": hero["name"]}
    saved = api.client.patch(f"{STORE}/program", json=looks, headers=api.headers("owner"))
    assert saved.json()["logo_url"] == image["url"] == f"/media/{image['name']}"
    code = api.shop.store.code
    program = api.client.get(f"/api/v1/loyalty/programs/{code}").json()
    assert (program["logo_url"], program["hero_url"]) == (image["url"], hero["url"])
    page = api.client.get(f"/loyalty/enroll?store={code}").text
    for shown in (image, hero):
        assert f'src="{shown["url"]}"' in page


def test_c71_given_a_picture_when_served_then_a_fixed_type_that_nothing_runs_in(api: Api) -> None:
    url = send(api, polyglot()).json()["url"]
    served = api.client.get(url)
    assert (served.status_code, served.headers["content-type"]) == (200, "image/png")
    assert served.headers["x-content-type-options"] == "nosniff"
    assert served.headers["content-security-policy"] == "default-src 'none'"
    assert served.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "set-cookie" not in served.headers
    assert SCRIPT not in served.content
    assert opened(served.content).format == "PNG"
    known = api.client.get(url, headers={"If-None-Match": served.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert api.client.head(url).status_code == 200


@pytest.mark.parametrize(
    ("name", "content_type"), [("logo.svg", "image/svg+xml"), ("logo.png", "image/png")]
)
def test_c71_given_an_svg_with_a_script_when_sent_under_any_name_then_refused(
    api: Api, name: str, content_type: str
) -> None:
    content = (FILES / "logo-script.svg").read_bytes()
    answer = send(api, content, name=name, content_type=content_type)
    assert problem_of(answer) == (422, "image_rejected")
    assert kept(api) == 0


def test_c71_given_a_picture_that_unpacks_to_gigabytes_when_sent_then_refused_within_a_second(
    api: Api,
) -> None:
    began = time.perf_counter()
    answer = send(api, (FILES / "logo-bomb.png").read_bytes())
    assert time.perf_counter() - began < 1
    assert problem_of(answer) == (422, "image_rejected")
    assert answer.json()["params"] == {"maximum_bytes": 1_000_000, "maximum_pixels": 4_000_000}
    assert kept(api) == 0


@pytest.mark.parametrize("size", [1_000_001, 1_048_577, 30_000_000])
def test_c71_given_a_file_that_is_too_large_when_sent_then_413(api: Api, size: int) -> None:
    answer = send(api, picture("JPEG").ljust(size, b"\0"))
    assert problem_of(answer) == (413, "payload_too_large")
    assert kept(api) == 0


def test_c71_given_a_photograph_when_sent_then_its_place_is_nowhere_in_what_is_kept(
    api: Api,
) -> None:
    served = api.client.get(send(api, photograph(), kind="hero").json()["url"])
    assert served.headers["content-type"] == "image/jpeg"
    assert PLACE.encode() not in served.content
    assert not opened(served.content).getexif()


def test_c71_given_a_film_when_sent_then_its_first_picture_is_kept(api: Api) -> None:
    served = api.client.get(send(api, film()).json()["url"])
    assert getattr(opened(served.content), "n_frames", 1) == 1


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"<html>"])
def test_c71_given_no_picture_when_sent_then_refused(api: Api, content: bytes) -> None:
    assert problem_of(send(api, content)) == (422, "image_rejected")


@pytest.mark.parametrize("fields", [{"kind": "poster"}, {"kind": ""}, {"width": "5"}])
def test_given_a_form_that_asks_for_something_else_when_sent_then_refused(
    api: Api, fields: dict[str, str]
) -> None:
    assert problem_of(send(api, picture(), **fields)) == (422, "validation_error")
    assert kept(api) == 0


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=x", "application/json"]
)
def test_given_no_form_at_all_when_sent_then_refused(api: Api, content_type: str) -> None:
    headers = api.headers("owner", **{"Content-Type": content_type})
    answer = api.client.post(URL, content=b'{"kind": "logo"}', headers=headers)
    assert problem_of(answer) == (422, "validation_error")


def test_given_a_cashier_when_a_picture_is_sent_then_forbidden(api: Api) -> None:
    assert problem_of(send(api, picture(), who="cashier")) == (403, "forbidden")
    assert kept(api) == 0


@pytest.mark.parametrize(
    "name", ["x.png", "../etc/passwd", f"logo-{'0' * 64}.png", "y" * 81, "%00"]
)
def test_given_a_name_that_nothing_has_when_asked_for_then_not_found(api: Api, name: str) -> None:
    answer = api.client.get(f"/media/{name}", headers={"Accept": "application/json"})
    assert problem_of(answer)[0] in (404, 422)


@pytest.mark.parametrize(
    "name",
    ["x.png", "", f"logo-{'0' * 63}.png", f"logo-{'0' * 64}.png", f"logo-{'0' * 64}.png\n", 5],
)
def test_given_a_picture_that_was_not_sent_when_the_program_names_it_then_refused(
    api: Api, name: Any
) -> None:
    answer = api.client.patch(
        f"{STORE}/program", json={"logo_image": name}, headers=api.headers("owner")
    )
    assert problem_of(answer) == (422, "validation_error")
    assert answer.json()["errors"][0]["loc"] == ["body", "logo_image"]
