"""Bodies: what they refuse, what they clean, and that their own examples are good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from pydantic import BaseModel, ValidationError

from app.modules.loyalty.config import LoyaltySettings
from app.modules.loyalty.schemas import (
    PinCreate,
    PinUpdate,
    ProgramCreate,
    ProgramUpdate,
    StampRequest,
    account,
    admin,
    card_changes,
    cards,
    pins,
    points,
    program,
    refunds,
    rewards,
    stamps,
    stats,
    transactions,
)
from app.modules.loyalty.schemas import fields as kinds


def codes_of(refused: pytest.ExceptionInfo[ValidationError]) -> list[str]:
    return [fault["type"] for fault in refused.value.errors()]


_MODULES = (
    account, admin, card_changes, cards, pins, points, program, refunds, rewards, stamps,
    stats, transactions,
)  # fmt: skip


def documented() -> Iterator[tuple[type[BaseModel], dict[str, Any]]]:
    for module in _MODULES:
        for model in vars(module).values():
            if not (isinstance(model, type) and issubclass(model, kinds.Body | kinds.Reply)):
                continue
            extra = model.model_config.get("json_schema_extra")
            if model.__module__ == module.__name__ and isinstance(extra, dict):
                for shown in cast(list[dict[str, Any]], extra["examples"]):
                    yield model, shown


@pytest.mark.parametrize(("model", "shown"), list(documented()))
def test_given_an_example_of_the_docs_when_read_then_it_is_good_and_whole(
    model: type[BaseModel], shown: dict[str, Any]
) -> None:
    read = model.model_validate(shown)
    written = read.model_dump(mode="json")
    assert set(shown) <= set(model.model_fields) | set(model.model_computed_fields)
    assert {name: written[name] for name in shown}.keys() == shown.keys()
    if issubclass(model, kinds.Reply):
        required = {name for name, field in model.model_fields.items() if field.is_required()}
        assert required <= set(shown)


def test_given_the_platforms_defaults_when_a_program_leaves_them_out_then_they_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = LoyaltySettings(default_cooldown_minutes=20, max_daily_stamps=3)
    monkeypatch.setattr(program, "get_loyalty_settings", lambda: settings)
    data = ProgramCreate(loyalty_type="stamps")
    assert (data.cooldown_minutes, data.max_daily_stamps, data.stamps_target) == (20, 3, 10)


@pytest.mark.parametrize("model", [ProgramUpdate, PinUpdate])
def test_given_a_change_of_nothing_when_dumped_then_nothing_is_there(
    model: type[BaseModel],
) -> None:
    assert model().model_dump(exclude_unset=True) == {}
    schema = model.model_json_schema()
    assert "required" not in schema
    assert all("default" not in field for field in schema["properties"].values())


@pytest.mark.parametrize("field", sorted(ProgramUpdate.model_fields))
def test_given_null_when_a_change_names_it_then_only_optional_facts_take_it(field: str) -> None:
    nullable = {
        "stamps_reward_value_cents", "card_secondary_color", "privacy_url", "logo_image",
        "hero_image", "logo_url", "hero_url", "points_expiration_days",
    }  # fmt: skip
    if field in nullable:
        assert ProgramUpdate.model_validate({field: None}).model_dump(exclude_unset=True) == {
            field: None
        }
        return
    with pytest.raises(ValidationError):
        ProgramUpdate.model_validate({field: None})


@pytest.mark.parametrize(
    "number", [True, 1.0, 1.5, "1", float("nan"), float("inf"), None, 10**30, -1, [1]]
)
def test_c70_given_no_whole_number_in_bounds_when_a_quantity_then_refused(number: Any) -> None:
    with pytest.raises(ValidationError):
        StampRequest.model_validate({"card_id": 1, "quantity": number})


def test_given_a_secret_when_a_body_is_shown_then_it_is_not_there() -> None:
    bodies = [
        StampRequest(card_id=1, staff_pin="4826", staff_session="a-session"),
        PinCreate(name="Lea", pin="4826"),
        PinUpdate(pin="4826"),
        pins.PinVerifyRequest(staff_pin="4826"),
    ]
    shown = " ".join(map(repr, bodies))
    assert "4826" not in shown
    assert "a-session" not in shown
    with pytest.raises(ValidationError) as refused:
        PinCreate.model_validate({"name": "Lea", "pin": "4826x"})
    assert "4826" not in str(refused.value)
    assert codes_of(refused) == ["pin_format"]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" two\r\nlines ", "two\nlines"), ("tab\there", "tab here"), ("bell\x07", "bell"),
        ("\u202ereversed", "reversed"), ("e\u0301", "\u00e9"),
    ],
)  # fmt: skip
def test_given_long_texts_when_cleaned_then_lines_stay_and_control_signs_go(
    typed: str, kept: str
) -> None:
    assert ProgramUpdate(terms_text=typed).terms_text == kept


@pytest.mark.parametrize(("length", "is_good"), [(5000, True), (5001, False), (10_001, False)])
def test_given_a_long_text_when_at_the_bound_then_kept_and_beyond_refused(
    length: int, is_good: bool
) -> None:
    if is_good:
        assert len(ProgramUpdate(terms_text="x" * length).terms_text) == length
        return
    with pytest.raises(ValidationError) as refused:
        ProgramUpdate(terms_text="x" * length)
    assert codes_of(refused) == ["string_too_long"]


@pytest.mark.parametrize("length", [50, 51, 401])
def test_given_a_card_name_when_at_the_bound_then_kept_and_beyond_refused(length: int) -> None:
    if length == 50:
        assert len(ProgramUpdate(card_name="x" * length).card_name) == 50
        return
    with pytest.raises(ValidationError) as refused:
        ProgramUpdate(card_name="x" * length)
    assert codes_of(refused) == ["string_too_long"]


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com",
        "https://example.com/privacy?lang=fr#top",
        "https://xn--caf-dma.example",
    ],
)
def test_given_an_https_address_when_saved_then_kept(address: str) -> None:
    assert ProgramUpdate(privacy_url=address).privacy_url == address


@pytest.mark.parametrize(
    "address",
    ["http://example.com", "javascript:alert(1)", "https://", "https://localhost", "//example.com",
     "https://user@example.com", 'https://example.com/"><script>', "https://example.com/a b",
     "https://café.example", "data:text/html,x", "https://example.com\n"],
)  # fmt: skip
def test_given_any_other_address_when_saved_then_refused(address: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ProgramUpdate(privacy_url=address)
    assert codes_of(refused) == ["https_address"]
