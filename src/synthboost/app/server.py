"""Start the page: on this machine alone, without telemetry, with everything that it holds gone at the end."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from synthboost.app.controller import Controller
from synthboost.app.images import MAX_UPLOAD_BYTES, Uploads
from synthboost.errors import ConfigError, extra
from synthboost.inference.predictor import Predictor

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""The browser itself refuses to load anything from, or send anything to, another machine."""
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
Scope = MutableMapping[str, Any]


class PrivateHeaders:
    """Adds `HEADERS` to every response."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        """Wrap an ASGI application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Callable[[Scope], Awaitable[None]]) -> None:
        """Pass everything on; responses get the headers."""

        async def send_with(message: Scope) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        await self.app(scope, receive, send_with)


@contextmanager
def serving(
    predictor: Predictor,
    model: str,
    host: str,
    port: int | None,
    random_weights: bool = False,
    name_domain: bool = False,
) -> Iterator[str]:
    """Serve the page while the block runs; yields its address. Uploads are removed at the end.

    Args:
        predictor: the model.
        model: what the page calls it.
        host: an address of this machine.
        port: `None` takes a free one.
        random_weights: the page then says so.
        name_domain: see `build_page`.

    Raises:
        ConfigError: gradio is not installed, or the port is taken.
    """
    with Uploads() as uploads:
        os.environ["GRADIO_TEMP_DIR"] = str(uploads.folder)
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        page = _page(Controller(predictor, uploads), model, random_weights, name_domain)
        try:
            _, address, _ = page.queue(default_concurrency_limit=2, max_size=64, api_open=False).launch(
                server_name=host, server_port=port, share=False, prevent_thread_lock=True, quiet=True, inbrowser=False,
                max_file_size=MAX_UPLOAD_BYTES, allowed_paths=[], show_error=False, ssr_mode=False, pwa=False,
                enable_monitoring=False, mcp_server=False, footer_links=[], run_history=False,
                app_kwargs={"middleware": [_middleware()], "docs_url": None, "redoc_url": None, "openapi_url": None},
                theme=page.theme, css=page.css,
            )  # fmt: skip
        except OSError as error:
            raise ConfigError("serve", "port", port, "a free port", "Choose another with --port.") from error
        try:
            yield address
        finally:
            page.close(verbose=False)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def warn_of_host(host: str) -> None:
    """Say what it means when others reach the page."""
    if not is_loopback(host):
        print(
            f"warning: {host} lets other machines reach this page, without a password and unencrypted. "
            "They cannot see other visitors' images but can use the model.",
            file=sys.stderr,
        )


def _page(controller: Controller, model: str, random_weights: bool, name_domain: bool) -> Any:
    with extra("app", "gradio"):
        import gradio  # noqa: F401

    from synthboost.app.page import build_page

    return build_page(controller, model, random_weights, name_domain)


def _middleware() -> Any:
    from starlette.middleware import Middleware

    return Middleware(PrivateHeaders)
