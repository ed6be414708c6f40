"""The committed OpenAPI document is the code's own, valid, and readable as a page."""

from pathlib import Path

import orjson
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.api.reference import render
from service.app import openapi_document

COMMITTED = Path(__file__).parents[1] / "openapi" / "openapi.json"


def test_the_committed_document_is_what_the_code_serves() -> None:
    assert orjson.loads(COMMITTED.read_bytes()) == orjson.loads(orjson.dumps(openapi_document())), (
        "Run `make openapi` and commit the result."
    )


def test_the_document_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(openapi_document()).iter_errors()) == []


def test_every_operation_tells_a_developer_what_it_does() -> None:
    document = openapi_document()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert len(operation["description"]) > 20, (method, path)
            assert operation["operationId"].replace("_", "").isalpha(), operation["operationId"]
            for parameter in operation.get("parameters", []):
                assert parameter["schema"], (path, parameter)


def test_the_page_names_every_operation() -> None:
    document = openapi_document()
    page = render(document)
    for item in document["paths"].values():
        for operation in item.values():
            assert f'id="{operation["operationId"]}"' in page
