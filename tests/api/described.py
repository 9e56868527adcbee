"""The API's description for tests: operations, their shapes, and their examples."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from drf_spectacular.generators import SchemaGenerator

from accounts.wire import from_base64url

# Members that are texts; all other strings stand for bytes, or for an id.
TEXTS = frozenset({"email", "code", "token", "kind", "text", "wrap", "parts"})
IDS = frozenset({"team", "vault", "vaults"})

SCHEMA: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    method: str
    path: str
    described: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def shape(self) -> dict[str, Any] | None:
        """What the body has to be; None if there is none."""
        body = self.described.get("requestBody")
        return None if body is None else resolved(body["content"]["application/json"]["schema"])

    def example(self) -> dict[str, Any]:
        assert self.shape is not None
        example: dict[str, Any] = self.shape["examples"][0]
        return example

    def codes(self, status: int) -> list[str]:
        content = self.described["responses"][str(status)]["content"]
        codes: list[str] = content["application/problem+json"]["schema"]["properties"]["code"][
            "enum"
        ]
        return codes


def resolved(shape: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, and take the other of a shape or null."""
    for choice in shape.get("oneOf", []):
        if choice != {"type": "null"}:
            return resolved(choice)
    name = shape.get("$ref", "").removeprefix("#/components/schemas/")
    found: dict[str, Any] = SCHEMA["components"]["schemas"][name] if name else shape
    return found


OPERATIONS = [
    Operation(method, path, described)
    for path, methods in SCHEMA["paths"].items()
    for method, described in methods.items()
]
WITH_BODY = [operation for operation in OPERATIONS if operation.shape is not None]


def to_cbor(value: Any, name: str = "") -> Any:
    """The CBOR form of a JSON body; what has none stays a text, which is wrong there too."""
    if isinstance(value, dict):
        return {key: to_cbor(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [to_cbor(inner, name) for inner in value]
    if not isinstance(value, str) or name in TEXTS:
        return value
    try:
        if name not in IDS:
            return from_base64url(value)
        found = UUID(value)
        return found.bytes if str(found) == value else value
    except ValueError:
        return value


Place = tuple[str | int, ...]


def places(shape: dict[str, Any], value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every field of an example, however deep, with the shape it has to have."""
    shape = resolved(shape)
    if at:
        yield at, shape
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(shape["properties"][name], inner, (*at, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(shape["items"], inner, (*at, index))


def put(value: Any, at: Place, new: Any) -> Any:
    """A copy of `value` with something else at one place."""
    if not at:
        return new
    first, rest = at[0], at[1:]
    if isinstance(value, dict):
        return {**value, first: put(value[first], rest, new)}
    return [put(inner, rest, new) if index == first else inner for index, inner in enumerate(value)]


def without(value: Any, at: Place) -> Any:
    """A copy of `value` that lacks one member."""
    *above, last = at
    found = value
    for step in above:
        found = found[step]
    return put(value, tuple(above), {name: found[name] for name in found if name != last})


def got(value: Any, at: Place) -> Any:
    for step in at:
        value = value[step]
    return value
