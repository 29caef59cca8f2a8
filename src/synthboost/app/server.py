"""Start the page: on this machine alone, without telemetry, with everything that it holds gone at the end."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

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


class Private:
    """Adds `HEADERS` to every response; on this machine alone, refuses requests that another site's page causes."""

    def __init__(self, app: Callable[..., Awaitable[None]], loopback: bool) -> None:
        """Wrap an ASGI application; `loopback` says that only this machine may reach it."""
        self.app, self.loopback = app, loopback

    async def __call__(self, scope: Scope, receive: Any, send: Callable[[Scope], Awaitable[None]]) -> None:
        """Pass everything on that may come in; responses get the headers."""

        async def send_with(message: Scope) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        if self.loopback and scope["type"] in ("http", "websocket") and not is_from_here(scope.get("headers", ())):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await send_with({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
            await send_with({"type": "http.response.body", "body": b""})
            return
        await self.app(scope, receive, send_with)


def is_from_here(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request names this machine, and comes from no page of another site.

    A name that another site lets point here (DNS rebinding) stays in `Host`; the site that sends a form, in `Origin`.
    """
    named = [value.decode("latin-1") for name, value in headers if name.lower() == b"host"]
    origins = [value.decode("latin-1") for name, value in headers if name.lower() == b"origin"]
    try:
        hosts = [urlsplit(f"//{name}") for name in named]
        pages = [urlsplit(name) for name in origins]
        own = {(host.hostname, host.port) for host in hosts}
        return (
            len(own) == 1
            and all(is_loopback(host.hostname or "") for host in hosts)
            and all((page.hostname, page.port) in own for page in pages)
        )
    except ValueError:  # no address at all
        return False


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
                app_kwargs={
                    "middleware": [_middleware(is_loopback(host))],
                    "docs_url": None, "redoc_url": None, "openapi_url": None,
                },
                theme=page.theme, css=page.css,
            )  # fmt: skip
        except OSError as error:
            raise ConfigError("serve", "port", port, "a free port", "Choose another with --address.") from error
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


def _middleware(loopback: bool) -> Any:
    from starlette.middleware import Middleware

    return Middleware(Private, loopback=loopback)
