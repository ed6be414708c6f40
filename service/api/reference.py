"""The OpenAPI document as one readable page: no script, nothing fetched from elsewhere."""

from collections import defaultdict
from html import escape
from typing import Any

import orjson

# The ways to call an operation, in the words of the page.
_WAYS = {
    "secretKey": "a secret key (<code>Authorization: Bearer ancrage_sk_…</code>)",
    "personToken": "the token of a person (<code>Authorization: Bearer ancrage_at_…</code>)",
    "publishableKey": "a publishable key (<code>Ancrage-Key: ancrage_pk_…</code>)",
}


def _parameters(operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(item['name'])}</code><br><small>{escape(item['in'])}"
        f"{', required' if item.get('required') else ''}</small></td>"
        f"<td>{escape(item.get('description') or item.get('schema', {}).get('title', ''))}</td></tr>"
        for item in operation.get("parameters", [])
    )
    return f"<table>{rows}</table>" if rows else ""


def _schema_name(content: dict[str, Any]) -> str:
    names = []
    for media_type, value in content.items():
        reference = value.get("schema", {}).get("$ref", "")
        name = reference.rsplit("/", 1)[-1]
        names.append(f'<a href="#schema-{escape(name)}">{escape(name)}</a>' if name else escape(media_type))
    return ", ".join(names)


def _headers(response: dict[str, Any]) -> str:
    return "".join(
        f"<br><small><code>{escape(name)}</code> {escape(header.get('description', ''))}</small>"
        for name, header in response.get("headers", {}).items()
    )


def _responses(operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{escape(response.get('description', ''))}"
        f"{_headers(response)}</td>"
        f"<td>{_schema_name(response.get('content', {}))}</td></tr>"
        for status, response in operation["responses"].items()
    )
    return f"<table>{rows}</table>"


def _callers(operation: dict[str, Any]) -> str:
    """Return who may call an operation, as its ``security`` says: each way is enough."""
    ways = {next(iter(way)) for way in operation.get("security", [])}
    words = " or ".join(words for scheme, words in _WAYS.items() if scheme in ways)
    return f"<p>Takes {words}.</p>" if words else ""


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {})
    sent = f"<p>Send: {_schema_name(body)}</p>" if body else ""
    return (
        f'<details id="{escape(operation["operationId"])}">'
        f'<summary><span class="method">{method.upper()}</span> '
        f"<code>{escape(path)}</code> {escape(operation.get('summary', ''))}</summary>"
        f"<pre>{escape(operation.get('description', ''))}</pre>{_callers(operation)}"
        f"{_parameters(operation)}{sent}{_responses(operation)}"
        "</details>"
    )


def render(document: dict[str, Any]) -> str:
    """Return the body of the page: every operation by tag, then every schema."""
    by_tag: dict[str, list[str]] = defaultdict(list)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            by_tag[operation.get("tags", ["Other"])[0]].append(_operation(path, method, operation))
    sections = [f"<pre>{escape(document['info'].get('description', ''))}</pre>"]
    sections += [f"<h2>{escape(tag)}</h2>{''.join(operations)}" for tag, operations in by_tag.items()]
    schemas = "".join(
        f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"<pre>{escape(orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode())}</pre></details>"
        for name, schema in sorted(document.get("components", {}).get("schemas", {}).items())
    )
    return "".join(sections) + f"<h2>Shapes</h2>{schemas}"
