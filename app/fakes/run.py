"""The simulated wallets of Google and Apple, and a simulated iPhone, all in one process."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx2
import uvicorn
from cryptography import x509

from app.fakes import apns, phone_page
from app.fakes.google import FakeGoogle
from app.fakes.google_keys import ISSUER_ID, GoogleKeys, make_google_keys
from app.fakes.keys import AppleChain, ServerFiles, make_apple_chain, make_server_files
from app.fakes.phone import Phone

PASS_TYPE_ID: Final = "pass.com.example.loyalty"  # noqa: S105  # no password
TEAM_ID: Final = "A1B2C3D4E5"
_TIMEOUT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the three listen on this machine."""

    google: int = 8010
    apns: int = 8011
    phone: int = 8012


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys and certificates, which are worth nothing outside this machine."""

    apple: AppleChain
    server: ServerFiles
    google: GoogleKeys


def keys_in(directory: Path, ports: Ports) -> Keys:
    """The keys in `directory`, made on the first call and when they have ended."""
    apple = AppleChain(
        *(directory / name for name in ("root.pem", "wwdr.pem", "signer.pem", "signer.key"))
    )
    server = ServerFiles(
        *(directory / name for name in ("server-ca.pem", "server.pem", "server.key"))
    )
    if not (_is_good(apple.signer) and _is_good(server.certificate)):
        apple = make_apple_chain(directory, pass_type_id=PASS_TYPE_ID, team_id=TEAM_ID)
        server = make_server_files(directory)
    google = make_google_keys(directory, token_url=f"http://127.0.0.1:{ports.google}/token")
    return Keys(apple, server, google)


def settings_of(directory: Path, ports: Ports) -> dict[str, str]:
    """The variables that point the platform at the simulated wallets."""
    keys, google = keys_in(directory, ports), f"http://127.0.0.1:{ports.google}"
    return {
        "LOYALTY_GOOGLE_ISSUER_ID": ISSUER_ID,
        "LOYALTY_GOOGLE_SERVICE_ACCOUNT_JSON": str(keys.google.service_account),
        "LOYALTY_GOOGLE_API_URL": google,
        "LOYALTY_GOOGLE_SAVE_URL": f"{google}/save",
        "LOYALTY_GOOGLE_KEYS_URL": f"{google}/keys",
        "LOYALTY_APPLE_PASS_TYPE_ID": PASS_TYPE_ID,
        "LOYALTY_APPLE_TEAM_ID": TEAM_ID,
        "LOYALTY_APPLE_WWDR_CERT_PATH": str(keys.apple.wwdr),
        "LOYALTY_APPLE_SIGNER_CERT_PATH": str(keys.apple.signer),
        "LOYALTY_APPLE_SIGNER_KEY_PATH": str(keys.apple.key),
        "LOYALTY_APPLE_PUSH_URL": f"https://127.0.0.1:{ports.apns}",
        "LOYALTY_APPLE_PUSH_CA_PATH": str(keys.server.ca),
    }


def new_phone(keys: Keys) -> Phone:
    """An iPhone to which these keys are Apple's."""
    root = x509.load_pem_x509_certificate(keys.apple.root.read_bytes())
    context = ssl.create_default_context(cafile=keys.server.ca)
    client = httpx2.Client(verify=context, timeout=_TIMEOUT_S, trust_env=False)
    return Phone(root, client)


def run(
    *,
    directory: Path,
    host: str = "127.0.0.1",
    google_port: int = 8010,
    apns_port: int = 8011,
    phone_port: int = 8012,
    base_url: str = "http://localhost:8000",
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until interrupted. `base_url` is the platform's; `ready` is called when all listen."""
    ports = Ports(google_port, apns_port, phone_port)
    asyncio.run(_serve(keys_in(directory, ports), ports, host, base_url, ready))


async def _serve(
    keys: Keys, ports: Ports, host: str, base_url: str, ready: Callable[[], None]
) -> None:
    phone = new_phone(keys)
    google = FakeGoogle(keys.google, url=f"http://127.0.0.1:{ports.google}", allow_http=True)
    pages = phone_page.create_app(phone, shop_url=base_url)
    servers = [_Server(google, host, ports.google), _Server(pages, host, ports.phone)]
    control = apns.PushControl(on_push=phone.hear_push)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, _stop, servers)
    async with apns.serving(
        control, files=keys.server, chain=keys.apple, host=host, port=ports.apns
    ):
        running = [asyncio.create_task(server.serve()) for server in servers]
        while not all(
            server.started or task.done() for server, task in zip(servers, running, strict=True)
        ):
            await asyncio.sleep(0.05)
        ready()
        await asyncio.gather(*running)


class _Server(uvicorn.Server):
    """One of several in a process, so that signals are none of its business."""

    def __init__(self, app: object, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(app, host=host, port=port, log_level="warning", lifespan="off")  # type: ignore[arg-type]  # an ASGI application
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to `_serve`."""
        yield


def _stop(servers: list[_Server]) -> None:
    for server in servers:
        server.should_exit = True


def _is_good(certificate: Path) -> bool:
    """True where it is there, and for another day at least."""
    if not certificate.exists():
        return False
    ends_at = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    return ends_at > datetime.now(UTC) + timedelta(days=1)
