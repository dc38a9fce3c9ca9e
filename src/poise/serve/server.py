"""The server itself: uvicorn, until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def serve(app: Any, host: str, port: int, ending: Callable[[], None] = lambda: None) -> None:
    """Answer until Ctrl-C; then `ending` is called, which ends what requests in progress wait for."""
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            ending()
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        limit_concurrency=400,
        h11_max_incomplete_event_size=16_384,
        timeout_keep_alive=20,
        server_header=False,
    )
    Server(config).run()
