"""Query strings and form bodies, read by the rules of Node's `qs`.

Repeated keys make lists, `a[b]=1` objects and `a[]=1` lists. Nearly all text has no
other brackets than those and is read here; the rest by the port of `qs`.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from typing import Any

import qs_codec

_MALFORMED = re.compile(r"%(?![0-9a-fA-F]{2})")


def parse_query(
    text: str, *, fields_max: int, depth_max: int = 5, index_max: int = 20
) -> dict[str, Any]:
    """Read a query string or a form; fields past fields_max are left out.

    Brackets deeper than depth_max stay part of the key. Numbers in brackets make a list up to
    index_max, an object with these keys beyond.

    Raises:
        ValueError: the brackets cannot be made sense of.
    """
    values: dict[str, Any] = {}
    for field in text.split("&", fields_max)[:fields_max] if text else ():
        key, _, value = field.partition("=")
        key = _decode(key)
        is_list = False
        if "[" in key:
            is_list = len(key) > 2 and key.find("[") == len(key) - 2 and key[-1] == "]"
            if not is_list:
                return _nested(
                    text, fields_max=fields_max, depth_max=depth_max, index_max=index_max
                )
            key = key[:-2]
        if not key:
            continue
        add_value(values, key, _decode(value))
        if is_list and not isinstance(values[key], list):
            values[key] = [values[key]]
    return values


def add_value(values: dict[str, Any], key: str, value: object) -> None:
    """Set key, or make a list of its values where it is there already."""
    held = values.get(key)
    if held is None:
        values[key] = value
    elif isinstance(held, list):
        held.append(value)
    else:
        values[key] = [held, value]


def _decode(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    if _MALFORMED.search(text):
        return text  # As qs does: what cannot be decoded stands for itself.
    try:
        # Quoted-printable is the same code under another sign, and is read in C: urllib takes
        # two seconds for what fits into a form.
        return a2b_qp(text.encode().replace(b"=", b"=3D").replace(b"%", b"=")).decode()
    except UnicodeDecodeError:
        return text


def _nested(text: str, *, fields_max: int, depth_max: int, index_max: int) -> dict[str, Any]:
    options = qs_codec.DecodeOptions(
        depth=depth_max,
        parameter_limit=fields_max,
        list_limit=index_max,
        decoder=lambda raw, *_: None if raw is None else _decode(raw),
    )
    try:
        return qs_codec.decode(text, options)
    except (ValueError, IndexError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("malformed brackets in a key") from error
