"""/loyalty/enroll: the form, sent again by a browser that is somebody else's by now."""

from __future__ import annotations

from datetime import timedelta

from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.core import clock
from app.core.web.csrf import csrf_token
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.routes.pages.join_attempt import new_attempt
from app.modules.loyalty.services import card_lifecycle
from app.modules.loyalty.types import Caller
from tests.modules.loyalty.routes.conftest import Api


def test_given_a_lost_phone_and_a_replaced_card_when_its_form_is_sent_again_then_no_card(
    api: Api, application: FastAPI
) -> None:
    browser = TestClient(application, follow_redirects=False)
    browser.cookies.set("orion_browser", "lost-phone")
    keyring = application.state.web.keyring
    form = {
        "contact": "zoe@example.com",
        "attempt": new_attempt(keyring, now=clock.utc_now() - timedelta(seconds=9)),
        "csrf_token": csrf_token(keyring, "lost-phone"),
    }
    path = f"/loyalty/enroll?store={api.shop.store.code}"
    assert browser.post(path, data=form).status_code == 303
    newest = select(func.max(LoyaltyCard.id)).where(LoyaltyCard.merchant_id == api.merchant_id)
    card_id = api.db.execute(newest).scalar_one()
    manager = Caller(api.merchant_id, is_manager=True)
    card_lifecycle.replace_card(api.db, caller=manager, card_id=card_id)
    browser.cookies.delete("orion_customer")
    again = browser.post(path, data=form)
    assert again.status_code == 422
    assert "orion_customer" not in again.cookies
    assert form["attempt"] not in again.text, "the next try is a fresh one"
