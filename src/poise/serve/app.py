"""The web application: files of its own, runs as JSON, samples. It only ever answers GET and HEAD, and writes nothing.

What keeps others out: names of hosts that this server is not called by are refused (a page of another site cannot reach
it under a name of its own), so are requests that a browser says come from another site; where the address is not this
machine's own, a token is asked for, compared in constant time. Pages may load nothing from anywhere else.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from poise.errors import PoiseError
from poise.serve.answers import Reply, in_language, wished
from poise.serve.apart import Painter, TooMany
from poise.serve.compare import comparison, names_in
from poise.serve.play import DrawnRuns
from poise.serve.studies import StudyViews
from poise.serve.views import Views
from poise.words import translated

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

FILES = {
    "index.html": "text/html; charset=utf-8",
    "serve.css": "text/css; charset=utf-8",
    "uplot.css": "text/css; charset=utf-8",
    "study.js": "text/javascript; charset=utf-8",
    "serve.js": "text/javascript; charset=utf-8",
    "uplot.js": "text/javascript; charset=utf-8",
    "play.js": "text/javascript; charset=utf-8",
    "play_lines.js": "text/javascript; charset=utf-8",
    "play.css": "text/css; charset=utf-8",
    "compare.js": "text/javascript; charset=utf-8",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
COOKIE = "poise-token"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
Handler = Callable[["Request"], Awaitable["Response"]]


def application(
    root: Path,
    hosts: Sequence[str] | None = LOOPBACK,
    token: str | None = None,
    painter: Painter | None = None,
    studies: Path | None = None,
) -> Starlette:
    """The application over the runs right below `root`, and the studies right below `studies` (None: below `root`).

    Args: hosts, names that it may be called by, without a port; None: any; token, asked for as ?token= once, kept by
    the browser in a cookie; painter, what draws (default: a process of its own, begun with the first drawing).
    """
    from starlette.applications import Starlette
    from starlette.routing import Route

    alone, several = Views(root), StudyViews(studies or root)

    def views_of(study: str | None) -> Views:
        """The runs of a study, or those beside it."""
        return alone if study is None else several.runs(study)

    def run(name: str, study: str | None = None) -> Reply:
        return views_of(study).run(name)

    def sample(name: str, file: str, study: str | None = None) -> tuple[bytes, str]:
        return views_of(study).sample(name, file)

    routes = [
        Route("/", page),
        Route("/api/runs", told(alone.runs)),
        Route("/api/studies", told(several.studies)),
        Route("/api/study/{name}", told(several.study)),
    ]
    for above in ("/api", "/api/study/{study}"):
        routes.append(Route(f"{above}/run/{{name}}", told(run)))
        routes.append(Route(f"{above}/sample/{{name}}/{{file:path}}", sent(sample)))
    routes += [*play_routes(alone, painter), *compare_routes(alone), Route("/{name}", page)]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return guarded(app, hosts, token)


def told(find: Callable[..., Reply]) -> Handler:
    """A handler that answers with what is found for the parts of an address, by their names, in a thread of its own."""

    async def handle(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        try:
            return answered(request, await run_in_threadpool(find, **request.path_params))
        except PoiseError as error:
            return refused(request, 404, str(error))

    return handle


def sent(find: Callable[..., tuple[bytes, str]]) -> Handler:
    """The same for the content of a file and its type."""

    async def handle(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import Response

        try:
            content, kind = await run_in_threadpool(find, **request.path_params)
        except PoiseError as error:
            return refused(request, 404, str(error))
        return Response(content, media_type=kind)

    return handle


def play_routes(views: Views, painter: Painter | None) -> list[Route]:
    """What a run can draw, and drawings. 400: what cannot be asked; 503: others are drawing."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import Response
    from starlette.routing import Route

    player = DrawnRuns(views, painter)

    async def drawing(request: Request) -> Response:
        query = request.query_params.multi_items()
        try:
            content, kind = await run_in_threadpool(player.drawn, query=query, **request.path_params)
        except TooMany as error:
            return refused(request, 503, str(error))
        except PoiseError as error:
            return refused(request, 400, str(error))
        return Response(content, media_type=kind)

    return [
        Route("/api/play/{name}", told(player.abilities)),
        Route("/api/play/{name}/{what}", drawing),
    ]


def compare_routes(views: Views) -> list[Route]:
    """Several runs beside each other, as ?run=A&run=B."""
    from starlette.concurrency import run_in_threadpool
    from starlette.routing import Route

    async def compared(request: Request) -> Response:
        try:
            names = names_in(request.query_params.multi_items())
            return answered(request, await run_in_threadpool(comparison, views, names))
        except PoiseError as error:
            return refused(request, 400, str(error))

    return [Route("/api/compare", compared)]


async def page(request: Request) -> Response:
    """A file of the page itself."""
    from starlette.responses import Response

    name = request.path_params.get("name", "index.html")
    if name == "favicon.ico":
        return Response(status_code=204)
    if name not in FILES:
        return refused(request, 404, "there is no such page")
    content = (resources.files("poise.serve") / "web" / name).read_bytes()
    return Response(content, media_type=FILES[name])


def answered(request: Request, answer: Reply) -> Response:
    """JSON, or nothing where the browser has this version already."""
    from starlette.responses import Response

    to = wished(request.headers.get("accept-language", ""))
    tag = f'"{answer.version}"' if to == "en" else f'"{answer.version}-{to}"'
    headers = {"ETag": tag, "Vary": "Accept-Language"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    content = json.dumps(in_language(answer.content, to), ensure_ascii=False, allow_nan=False)
    said = content.encode(errors="backslashreplace")  # \udce9 of a name that is no text, which JSON reads back
    return Response(said, media_type="application/json", headers=headers)


def refused(request: Request, code: int, why: str) -> Response:
    """One sentence, in the language of the page that asks."""
    from starlette.responses import PlainTextResponse

    to = wished(request.headers.get("accept-language", ""))
    return PlainTextResponse(f"{translated(why, to)}\n", code, headers={"Vary": "Accept-Language"})


def guarded(app: Starlette, hosts: Sequence[str] | None, token: str | None) -> Starlette:
    """The same, asked only by those who may."""
    from starlette.middleware.base import BaseHTTPMiddleware

    async def guard(request: Request, then: Handler) -> Response:
        response = barred(request, hosts, token) or await then(request)
        for name, value in HEADERS.items():
            response.headers[name] = value
        if token is not None and request.query_params.get("token") is not None and response.status_code < 400:
            response.set_cookie(COOKIE, token, httponly=True, samesite="strict")
        return response

    app.add_middleware(BaseHTTPMiddleware, dispatch=guard)
    return app


def barred(request: Request, hosts: Sequence[str] | None, token: str | None) -> Response | None:
    """Why a request is not answered."""
    if request.method not in ("GET", "HEAD"):
        return refused(request, 405, "nothing can be changed here")
    if len(str(request.url)) > 2000:
        return refused(request, 414, "the address is too long")
    if hosts is not None and _host(request.headers.get("host", "")) not in hosts:
        return refused(request, 421, "this server is not called so")
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site") and request.url.path != "/":
        return refused(request, 403, "this comes from another site")
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        return refused(request, 403, "this comes from another site")
    if token is not None:
        given = request.query_params.get("token") or request.cookies.get(COOKIE) or ""
        if not hmac.compare_digest(given.encode(errors="replace"), token.encode()):
            return refused(request, 401, "open the address with ?token=, as poise serve printed it")
    return None


def _host(header: str) -> str:
    """The name in a Host header, without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
