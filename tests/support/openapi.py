# SPDX-License-Identifier: Apache-2.0
"""openapi - checks replies against the schemas of docs/openapi.yaml, for those that random requests never get."""
import functools
import pathlib

import jsonschema
import yaml

CONTRACT = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "openapi.yaml"


@functools.cache
def contract():
    return yaml.load(CONTRACT.read_text("utf-8"), yaml.CSafeLoader)


def schema_of(node):
    """A JSON Schema: references inlined, nullable as a type of its own."""
    if isinstance(node, list):
        return [schema_of(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return schema_of(contract()["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]])
    plain = {key: schema_of(value) for key, value in node.items() if key not in ("nullable", "format", "description")}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


@functools.cache
def validator_of(name):
    return jsonschema.Draft202012Validator(schema_of({"$ref": f"#/components/schemas/{name}"}))


def conforms(name, value):
    """`value` as it is, where it is what the contract calls `name`."""
    validator_of(name).validate(value)
    return value
