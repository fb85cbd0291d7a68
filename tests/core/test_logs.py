import io
import json
import logging
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import IntegrityError

from app.core.logs import HIDDEN, configure_logging, scrub

Lines = Callable[[], list[dict[str, Any]]]

CANARY = "canary-48261739"


@pytest.fixture
def lines() -> Any:
    """The lines written so far, parsed; logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()
    stream = io.StringIO()
    configure_logging(hash_key=b"k" * 32, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = handlers, level
    structlog.configure(**config)
    logging.getLogger("uvicorn.access").disabled = False
    logging.getLogger("httpx2").setLevel(logging.NOTSET)


def test_given_an_event_when_logged_then_it_is_one_json_line_with_its_facts(lines: Lines) -> None:
    structlog.get_logger().info("stamp_added", card_id=7, store_id=2)
    [line] = lines()
    assert line["event"] == "stamp_added"
    assert (line["card_id"], line["store_id"], line["level"]) == (7, 2, "info")
    assert line["ts"].endswith("Z")


@pytest.mark.parametrize(
    "name",
    [
        "pin",
        "staff_pin",
        "token",
        "accessToken",
        "password",
        "new_password",
        "Authorization",
        "set-cookie",
        "jwt",
        "secret_key",
        "csrf_token",
        "PIN",
        "pin_pepper",
    ],
)
def test_given_a_field_named_like_a_secret_when_logged_then_its_value_is_hidden(
    lines: Lines, name: str
) -> None:
    structlog.get_logger().info(
        "event", **{name: CANARY, "inner": {name: CANARY, "list": [{name: CANARY}]}}
    )
    [line] = lines()
    assert CANARY not in json.dumps(line)
    assert line[name] == HIDDEN


def test_given_facts_about_a_secret_when_logged_then_they_stay(lines: Lines) -> None:
    structlog.get_logger().info("event", staff_pin_id=5, pin_version=2, spinner="on", shipping="no")
    [line] = lines()
    assert (line["staff_pin_id"], line["pin_version"]) == (5, 2)
    assert (line["spinner"], line["shipping"]) == ("on", "no")


def test_given_an_address_of_a_person_when_logged_then_it_is_a_keyed_hash_of_it(
    lines: Lines,
) -> None:
    log = structlog.get_logger()
    log.info("event", email="Anna@Example.com", customer_phone="+352621000001")
    log.info("event", email=" anna@example.com")
    first, second = lines()
    assert first["email"] == second["email"]
    assert len(first["email"]) == 16
    assert "anna" not in json.dumps([first, second]).lower()
    assert "621000001" not in first["customer_phone"]


def test_given_a_log_of_the_standard_library_when_written_then_it_is_json_and_clean_too(
    lines: Lines,
) -> None:
    logging.getLogger("library").warning("sent Authorization: Bearer %s", CANARY)
    [line] = lines()
    assert line["logger"] == "library"
    assert line["level"] == "warning"
    assert CANARY not in json.dumps(line)


def test_given_a_validation_error_when_logged_then_the_input_is_not(lines: Lines) -> None:
    class Body(BaseModel):
        staff_pin: int

    try:
        Body.model_validate({"staff_pin": f"{CANARY}\n{CANARY}"})
    except ValidationError:
        structlog.get_logger().exception("failed")
    [line] = lines()
    assert "Body" in line["exception"]
    assert CANARY not in json.dumps(line)


def test_given_a_database_error_when_logged_then_its_parameters_are_not(lines: Lines) -> None:
    error = IntegrityError(
        "INSERT INTO staff_pins VALUES (?, ?)", (CANARY, [CANARY]), sqlite3.IntegrityError("UNIQUE")
    )
    structlog.get_logger().error("failed", exc_info=error)
    [line] = lines()
    assert "INSERT INTO staff_pins" in line["exception"]
    assert CANARY not in json.dumps(line)


def test_given_postgresqls_detail_when_scrubbed_then_the_value_is_gone() -> None:
    text = f"DETAIL:  Key (merchant_id, email)=(1, {CANARY}) already exists."
    assert scrub(text) == f"DETAIL:  Key (merchant_id, email)=({HIDDEN}) already exists."


def test_given_the_standard_librarys_exception_when_logged_then_it_is_clean_too(
    lines: Lines,
) -> None:
    try:
        raise IntegrityError("X", (CANARY,), sqlite3.IntegrityError("UNIQUE"))
    except IntegrityError:
        logging.getLogger("library").exception("failed")
    assert CANARY not in json.dumps(lines())


def test_given_a_request_when_logged_then_its_id_is_on_every_line(lines: Lines) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-12345678"):
        structlog.get_logger().info("one")
        logging.getLogger("library").warning("two")
    assert [line["request_id"] for line in lines()] == ["r-12345678"] * 2


def test_given_a_terminal_when_logged_then_the_line_is_for_people(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    configure_logging(stream=stream)
    structlog.get_logger().info("hello", pin=CANARY)
    root.handlers[:], root.level = handlers, level
    structlog.configure(**config)
    assert "hello" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    assert CANARY not in stream.getvalue()
