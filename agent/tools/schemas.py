"""JSON Schemas of arguments: closed to what they don't name, free of what is bound, and checked against. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

Schema = Mapping[str, Any]

_COMBINING = ("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if")
_DATA = ("const", "enum", "default", "examples")
"""What holds values, not schemas."""
_MOST_NODES = 20_000
"""Of one schema: one that is larger is no description of arguments."""


class SchemaUnusable(ValueError):
    """A schema that arguments can't be checked by."""


def closed(schema: Schema) -> dict[str, Any]:
    """The schema of an object that refuses every argument it doesn't name.

    Objects within it are closed as well where they say nothing about it themselves, unless the schema uses `allOf`: its parts
    would refuse one another's properties.

    Raises:
        SchemaUnusable: it is no schema of an object, or points outside of itself.
    """
    nodes = list(_nodes(schema))
    for node in nodes:
        for name in ("$ref", "$dynamicRef"):
            target = node.get(name, "#")
            if not isinstance(target, str) or not target.startswith("#"):
                raise SchemaUnusable(f"it points outside of itself ({name})")
    whole = _inlined({name: value for name, value in schema.items() if name not in ("$schema", "$id")})
    if whole.get("type", "object") != "object":
        raise SchemaUnusable("its arguments are no object")
    if not any("allOf" in node for node in nodes):
        whole = {name: _close_within(value) for name, value in whole.items()}
    whole.pop("patternProperties", None)
    combined = any(name in whole for name in _COMBINING)
    whole["additionalProperties"] = False
    if combined:
        del whole["additionalProperties"]
        whole["unevaluatedProperties"] = False
    whole["type"] = "object"
    _check(whole)
    return whole


def without(schema: Schema, names: frozenset[str]) -> dict[str, Any]:
    """The schema without these parameters. Raises `SchemaUnusable` for one that it doesn't name at its top."""
    properties = dict(schema.get("properties", {}))
    for name in sorted(names):
        if name not in properties:
            raise SchemaUnusable(f"it has no parameter {name!r}; it has: {', '.join(sorted(properties)) or 'none'}")
        del properties[name]
    rest = {**schema, "properties": properties}
    if "required" in schema:
        rest["required"] = [name for name in schema["required"] if name not in names]
    return rest


def validator_of(schema: Schema) -> Draft202012Validator:
    """Checks arguments. Fetches nothing, whatever the schema names."""
    return Draft202012Validator(schema, registry=Registry(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def problem(validator: Draft202012Validator, arguments: Mapping[str, Any]) -> str | None:
    """What is wrong with the arguments, without their values; None if nothing is."""
    try:
        worst = best_match(validator.iter_errors(dict(arguments)))
    except RecursionError:
        return "they are nested too deeply"
    if worst is None:
        return None
    return _told(worst)


def _told(error: ValidationError) -> str:
    place = ".".join(str(part) for part in error.absolute_path) or "the arguments"
    rule, wanted = str(error.validator), error.validator_value
    if rule == "required":
        missing = sorted(set(wanted) - set(error.instance))
        return f"{place}: {', '.join(missing)} missing"
    if rule in ("additionalProperties", "unevaluatedProperties"):
        return f"{place}: something is given that it does not take"
    shown = str(wanted) if isinstance(wanted, (str, int, float, bool)) else ""
    if rule in ("enum", "type") and isinstance(wanted, list):
        shown = ", ".join(map(str, wanted))[:200]
    return f"{place}: not as `{rule}` asks for" + (f" ({shown[:200]})" if shown else "")


def _check(schema: Schema) -> None:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise SchemaUnusable(f"it is no JSON Schema: {'.'.join(map(str, error.absolute_path)) or 'at its top'}") from error
    resolver = Registry().with_resource("", DRAFT202012.create_resource(schema)).resolver()
    for node in _nodes(schema):
        if "$ref" in node:
            try:
                resolver.lookup(node["$ref"])
            except Unresolvable as error:
                raise SchemaUnusable(f"it points to what it doesn't hold ({node['$ref']})") from error


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that is nothing but a pointer into its own definitions becomes what it points to."""
    for _ in range(10):
        target = schema.get("$ref")
        if not isinstance(target, str) or set(schema) - {"$ref", "$defs", "definitions", "title", "description"}:
            return schema
        found: Any = schema
        for part in target.removeprefix("#").strip("/").split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping):
            raise SchemaUnusable(f"it points to what it doesn't hold ({target})")
        kept = {name: value for name, value in schema.items() if name in ("$defs", "definitions")}
        schema = {**found, **kept}
    raise SchemaUnusable("it points to itself")


def _close_within(value: Any) -> Any:
    if isinstance(value, list):
        return [_close_within(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    inner = {name: one if name in _DATA else _close_within(one) for name, one in value.items()}
    says = {"additionalProperties", "unevaluatedProperties", "patternProperties", *_COMBINING} & set(inner)
    if isinstance(inner.get("properties"), dict) and inner.get("type") == "object" and not says:
        inner["additionalProperties"] = False
    return inner


def _nodes(schema: Schema) -> Iterator[Mapping[str, Any]]:
    """Every object within it, itself included."""
    left: list[Any] = [schema]
    for _ in range(_MOST_NODES):
        if not left:
            return
        one = left.pop()
        if isinstance(one, Mapping):
            yield one
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)
    raise SchemaUnusable("it is too large")
