"""Query strings and form bodies, read by the rules of Node's `qs`.

Repeated keys make lists, `a[b]=1` objects and `a[]=1` lists. Text without brackets, which is
nearly all of it, is read here; the rest by the port of `qs`.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import qs_codec

_BRACKET = re.compile(r"\[|%5b", re.IGNORECASE)
_MALFORMED = re.compile(r"%(?![0-9a-fA-F]{2})")


def parse_query(text: str, *, fields_max: int, depth_max: int = 5) -> dict[str, Any]:
    """Read a query string or a form; fields past fields_max are left out.

    Brackets deeper than depth_max stay part of the key.

    Raises:
        ValueError: the brackets cannot be made sense of.
    """
    if not text:
        return {}
    if "[" in text or ("%" in text and _BRACKET.search(text)):
        return _nested(text, fields_max=fields_max, depth_max=depth_max)
    values: dict[str, Any] = {}
    for field in text.split("&", fields_max)[:fields_max]:
        key, _, value = field.partition("=")
        key = _decode(key)
        if not key:
            continue
        value = _decode(value)
        if key not in values:
            values[key] = value
        elif isinstance(values[key], list):
            values[key].append(value)
        else:
            values[key] = [values[key], value]
    return values


def _decode(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    if _MALFORMED.search(text):
        return text  # As qs does: what cannot be decoded stands for itself.
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _nested(text: str, *, fields_max: int, depth_max: int) -> dict[str, Any]:
    options = qs_codec.DecodeOptions(
        depth=depth_max,
        parameter_limit=fields_max,
        list_limit=fields_max,
        decoder=lambda raw, *_: None if raw is None else _decode(raw),
    )
    try:
        return qs_codec.decode(text, options)
    except (ValueError, IndexError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("malformed brackets in a key") from error
