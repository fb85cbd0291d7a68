"""Pushes to Apple: one connection, and what each of its answers means."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.fakes import apns as fake
from app.fakes.apns import PushControl, Verdict
from app.fakes.keys import AppleChain, ServerFiles, make_server_files
from app.modules.loyalty.types import FaultKind
from app.modules.loyalty.wallets.apple import apns
from app.modules.loyalty.wallets.apple.apns import GoneToken, PushService, push_context
from app.modules.loyalty.wallets.apple.setup import AppleSetup
from app.modules.loyalty.wallets.faults import WalletFault
from tests.apple_wallet import PASS_TYPE

TOKEN = "ab" * 32


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ServerFiles:
    return make_server_files(tmp_path_factory.mktemp("server"))


@pytest.fixture
def control() -> PushControl:
    return PushControl()


@pytest.fixture
def setup(
    apple: AppleSetup, chain: AppleChain, files: ServerFiles, control: PushControl
) -> Iterator[AppleSetup]:
    """As for local work: platform and push service on this machine."""
    with fake.running(control, files=files, chain=chain) as url:
        yield replace(apple, base_url="http://localhost:8000", push_url=url, push_ca_path=files.ca)


@pytest.fixture
def service(setup: AppleSetup) -> Iterator[PushService]:
    service = PushService(setup)
    yield service
    service.close()


def refusal_of(service: PushService, token: str = TOKEN) -> WalletFault:
    with pytest.raises(WalletFault) as refused:
        service.push(token)
    assert token not in f"{refused.value} {refused.value.detail}"
    return refused.value


def test_given_a_token_when_pushed_then_apple_gets_topic_type_and_an_empty_object(
    service: PushService, control: PushControl
) -> None:
    service.push(TOKEN)
    (push,) = control.pushes
    assert (push.token, push.status, push.body) == (TOKEN, 200, b"{}")
    assert push.headers["apns-topic"] == PASS_TYPE
    assert push.headers["apns-push-type"] == "background"
    assert push.headers["apns-priority"] == "5"


def test_given_no_push_type_when_pushed_then_neither_type_nor_priority_is_sent(
    setup: AppleSetup, control: PushControl
) -> None:
    service = PushService(replace(setup, push_type="none"))
    service.push(TOKEN)
    service.close()
    assert not {"apns-push-type", "apns-priority"} & control.pushes[0].headers.keys()


def test_given_8_threads_when_50_are_pushed_then_all_arrive_on_one_connection(
    service: PushService, control: PushControl
) -> None:
    tokens = [f"{n:064x}" for n in range(50)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(service.push, tokens))
    assert sorted(control.accepted()) == tokens
    assert control.connections == 1


def test_given_a_slow_answer_when_others_are_pushed_then_they_do_not_wait_for_it(
    service: PushService, control: PushControl
) -> None:
    service.push(TOKEN)
    control.of_token["cd" * 32] = Verdict(delay_s=0.5)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(service.push, "cd" * 32)
        while not slow.running():
            pass
        for _ in range(5):
            service.push(TOKEN)
        assert not slow.done()
    assert slow.result() is None
    assert control.connections == 1


def test_given_a_phone_that_left_when_pushed_then_the_token_is_gone_since_then(
    service: PushService, control: PushControl
) -> None:
    control.coming.append(Verdict(410, "Unregistered", timestamp=1_773_133_200_500))
    with pytest.raises(GoneToken) as gone:
        service.push(TOKEN)
    assert gone.value.timestamp == datetime(2026, 3, 10, 9, 0, 0, 500_000, UTC)


@pytest.mark.parametrize("timestamp", [None, -1, 10**20])
def test_given_no_sensible_timestamp_when_a_token_is_gone_then_it_is_gone_without_one(
    service: PushService, control: PushControl, timestamp: int | None
) -> None:
    control.coming.append(Verdict(410, "Unregistered", timestamp=timestamp))
    with pytest.raises(GoneToken) as gone:
        service.push(TOKEN)
    assert gone.value.timestamp is None


@pytest.mark.parametrize("token", ["ab", "zz" * 32, "../../x?y#z", "ü" * 20, ""])
def test_given_a_token_that_is_none_when_pushed_then_it_is_gone(
    service: PushService, control: PushControl, token: str
) -> None:
    with pytest.raises(GoneToken):
        service.push(token)
    assert [push.status for push in control.pushes] == [400]


def test_given_a_token_of_another_app_when_pushed_then_it_is_gone(
    service: PushService, control: PushControl
) -> None:
    control.coming.append(Verdict(400, "DeviceTokenNotForTopic"))
    with pytest.raises(GoneToken):
        service.push(TOKEN)


@pytest.mark.parametrize(
    ("verdict", "kind", "reason"),
    [
        (Verdict(403, "BadCertificate"), FaultKind.PAUSE, "certificate_refused"),
        (Verdict(400, "TopicDisallowed"), FaultKind.PAUSE, "push_refused"),
        (Verdict(400, "IdleTimeout"), FaultKind.TRANSIENT, "busy"),
        (Verdict(418), FaultKind.TRANSIENT, "unreadable_answer"),
        (Verdict(429, "TooManyRequests", retry_after_s=7), FaultKind.TRANSIENT, "busy"),
        (Verdict(500, "InternalServerError"), FaultKind.TRANSIENT, "server_error"),
        (Verdict(503, "Shutdown"), FaultKind.TRANSIENT, "server_error"),
    ],
)
def test_given_a_refusal_when_pushed_then_it_says_what_to_do(
    service: PushService, control: PushControl, verdict: Verdict, kind: FaultKind, reason: str
) -> None:
    control.coming.append(verdict)
    fault = refusal_of(service)
    assert (fault.kind, fault.reason, fault.retry_after_s) == (kind, reason, verdict.retry_after_s)
    service.push(TOKEN)
    assert control.connections == 1


def test_given_a_topic_of_another_certificate_when_pushed_then_pushing_pauses(
    setup: AppleSetup,
) -> None:
    service = PushService(replace(setup, pass_type_id="pass.com.example.other"))
    fault = refusal_of(service)
    service.close()
    assert (fault.kind, fault.detail) == (FaultKind.PAUSE, "400 BadTopic")


@pytest.mark.parametrize("ends", ["goaway", "hangup", "reset"])
def test_given_a_connection_that_ends_when_pushed_then_the_push_goes_out_on_a_new_one(
    service: PushService, control: PushControl, ends: str
) -> None:
    service.push(TOKEN)
    control.coming.append(Verdict(ends=ends))
    service.push(TOKEN)
    service.push(TOKEN)
    assert control.accepted() == [TOKEN] * 3
    assert control.connections == 2


@pytest.mark.parametrize("ends", ["goaway", "hangup"])
def test_given_connections_that_keep_ending_when_pushed_then_it_is_tried_later(
    service: PushService, control: PushControl, ends: str
) -> None:
    control.coming.extend([Verdict(ends=ends)] * 2)
    assert refusal_of(service).reason == "unreachable"
    service.push(TOKEN)
    assert control.accepted() == [TOKEN]


def test_given_a_connection_that_ends_under_8_threads_when_pushed_then_nothing_is_lost(
    service: PushService, control: PushControl
) -> None:
    control.coming.extend([Verdict(), Verdict(ends="goaway")])
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda n: service.push(f"{n:064x}"), range(40)))
    assert len(outcomes) == len(set(control.accepted())) == 40
    assert control.connections <= 3


def test_given_an_answer_that_is_late_when_pushed_then_only_that_push_is_tried_later(
    service: PushService, control: PushControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apns, "TIMEOUT_S", 0.2)
    control.coming.append(Verdict(delay_s=0.6))
    fault = refusal_of(service)
    assert (fault.kind, fault.reason) == (FaultKind.TRANSIENT, "timeout")
    service.push(TOKEN)
    assert control.connections == 1


def test_given_a_line_gone_silent_when_pushed_then_the_next_push_takes_a_new_one(
    service: PushService, control: PushControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apns, "_SILENCE_S", 0.2)
    control.coming.append(Verdict(delay_s=0.6))
    assert refusal_of(service).reason == "timeout"
    service.push(TOKEN)
    assert control.connections == 2


def test_given_nobody_there_when_pushed_then_it_is_tried_later(setup: AppleSetup) -> None:
    service = PushService(replace(setup, push_url="https://127.0.0.1:1"))
    fault = refusal_of(service)
    service.close()
    assert (fault.kind, fault.reason) == (FaultKind.TRANSIENT, "unreachable")


def test_given_a_server_apple_does_not_vouch_for_when_pushed_then_nothing_is_sent(
    setup: AppleSetup, control: PushControl, chain: AppleChain
) -> None:
    service = PushService(replace(setup, push_ca_path=chain.root))
    assert refusal_of(service).kind is FaultKind.TRANSIENT
    service.close()
    assert control.pushes == []


def test_given_a_service_that_was_closed_when_closed_again_then_nothing_happens(
    setup: AppleSetup,
) -> None:
    service = PushService(setup)
    service.close()
    service.close()


@pytest.mark.parametrize("base_url", ["https://orion.example.com", "http://192.0.2.1"])
def test_given_a_platform_in_the_open_when_connecting_then_no_authority_of_ours_counts(
    setup: AppleSetup, base_url: str
) -> None:
    ours = {ca["serialNumber"] for ca in push_context(setup).get_ca_certs()}
    theirs = push_context(replace(setup, base_url=base_url)).get_ca_certs()
    assert len(ours) == 1
    assert not ours & {ca["serialNumber"] for ca in theirs}
