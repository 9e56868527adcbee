"""One example of each shape for the API's description: right forms and sizes, made-up bytes."""

import hashlib
from typing import Any, Final

from rest_framework import serializers

from accounts import wire

_ID: Final = "0199a1b2-0000-8000-8000-00000000000"  # and a digit of the field's own
_TEXTS: Final = {
    "email": "ana@example.org",
    "code": "123456",
    "token": "MDE5OWExYjItMDAwMA:1wAbCd:Zm9ybS1vZi1hLXNpZ25lZC10b2tlbg",
    "address": "192.0.2.1",
    "browser": "Mozilla/5.0",
}
_SIZES: Final = {
    "link": 340,
    "links": 340,
    "grant": 260,
    "accept": 330,
}  # bytes, as they mostly are


def example_of(field: Any, name: str = "") -> Any:
    """Return what stands for a field in JSON; the same at each call."""
    if isinstance(field, serializers.ListSerializer | serializers.ListField):
        count = max(1, getattr(field, "min_length", None) or 1)
        return [example_of(field.child, name) for _ in range(count)]
    if isinstance(field, serializers.Serializer):
        return {inner: example_of(shape, inner) for inner, shape in field.fields.items()}
    if isinstance(field, serializers.ChoiceField):
        return next(iter(field.choices))
    if isinstance(field, serializers.BooleanField):
        return True
    return _of_wire(field, name)


def _of_wire(field: Any, name: str) -> Any:
    if isinstance(field, wire.BytesField):
        return wire.to_base64url(_bytes(name, max(field.least, _SIZES.get(name, 1))))
    if isinstance(field, wire.IdField):
        return f"{_ID}{len(name) % 10}"
    if isinstance(field, wire.UintField):
        return field.least
    if isinstance(field, wire.ConstField):
        return field.value
    if isinstance(field, wire.TextField):
        return _TEXTS.get(name, "Ana")
    raise TypeError(f"{name}: an example of {type(field).__name__} is not known")


def _bytes(name: str, size: int) -> bytes:
    """Bytes that are the same at each start, so that the description is."""
    return hashlib.shake_256(name.encode()).digest(size)
