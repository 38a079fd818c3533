import pytest

from agent.tools.openapi_document import Operation, operations
from agent.tools.schemas import SchemaUnusable, closed, problem, validator_of


def document(version="3.1.0", **operation):
    given = {"operationId": "one", **operation}
    shared = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    components = {"Room": {"type": "object", "properties": {"beds": {"type": "integer", "nullable": True}, "xml": {}}}}
    return {
        "openapi": version,
        "paths": {"/a/{id}": {"parameters": shared, "post": given}},
        "components": {"schemas": components},
    }


def one(*, key_header="", **operation) -> Operation:
    found = operations(document(**operation), key_header)["one"]
    assert isinstance(found, Operation), found
    return found


def body(schema):
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def test_arguments_go_where_the_document_says():
    found = one(
        parameters=[
            {"name": "q", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
            {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
        ],
        **body({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}),
    )
    asked = found.request({"id": "../b?c", "q": ["x", "y"], "X-Trace": "a\r\nb: c", "n": 3})
    assert (asked.method, asked.path) == ("POST", "/a/..%2Fb%3Fc")
    assert asked.query == (("q", "x"), ("q", "y"))
    assert asked.headers == {"X-Trace": "a%0D%0Ab:%20c".replace("%20", " ")}
    assert asked.body == {"n": 3}
    assert set(found.offer.schema["required"]) == {"id", "n"}


@pytest.mark.parametrize("part", ["", ".", ".."])
def test_a_path_can_not_be_climbed(part):
    with pytest.raises(SchemaUnusable):
        one().request({"id": part})


def test_a_body_that_is_no_plain_object_is_one_argument():
    found = one(**body({"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/Room"}]}))
    assert found.request({"id": "1", "body": "x"}).body == "x"
    assert "Room" in found.offer.schema["$defs"]


def test_components_come_along_and_version_3_0_is_translated():
    found = one(version="3.0.3", **body({"$ref": "#/components/schemas/Room"}))
    check = validator_of(closed(found.offer.schema))
    assert problem(check, {"id": "1", "beds": None, "xml": 1}) is None
    assert problem(check, {"id": "1", "beds": "2"})


def test_the_header_of_keys_and_of_secrets_is_no_argument():
    named = ["Idempotency-Key", "Authorization", "X-Once"]
    parameters = [{"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in named]
    assert set(one(parameters=parameters, key_header="x-once").places) == {"id", "Idempotency-Key"}


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (body({"type": "object", "properties": {"id": {}}}), "two of its parameters"),
        ({"requestBody": {"content": {"text/xml": {}}}}, "no JSON"),
        ({"parameters": [{"$ref": "http://192.0.2.1/p"}]}, "outside of the document"),
        ({"parameters": [{"name": "s", "in": "cookie", "required": True, "schema": {}}]}, "none that can be sent"),
        (body({"$ref": "#/components/schemas/Nowhere"}), "doesn't hold"),
        ({"parameters": ["x"]}, "isn't described"),
    ],
)
def test_an_operation_that_can_not_be_used_says_why(operation, why):
    assert why in str(operations(document(**operation))["one"])


def test_an_operation_is_known_by_its_path_too():
    assert isinstance(operations(document())["POST /a/{id}"], Operation)


def test_a_name_that_two_operations_have_is_nobodys():
    there = document()
    there["paths"]["/b"] = {"delete": {"operationId": "one"}}
    found = operations(there)
    assert "two operations" in str(found["one"])
    assert isinstance(found["POST /a/{id}"], Operation)
    assert isinstance(found["DELETE /b"], Operation)


def test_a_part_of_the_path_that_nothing_fills_is_told():
    there = document()
    there["paths"]["/b/{what}"] = {"delete": {"operationId": "two"}}
    assert "its path has what" in str(operations(there)["two"])
