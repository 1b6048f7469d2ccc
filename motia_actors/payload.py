"""The one way values become bytes: JSON, with stated rules for what JSON does not have.

State, streams, events and HTTP bodies all pass here, so that a value reads the same whatever
way it travelled and whatever language reads it.

    None bool int float str list dict   themselves; integers of any size
    NaN, Infinity                       null
    tuple set frozenset                 list
    datetime date time                  ISO 8601 text
    Decimal UUID                        text
    bytes bytearray                     base64 text
    Enum                                its value
    dataclass, msgspec.Struct, attrs    object of its fields
    pydantic model                      object, as `model_dump(mode="json")`
    anything else                       PayloadError naming the type
"""

from __future__ import annotations

from typing import Any

import msgspec

from motia_actors.errors import PayloadError


def _other(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        try:
            return dump(mode="json")
        except Exception as error:  # boundary: serializers of models are the user's code
            raise ValueError(f"{type(value).__qualname__}: {error}") from error
    fields = getattr(value, "_asdict", None)
    if callable(fields):
        return fields()
    raise TypeError(f"a {type(value).__module__}.{type(value).__qualname__} has no JSON form")


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


_encoder = msgspec.json.Encoder(enc_hook=_other)
_decoder = msgspec.json.Decoder()
_sorting = msgspec.json.Encoder(order="sorted")
_rounding = msgspec.json.Decoder(float_hook=_number)


def encode(value: object) -> bytes:
    """Write value as compact JSON.

    Raises:
        PayloadError: the value holds something without a JSON form, or is nested too deep.
    """
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise PayloadError(f"cannot write value as JSON: {error}") from error


def decode(data: bytes | bytearray | memoryview) -> Any:
    """Read JSON.

    Raises:
        PayloadError: it is malformed, has a number out of range, or is nested too deep.
    """
    try:
        return _decoder.decode(data)
    except RecursionError as error:
        raise PayloadError("JSON is nested too deep") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PayloadError(str(error)) from error


def canonical(data: bytes) -> bytes:
    """Write JSON anew so that equal values are equal bytes: fields are sorted, and 1.0 is 1.

    Raises:
        PayloadError: it is malformed, or nested too deep.
    """
    try:
        return _sorting.encode(_rounding.decode(data))
    except (ValueError, RecursionError, OverflowError, msgspec.MsgspecError) as error:
        raise PayloadError(f"cannot read JSON: {error}") from error
