"""The platform as `orion serve` runs it, on a socket that the starter has bound.

`python -m bench.server <file descriptor>`. For each line it is sent it prints the CPU seconds
that it has used; it stops when its input ends.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

import uvicorn


def main() -> None:
    listener = socket.socket(fileno=int(sys.argv[1]))
    server = uvicorn.Server(
        uvicorn.Config(
            "app.main:create_app",
            factory=True,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
    )
    threading.Thread(target=_report, args=(server,), daemon=True).start()
    server.run(sockets=[listener])


def _report(server: uvicorn.Server) -> None:
    for _ in sys.stdin:
        print(json.dumps({"cpu_s": time.process_time()}), flush=True)
    server.should_exit = True


if __name__ == "__main__":
    main()
