"""The OpenAPI document as a judge: is this answer, of this call, as it is described? And what of it was never seen?

OpenAPI 3.1 takes JSON Schema 2020-12 as it is, so the validator's word is the whole truth: nothing is translated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
OFFICIAL = json.loads(Path(__file__).with_name("openapi-3.1.schema.json").read_text())  # spec.openapis.org, Apache-2.0


class Answer:
    def __init__(self, status: int, fields: dict[str, str], body: bytes) -> None:
        self.status, self.fields, self.body = status, fields, body

    def json(self) -> object:
        return json.loads(self.body)


class Described:
    def __init__(self, document: dict) -> None:
        self.document = document
        self._resolver = jsonschema.RefResolver.from_schema(document)
        self.seen: set[tuple[str, str]] = set()  # (operation, status)
        self.met: set[tuple[str, str]] = set()  # (place of a schema, member)

    # --- looking around ---

    def resolve(self, thing: dict) -> dict:
        while "$ref" in thing:
            thing = self._resolver.resolve(thing["$ref"])[1]
        return thing

    def operations(self) -> Iterator[tuple[str, str, dict]]:
        """Method, path and operation, with the parameters of its path among its own."""
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    parameters = item.get("parameters", []) + item[method].get("parameters", [])
                    yield method, path, item[method] | {"parameters": [self.resolve(one) for one in parameters]}

    def operation(self, method: str, path: str) -> dict:
        return next(found for m, p, found in self.operations() if (m, p) == (method.lower(), path))

    def schemas(self) -> Iterator[tuple[str, dict]]:
        """Every schema object of the document with its place."""

        def inside(place: str, schema: object) -> Iterator[tuple[str, dict]]:
            if not isinstance(schema, dict):
                return
            yield place, schema
            for word in ("properties", "dependentSchemas"):
                for name, one in schema.get(word, {}).items():
                    yield from inside(f"{place}/{word}/{name}", one)
            for word in ("allOf", "anyOf", "oneOf"):
                for i, one in enumerate(schema.get(word, [])):
                    yield from inside(f"{place}/{word}/{i}", one)
            for word in ("items", "additionalProperties", "propertyNames", "not"):
                yield from inside(f"{place}/{word}", schema.get(word))

        def anywhere(place: str, node: object) -> Iterator[tuple[str, dict]]:
            if isinstance(node, dict):
                for name, value in node.items():
                    if name == "schema":
                        yield from inside(f"{place}/schema", value)
                    elif name not in ("example", "value"):
                        yield from anywhere(f"{place}/{name}", value)
            elif isinstance(node, list):
                for i, value in enumerate(node):
                    yield from anywhere(f"{place}/{i}", value)

        for name, schema in self.document["components"]["schemas"].items():
            yield from inside(f"#/components/schemas/{name}", schema)
        yield from anywhere("#", {k: v for k, v in self.document.items() if k != "components"})
        yield from anywhere(
            "#/components", {k: v for k, v in self.document["components"].items() if k != "schemas"}
        )

    # --- judging ---

    def validate(self, value: object, schema: dict, place: str) -> None:
        """AssertionError with the faults."""
        validator = jsonschema.Draft202012Validator(schema, resolver=self._resolver)
        faults = [f"{list(one.absolute_path)}: {one.message[:300]}" for one in validator.iter_errors(value)]
        if faults:
            raise AssertionError(f"{place}:\n" + "\n".join(faults))
        self._meet(value, schema, place)

    def _meet(self, value: object, schema: object, place: str) -> None:
        if not isinstance(schema, dict):
            return
        if "$ref" in schema:
            self._meet(value, self._resolver.resolve(schema["$ref"])[1], schema["$ref"])
        for word in ("allOf", "anyOf", "oneOf"):
            for i, one in enumerate(schema.get(word, [])):
                if jsonschema.Draft202012Validator(one, resolver=self._resolver).is_valid(value):
                    self._meet(value, one, f"{place}/{word}/{i}")
        if isinstance(value, list):
            for one in value:
                self._meet(one, schema.get("items"), f"{place}/items")
        if isinstance(value, dict):
            properties = schema.get("properties", {})
            for name, one in value.items():
                if name in properties:
                    self.met.add((place, name))
                    self._meet(one, properties[name], f"{place}/properties/{name}")
                else:
                    self._meet(one, schema.get("additionalProperties"), f"{place}/additionalProperties")

    def judge(self, method: str, path: str, answer: Answer) -> None:
        """`path`: as in the document."""
        operation = self.operation(method, path)
        word = str(answer.status) if str(answer.status) in operation["responses"] else "default"
        place = f"{operation['operationId']} {answer.status}"
        if word == "default" and answer.status not in (400, 413, 414, 431, 501, 505):
            raise AssertionError(f"{place} is not described")
        self.seen.add((operation["operationId"], word))
        self.judge_response(operation["responses"][word], answer, place)

    def judge_response(self, response: dict, answer: Answer, place: str) -> None:
        response = self.resolve(response)
        for name, header in response.get("headers", {}).items():
            if name not in answer.fields:
                raise AssertionError(f"{place}: there is no {name}")
            self.validate(answer.fields[name], self.resolve(header)["schema"], f"{place} {name}")
        content = response.get("content")
        if content is None:
            assert not answer.body, f"{place}: a body that is not described"
            return
        kind = answer.fields.get("Content-Type", "")
        assert kind in content, f"{place}: the content type {kind} is not described"
        value = answer.json() if kind == "application/json" else answer.body.decode()
        self.validate(value, content[kind]["schema"], place)

    # --- what is left ---

    def never_answered(self) -> set[tuple[str, str]]:
        all_of = {(one["operationId"], status) for _, _, one in self.operations() for status in one["responses"]}
        return all_of - self.seen

    def never_met(self) -> set[tuple[str, str]]:
        return {(place, name) for place, schema in self.schemas() for name in schema.get("properties", {})} - self.met


def faults_of(described: Described) -> list[str]:
    """What is wrong with the document itself: by the official schema, and by what that cannot say."""
    document = described.document
    faults = [
        f"{list(one.absolute_path)}: {one.message[:200]}"
        for one in jsonschema.Draft202012Validator(OFFICIAL).iter_errors(document)
    ]
    names = [one["operationId"] for _, _, one in described.operations()]
    faults += [f"operationId {name} is there twice" for name in names if names.count(name) > 1]
    for method, path, operation in described.operations():
        wanted = set(re.findall(r"{([^}]*)}", path))
        given = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        if wanted != given:
            faults.append(f"{method} {path}: path parameters {wanted} and {given}")
    used = set()

    def follow(node: object, place: str) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                used.add(node["$ref"])
                try:
                    described._resolver.resolve(node["$ref"])
                except jsonschema.RefResolutionError:
                    faults.append(f"{place}: {node['$ref']} leads nowhere")
            for name, one in node.items():
                follow(one, f"{place}/{name}")
        elif isinstance(node, list):
            for i, one in enumerate(node):
                follow(one, f"{place}/{i}")

    follow(document, "#")
    for place, schema in described.schemas():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as fault:
            faults.append(f"{place}: {fault.message}")
    for kind, ones in document["components"].items():
        for name in ones:
            mentioned = kind == "securitySchemes" or f"#/components/{kind}/{name}" in used
            if not mentioned and (kind, name) not in (("responses", "NotFound"), ("responses", "MethodNotAllowed")):
                faults.append(f"#/components/{kind}/{name} is not used")
    return faults


def examples_of(node: object, place: str = "#") -> Iterator[tuple[str, object, dict]]:
    """Each example with its schema: of media types and parameters."""
    if isinstance(node, dict):
        if "schema" in node:
            if "example" in node:
                yield place, node["example"], node["schema"]
            for name, one in node.get("examples", {}).items():
                yield f"{place}/{name}", one["value"], node["schema"]
        for name, one in node.items():
            yield from examples_of(one, f"{place}/{name}")
    elif isinstance(node, list):
        for i, one in enumerate(node):
            yield from examples_of(one, f"{place}/{i}")
