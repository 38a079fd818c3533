"""An OpenAPI document (3.0 or 3.1): the operations in it, each as one flat set of arguments and how they are sent. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from agent.tools.schemas import SchemaUnusable
from agent.tools.systems import Offer

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
BODY = "body"
"""The argument that takes a request body which is no object with named properties."""
_COMPONENTS = "#/components/schemas/"
_JSON = re.compile(r"application/([a-z0-9.+-]+\+)?json(;.*)?", re.IGNORECASE)
_IN_PATH = re.compile(r"\{([^{}]+)\}")
Place = Literal["path", "query", "header", "body"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent for a call. `query` repeats a name for a list; `body` is None if none is sent."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Attributes:
        places: where each argument goes.
        whole_body: True if the argument `body` is the whole body; otherwise the body is an object of its arguments.
    """

    method: str
    path: str
    offer: Offer
    places: Mapping[str, Place]
    whole_body: bool = False

    def request(self, arguments: Mapping[str, Any]) -> Request:
        """A call with these arguments, which fit the schema."""
        by_place: dict[Place, dict[str, Any]] = {"path": {}, "query": {}, "header": {}, "body": {}}
        for name, value in arguments.items():
            by_place[self.places[name]][name] = value
        path = self.path
        for name, value in by_place["path"].items():
            path = path.replace("{" + name + "}", _segment(value))
        asked = ((name, value if isinstance(value, list) else [value]) for name, value in by_place["query"].items())
        query = tuple((name, _plain(one)) for name, values in asked for one in values)
        headers = {name: quote(_plain(value), safe=_IN_HEADERS) for name, value in by_place["header"].items()}
        has_body = any(place == "body" for place in self.places.values())
        body = by_place["body"].get(BODY) if self.whole_body else by_place["body"] or ({} if has_body else None)
        return Request(self.method.upper(), path, query, headers, body)


def operations(document: Mapping[str, Any], key_header: str = "") -> dict[str, Operation | str]:
    """All operations by their operationId and by `METHOD /path`; for one that can't be used, why.

    The header that carries keys is no argument.

    Raises:
        ValueError: it is no OpenAPI document of version 3.
    """
    version = document.get("openapi")
    paths = document.get("paths")
    if not isinstance(version, str) or not version.startswith("3.") or not isinstance(paths, Mapping):
        raise ValueError("it is no OpenAPI document of version 3")
    found: dict[str, Operation | str] = {}
    taken = _NOT_OURS | {key_header.lower()}
    for path, item in paths.items():
        if not isinstance(item, Mapping):
            continue
        for method in METHODS:
            one = item.get(method)
            if not isinstance(one, Mapping):
                continue
            try:
                made: Operation | str = _operation(document, (method, str(path)), item, one, taken, version.startswith("3.0"))
            except (SchemaUnusable, KeyError, TypeError, AttributeError) as error:
                made = str(error) if isinstance(error, SchemaUnusable) else "it isn't described as OpenAPI asks for"
            found[f"{method.upper()} {path}"] = made
            name = one.get("operationId")
            if isinstance(name, str):
                found[name] = made if name not in found else f"the document has two operations {name!r}; name it as METHOD /path"
    return found


def _operation(
    document: Mapping[str, Any],
    where: tuple[str, str],
    item: Mapping[str, Any],
    one: Mapping[str, Any],
    taken: frozenset[str],
    old: bool,
) -> Operation:
    properties: dict[str, Any] = {}
    required: list[str] = []
    places: dict[str, Place] = {}

    def add(name: str, schema: Any, place: Place, is_required: bool) -> None:
        if name in places:
            raise SchemaUnusable(f"two of its parameters are named {name!r}")
        properties[name], places[name] = schema, place
        if is_required:
            required.append(name)

    for parameter in _parameters(document, item, one):
        place = parameter["in"]
        if place == "cookie" or "schema" not in parameter:
            if parameter.get("required"):
                raise SchemaUnusable(f"its parameter {parameter['name']!r} is none that can be sent")
            continue
        if place == "header" and parameter["name"].lower() in taken:
            continue
        told = {"description": parameter["description"]} if parameter.get("description") else {}
        add(parameter["name"], {**parameter["schema"], **told}, place, bool(parameter.get("required")) or place == "path")
    named = {name for name, place in places.items() if place == "path"}
    if unnamed := sorted(set(_IN_PATH.findall(where[1])) - named):
        raise SchemaUnusable(f"its path has {', '.join(unnamed)}, which is none of its parameters")
    whole_body = _add_body(document, one, add)
    schema = {"type": "object", "properties": properties, "required": required}
    described = str(one.get("description") or one.get("summary") or "")
    offer = Offer(described, _with_definitions(document, schema, old=old))
    return Operation(*where, offer, places, whole_body)


