"""/media for pictures on passes: anybody gets them, for ever, also after the look has changed."""

from __future__ import annotations

from app.modules.loyalty.rules.looks import stamp_grid
from app.modules.loyalty.services import pass_pictures
from app.modules.loyalty.services.pass_reading import read_design
from app.modules.loyalty.types.pictures import PassPicture, PictureSize
from tests.modules.loyalty.routes.conftest import STORE, Api, problem_of
from tests.modules.loyalty.routes.test_program_images import send
from tests.pictures import BLUE, picture


def hero(api: Api) -> PassPicture:
    design = read_design(api.db.connection(), merchant_id=api.merchant_id)
    return pass_pictures.stamp_row(api.db, design, stamp_grid(3, 10), PictureSize.GOOGLE_HERO)


def test_given_a_row_of_stamps_when_anybody_asks_then_the_picture_that_never_changes(
    api: Api,
) -> None:
    drawn = hero(api)
    served = api.client.get(f"/media/{drawn.name}")
    assert (served.status_code, served.content) == (200, drawn.content)
    headers = served.headers
    assert (headers["content-type"], headers["x-content-type-options"]) == ("image/png", "nosniff")
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "set-cookie" not in headers
    head = api.client.head(f"/media/{drawn.name}")
    assert (head.status_code, head.content) == (200, b"")
    known = api.client.get(f"/media/{drawn.name}", headers={"If-None-Match": headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    missing = api.client.get(f"/media/pass-{'0' * 64}.png")
    assert problem_of(missing) == (404, "not_found")


def test_c16_given_a_logo_that_was_replaced_when_google_asks_for_it_then_it_is_there(
    api: Api,
) -> None:
    names = []
    for content in (picture(), picture(color=BLUE)):
        saved = {"logo_image": send(api, content).json()["name"]}
        answer = api.client.patch(f"{STORE}/program", json=saved, headers=api.headers("owner"))
        assert answer.status_code == 200
        design = read_design(api.db.connection(), merchant_id=api.merchant_id)
        names.append(pass_pictures.face(api.db, design, PictureSize.GOOGLE_LOGO).name)
    assert names[0] != names[1]
    for name in names:
        served = api.client.get(f"/media/{name}")
        assert (served.status_code, served.headers["content-type"]) == (200, "image/png")
