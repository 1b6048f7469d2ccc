"""Rows of benches that print a flat JSON object for each thing they measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.rows import Result, Row, Spread, make_row

Plain = Mapping[str, str | float | None]
UNITS_MS = {"_us": 1e-3, "_ms": 1.0, "_s": 1e3}
PER_S = ("per_s", "calls_per_s", "messages_per_s")


def row_of_plain(bench: str, objects: Sequence[Plain], *, arguments: Sequence[str]) -> Row:
    """Turn objects into a row: text names it, `p50_…`, `p99_…` and `…per_s` are what they say.

    All other numbers are kept under `more`. The first object is what the others are compared
    with.
    """
    first = _name(objects[0])
    base = _per_s(objects[0])
    results = [_result(one, first=first, base=base) for one in objects]
    return make_row(bench, results, arguments=arguments, rounds=1, settings={})


def _result(one: Plain, *, first: str, base: float) -> Result:
    per_s = _per_s(one)
    p50_ms, p99_ms = _ms(one, "p50"), _ms(one, "p99")
    rest = {
        name: float(value)
        for name, value in one.items()
        if isinstance(value, int | float)
        and name not in PER_S
        and not name.startswith(("p50_", "p99_"))
    }
    return Result(
        name=_name(one),
        per_s=Spread.of([per_s]),
        p50_ms=Spread.of([p50_ms]),
        p99_ms=Spread.of([p99_ms]),
        cpu_us=Spread.of([0.0]),
        ratio=Spread.of([per_s / base if base else 0.0]),
        ratio_to=first,
        more={name: Spread.of([value]) for name, value in rest.items()},
        each={"per_s": [per_s], "p50_ms": [p50_ms], "p99_ms": [p99_ms]}
        | {name: [value] for name, value in rest.items()},
    )


def _name(one: Plain) -> str:
    return ", ".join(value for value in one.values() if isinstance(value, str))


def _per_s(one: Plain) -> float:
    found = (one[name] for name in PER_S if name in one)
    value = next(found, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0


def _ms(one: Plain, quantile: str) -> float:
    for unit, factor in UNITS_MS.items():
        value = one.get(f"{quantile}{unit}")
        if isinstance(value, int | float):
            return float(value) * factor
    return 0.0
