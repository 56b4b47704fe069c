"""Serves the OpenAPI document as JSON and as an HTML page, which has no script and loads nothing from other hosts."""

import gzip
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

router = APIRouter(include_in_schema=False)

_writing = threading.Lock()

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
code, pre { font: 0.875rem/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid color-mix(in srgb, currentColor 20%, transparent); border-radius: 6px; }
article { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: 0.5rem 0 1rem; }
h3 { margin: 0.75rem 0 0.25rem; font-size: 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; }
.method { font-weight: 700; }
"""


@router.get("/openapi.json")
def document(request: Request) -> Response:
    """The document."""
    return _cached(request, "openapi.json", "application/json", lambda: json.dumps(request.app.openapi()))


@router.get("/docs")
def docs(request: Request) -> Response:
    """The page."""
    media_type = "text/html; charset=utf-8"
    return _cached(request, "docs", media_type, lambda: "".join(_page(request.app.openapi())))


def _cached(request: Request, name: str, media_type: str, write: Callable[[], str]) -> Response:
    """Write and compress a document once, because both are large and can be requested without a key."""
    kept: dict[str, tuple[bytes, bytes]] = request.app.state.reference
    with _writing:  # of several first requests one writes, and the others wait
        if name not in kept:
            plain = write().encode()
            kept[name] = plain, gzip.compress(plain, compresslevel=6, mtime=0)
    plain, compressed = kept[name]
    headers = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(compressed, media_type=media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(plain, media_type=media_type, headers=headers)


@router.get("/docs.css")
async def style() -> Response:
    """The page's CSS: a file, because the page's Content-Security-Policy allows no inline style."""
    return Response(_STYLE, media_type="text/css")


def _page(document: dict[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<title>{escape(info["title"])}: HTTP reference</title><link rel="stylesheet" href="/docs.css"></head>'
    yield f"<body><h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>"
    yield from (f"<p>{_text(paragraph)}</p>" for paragraph in info["description"].split("\n\n"))
    yield '<p>For programs: <a href="/openapi.json">openapi.json</a>.</p><nav><ul>'
    for tag in document["tags"]:
        yield f'<li><a href="#{tag["name"]}">{escape(tag["name"])}</a>: {escape(tag["description"])}</li>'
    yield '<li><a href="#schemas">schemas</a></li></ul></nav><main>'
    for tag in document["tags"]:
        yield f'<section id="{tag["name"]}"><h2>{escape(tag["name"])}</h2>'
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if tag["name"] in operation["tags"]:
                    yield from _operation(method, path, operation)
        yield "</section>"
    yield '<section id="schemas"><h2>schemas</h2>'
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f'<article id="schema-{name}"><h3>{escape(name)}</h3><p>{_text(schema.get("description", ""))}</p>'
        yield _table(
            (f"<code>{escape(field)}</code>", _type(part), _text(part.get("description", "")))
            for field, part in schema.get("properties", {}).items()
        )
        yield "</article>"
    yield "</section></main></body></html>"


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<article id="{operation["operationId"]}"><h3><span class="method">{method.upper()}</span> '
    yield f"<code>{escape(path)}</code></h3><p>{_text(operation.get('description', ''))}</p>"
    yield _table(
        (
            f"<code>{escape(item['name'])}</code>",
            f"{item['in']}, {_type(item['schema'])}",
            _text(item.get("description", "")),
        )
        for item in operation.get("parameters", ())
    )
    for media, body in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body: <code>{media}</code>, {_type(body['schema'])}</p>"
        for example in body.get("examples", {}).values():
            yield f"<pre>{escape(json.dumps(example['value'], indent=2, ensure_ascii=False))}</pre>"
    yield _table(
        (
            f"<code>{status}</code>",
            ", ".join(_type(body.get("schema", {})) for body in answer.get("content", {}).values()),
            _text(answer["description"]) + _codes(answer),
        )
        for status, answer in operation["responses"].items()
    )
    yield "</article>"


def _codes(answer: dict[str, Any]) -> str:
    problem = answer.get("content", {}).get("application/problem+json", {})
    codes = ", ".join(f"<code>{escape(code)}</code>" for code in problem.get("examples", {}))
    return f" ({codes})" if codes else ""


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    return escape(schema.get("type", "anything"))


def _text(markdown: str) -> str:
    """Escaped, with `code` as code, which is all the markup that the descriptions use."""
    parts = escape(markdown.replace("``", "`")).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>" if lines else ""
