import pytest

from agent.tools.schemas import SchemaUnusable, closed, problem, validator_of, without

ODD = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "amount": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": None},
        "note": {"type": ["string", "null"]},
        "day": {"type": "string", "format": "date"},
        "room": {"$ref": "#/$defs/Room"},
        "rooms": {"type": "array", "items": {"$ref": "#/$defs/Room"}},
    },
    "required": ["day"],
    "$defs": {"Room": {"type": "object", "properties": {"beds": {"type": "integer"}, "enum": {"type": "string"}}}},
}


def told(schema, arguments):
    return problem(validator_of(closed(schema)), arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"day": "2026-11-27"},
        {"day": "2026-11-27", "amount": None, "note": None},
        {"day": "2026-11-27", "amount": 5, "room": {"beds": 2, "enum": "x"}, "rooms": [{}]},
    ],
)
def test_unusual_schemas_take_what_they_allow(arguments):
    assert told(ODD, arguments) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0},
        {"amount": "7"},
        {"amount": True},
        {"day": "27.11.2026"},
        {"room": {"beds": 2, "owner": "x"}},
        {"rooms": [{"owner": "x"}]},
        {"more": 1},
        {"$ref": "#"},
    ],
)
def test_and_refuse_what_they_do_not(wrong):
    found = told(ODD, {"day": "2026-11-27", **wrong})
    assert found
    assert "27.11" not in found


def test_what_is_missing_is_named():
    assert told(ODD, {}) == "the arguments: day missing"


def test_a_schema_that_leaves_itself_open_is_closed_all_the_same():
    assert told({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, {"b": 1})
    assert told({"properties": {"a": {}}, "patternProperties": {"^x": {}}}, {"xb": 1})
    assert told({}, {"b": 1})


def test_parts_that_stand_together_are_closed_as_a_whole():
    schema = {"allOf": [{"properties": {"a": {"type": "integer"}}}, {"properties": {"b": {"type": "integer"}}}]}
    assert told(schema, {"a": 1, "b": 2}) is None
    assert told(schema, {"a": 1, "b": 2, "c": 3})


def test_a_pointer_at_the_top_is_followed():
    schema = {"$ref": "#/$defs/Args", "$defs": {"Args": {"type": "object", "properties": {"a": {"type": "integer"}}}}}
    assert told(schema, {"a": 1}) is None
    assert told(schema, {"b": 1})
    assert without(closed(schema), frozenset({"a"}))["properties"] == {}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array"},
        {"properties": {"a": {"$ref": "http://192.0.2.1/schema.json"}}},
        {"properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"properties": {"a": {"$ref": "#/$defs/Nowhere"}}},
        {"$ref": "#"},
        {"type": "nonsense"},
        {"properties": {str(n): {"type": "string"} for n in range(30_000)}},
    ],
    ids=["array", "remote", "file", "dangling", "itself", "invalid", "large"],
)
def test_schemas_that_can_not_be_used(schema):
    with pytest.raises(SchemaUnusable):
        closed(schema)


def test_arguments_without_end_are_refused():
    schema = {
        "properties": {"a": {"$ref": "#/$defs/List"}},
        "$defs": {"List": {"type": "array", "items": {"$ref": "#/$defs/List"}}},
    }
    nested: list = []
    for _ in range(5_000):
        nested = [nested]
    assert told(schema, {"a": nested})


def test_a_parameter_that_is_not_there_can_not_be_bound():
    with pytest.raises(SchemaUnusable, match="has no parameter 'customer'"):
        without(closed(ODD), frozenset({"customer"}))