_IN_HEADERS = " !#$%&'*+-./:;=?@^_`|~,()[]{}<>"
_NOT_OURS = frozenset({"accept", "content-type", "authorization", "host", "content-length", "connection", "cookie"})
"""Headers that no argument may set: the client sets them, or nobody does."""


def _parameters(document: Mapping[str, Any], item: Mapping[str, Any], one: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Those of the path and of the operation, which win."""
    by_name: dict[tuple[str, str], Mapping[str, Any]] = {}
    for parameter in [*item.get("parameters", ()), *one.get("parameters", ())]:
        known = _looked_up(document, parameter)
        by_name[known["in"], known["name"]] = known
    yield from by_name.values()


def _add_body(document: Mapping[str, Any], one: Mapping[str, Any], add: Any) -> bool:
    """The request's body as arguments. True if it is one argument as a whole."""
    if "requestBody" not in one:
        return False
    described = _looked_up(document, one["requestBody"])
    schemas = [media.get("schema", {}) for kind, media in described["content"].items() if _JSON.fullmatch(kind)]
    if not schemas:
        raise SchemaUnusable("it takes no JSON")
    schema = _looked_up(document, schemas[0])
    combined = {"allOf", "anyOf", "oneOf"} & set(schema)
    if schema.get("type") == "object" and isinstance(schema.get("properties"), Mapping) and not combined:
        for name, known in schema["properties"].items():
            add(name, known, "body", name in schema.get("required", ()))
        return False
    add(BODY, schemas[0], "body", bool(described.get("required")))
    return True


def _looked_up(document: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a `$ref` within the document points to."""
    for _ in range(20):
        target = node.get("$ref")
        if target is None:
            return node
        if not isinstance(target, str) or not target.startswith("#/"):
            raise SchemaUnusable("it points outside of the document")
        found: Any = document
        for part in target[2:].split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping):
            raise SchemaUnusable(f"it points to what the document doesn't hold ({target})")
        node = found
    raise SchemaUnusable("it points to itself")


def _with_definitions(document: Mapping[str, Any], schema: Mapping[str, Any], *, old: bool) -> dict[str, Any]:
    """The schema as it stands alone: with the components that it points to, and as JSON Schema 2020-12 says things."""
    definitions: dict[str, Any] = {}
    wanted: list[str] = []
    whole: dict[str, Any] = _translated(schema, wanted, old)
    while wanted:
        name = wanted.pop()
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _translated(_looked_up(document, {"$ref": _COMPONENTS + name}), wanted, old)
    if definitions:
        whole["$defs"] = {name.replace("~1", "/").replace("~0", "~"): one for name, one in definitions.items()}
    return whole


_DATA = frozenset({"const", "enum", "default", "examples"})
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_FOR_READERS = frozenset({"discriminator", "xml", "externalDocs", "example"})


def _translated(node: Any, wanted: list[str], old: bool) -> Any:
    if isinstance(node, list):
        return [_translated(one, wanted, old) for one in node]
    if not isinstance(node, Mapping):
        return node
    made: dict[str, Any] = {}
    for name, value in node.items():
        if name in _DATA:
            made[name] = value
        elif name in _BY_NAME and isinstance(value, Mapping):
            made[name] = {one: _translated(known, wanted, old) for one, known in value.items()}
        elif name not in _FOR_READERS:
            made[name] = _translated(value, wanted, old)
    target = made.get("$ref")
    if isinstance(target, str) and target.startswith(_COMPONENTS):
        name = target.removeprefix(_COMPONENTS)
        wanted.append(name)
        made["$ref"] = "#/$defs/" + name
    return _from_3_0(made) if old else made


def _from_3_0(node: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI 3.0 says in its own way. Source: OpenAPI Initiative, "Migrating from OpenAPI 3.0 to 3.1.0"."""
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(node.get(exclusive), bool) and node.pop(exclusive) and limit in node:
            node[exclusive] = node.pop(limit)
    if node.pop("nullable", None) is True:
        return {"anyOf": [node, {"type": "null"}]}
    return node


def _segment(value: Any) -> str:
    """A value as one part of a path. Dots alone would climb out of it."""
    text = quote(_plain(value), safe="")
    if text in ("", ".", ".."):
        raise SchemaUnusable("a part of its path would be empty or climb")
    return text


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
