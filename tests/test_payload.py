"""Payloads: the table of the module's docstring, and that JSON comes back as it went."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import typing
import uuid
from collections import OrderedDict
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors import payload
from motia_actors.errors import PayloadError

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Line:
    sku: str
    count: int = 1


class Order(msgspec.Struct):
    id: str
    lines: list[Line]


class Address(pydantic.BaseModel):
    street: str
    since: datetime.date


class Point(typing.NamedTuple):
    x: int
    y: int


class Unknown:
    pass


UTC = datetime.UTC
MOMENT = datetime.datetime(2026, 2, 3, 4, 5, 6, 7000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (None, None),
        (True, True),
        (-5, -5),
        (1.5, 1.5),
        ("Grüße\n\u2028", "Grüße\n\u2028"),
        ([1, [2]], [1, [2]]),
        ({"a": {"b": []}}, {"a": {"b": []}}),
        (math.nan, None),
        (math.inf, None),
        ([-math.inf], [None]),
        ((1, "a"), [1, "a"]),
        ({7}, [7]),
        (frozenset({"a"}), ["a"]),
        (MOMENT, "2026-02-03T04:05:06.007000Z"),
        (MOMENT.replace(tzinfo=None), "2026-02-03T04:05:06.007000"),
        (MOMENT.date(), "2026-02-03"),
        (datetime.time(4, 5), "04:05:00"),
        (decimal.Decimal("10.20"), "10.20"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\x00\xff", "AP8="),
        (bytearray(b"hi"), "aGk="),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Line("a", 2), {"sku": "a", "count": 2}),
        (Order("o", [Line("a")]), {"id": "o", "lines": [{"sku": "a", "count": 1}]}),
        (
            Address(street="Weg", since=datetime.date(2020, 1, 2)),
            {"street": "Weg", "since": "2020-01-02"},
        ),
        (
            [Address(street="Weg", since=datetime.date(2020, 1, 2))],
            [{"street": "Weg", "since": "2020-01-02"}],
        ),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        ({1: "one"}, {"1": "one"}),
    ],
    ids=repr,
)
def test_a_value_reads_as_the_table_says(value: object, read: object) -> None:
    assert payload.decode(payload.encode(value)) == read


def test_an_attrs_object_reads_as_its_fields() -> None:
    attrs = pytest.importorskip("attrs")
    customer = attrs.make_class("Customer", ["name"])

    assert payload.decode(payload.encode(customer("Ada"))) == {"name": "Ada"}


def test_a_named_tuple_is_a_list_as_every_tuple() -> None:
    assert payload.decode(payload.encode(Point(1, 2))) == [1, 2]


@pytest.mark.slow
@given(JSON)
def test_json_comes_back_as_it_went(value: object) -> None:
    assert payload.decode(payload.encode(value)) == value


@given(JSON)
def test_what_is_written_is_json_to_everyone(value: object) -> None:
    written = payload.encode(value)

    assert json.loads(written) == value
    assert b"\n" not in written


@given(JSON)
def test_writing_again_what_was_read_gives_the_same_bytes(value: object) -> None:
    written = payload.encode(value)

    assert payload.encode(payload.decode(written)) == written


@pytest.mark.parametrize("value", [10**30, -(10**30), 2**63, 2**64, -(2**63) - 1])
def test_an_integer_of_any_size_comes_back(value: int) -> None:
    assert payload.decode(payload.encode({"n": value})) == {"n": value}


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_kind_of_buffer_is_read(kind: Any) -> None:
    assert payload.decode(kind(b'{"a":[1,null]}')) == {"a": [1, None]}


@pytest.mark.parametrize(
    "value", [Unknown(), [Unknown()], object(), len, {(1, 2): "pair"}, iter([1]), "\ud800", 1 + 2j]
)
def test_what_has_no_json_form_is_an_error(value: object) -> None:
    with pytest.raises(PayloadError, match="cannot write value as JSON: "):
        payload.encode(value)


def test_the_error_names_the_type() -> None:
    with pytest.raises(PayloadError, match=r"a tests\.test_payload\.Unknown has no JSON form"):
        payload.encode({"deep": [Unknown()]})


def test_a_value_that_holds_itself_is_an_error() -> None:
    loop: list[object] = []
    loop.append(loop)

    with pytest.raises(PayloadError):
        payload.encode(loop)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"nul",
        b'{"a":1} x',
        b"[1,]",
        b"NaN",
        b'"\xff"',
        b"{'a': 1}",
        b"1e999",
        b"\xef\xbb\xbf1",
        b'"a\nb"',
    ],
    ids=repr,
)
def test_malformed_json_is_an_error(data: bytes) -> None:
    with pytest.raises(PayloadError):
        payload.decode(data)


@given(st.binary(max_size=40))
def test_whatever_the_bytes_they_are_read_or_an_error(data: bytes) -> None:
    try:
        value = payload.decode(data)
    except PayloadError:
        return
    assert payload.decode(payload.encode(value)) == value


def test_json_nested_too_deep_is_an_error() -> None:
    with pytest.raises(PayloadError, match="nested too deep"):
        payload.decode(b"[" * 100_000 + b"]" * 100_000)


def test_a_value_nested_too_deep_is_an_error() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]

    with pytest.raises(PayloadError):
        payload.encode(value)


class Awkward:
    """A model whose own serializer fails."""

    def model_dump(self, *, mode: str) -> object:
        raise RuntimeError("no dump today")


def test_a_model_that_cannot_dump_itself_is_an_error_of_the_value() -> None:
    with pytest.raises(PayloadError, match="Awkward: no dump today"):
        payload.encode(Awkward())


@pytest.mark.parametrize("model", [Address, Line, Order, Colour])
def test_a_class_in_place_of_its_instance_is_an_error(model: type) -> None:
    with pytest.raises(PayloadError):
        payload.encode(model)
