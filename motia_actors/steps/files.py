"""Files in a body's schema: `{"type": "string", "format": "binary"}`, as OpenAPI has them.

What a handler gets for one is an object with name, content type and bytes or path, not a text, so
such places are marked before a schema is enforced or written as a type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MARK = "x-motia-upload"
"""Stands in the place of a file; a validator lets anything pass there."""


def with_files(schema: Any) -> Any:
    """The schema with its files marked; the same object where it has none."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "string" and schema.get("format") == "binary":
            return {MARK: True}
        changed = {key: with_files(one) for key, one in schema.items()}
        return changed if any(changed[key] is not one for key, one in schema.items()) else schema
    if isinstance(schema, list):
        items = [with_files(one) for one in schema]
        return items if any(a is not b for a, b in zip(items, schema, strict=True)) else schema
    return schema
