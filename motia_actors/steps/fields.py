"""Read the keys of a config one by one, each with its type, its range and its complaint."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from motia_actors.steps.report import Report

Word = TypeVar("Word", bound=str)


def shown(value: object) -> str:
    """Value as it goes into a message: short, whatever it is."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def close_to(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant: case, `_` and a typo do not count."""
    plain = {name.replace("_", "").lower(): name for name in known}
    found = difflib.get_close_matches(word.replace("_", "").lower(), plain, n=1, cutoff=0.75)
    return plain[found[0]] if found else None


class Fields:
    """One object of a config. Complaints go to the report, under the dotted name of the field."""

    def __init__(self, values: Mapping[str, Any], report: Report, *, prefix: str = "") -> None:
        self._values, self._report, self._prefix = values, report, prefix

    def name(self, key: str) -> str:
        """The dotted name of key."""
        return f"{self._prefix}{key}"

    def has(self, key: str) -> bool:
        """The key is there and not null."""
        return self._values.get(key) is not None

    def get(self, key: str) -> Any:
        """The value as it stands, None where there is none."""
        return self._values.get(key)

    def text(self, key: str) -> str | None:
        """A text that is not empty; None where there is none."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, str) and value.strip():
            return value
        self._report.error(self.name(key), f"is {shown(value)}, not a text", f'write {key}: "..."')
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, without repeats; a single text counts as a list of one."""
        value = self.get(key)
        if value is None:
            return ()
        if isinstance(value, str):
            self._report.warn(
                self.name(key), f"is the text {value!r}, not a list", f'write {key}: ["{value}"]'
            )
            value = [value]
        if isinstance(value, list | tuple | set | frozenset) and all(
            isinstance(item, str) and item for item in value
        ):
            # A set has no order of its own, and the same files must read the same each time.
            items = value if isinstance(value, list | tuple) else sorted(value)
            return tuple(dict.fromkeys(items))
        self._report.error(
            self.name(key), f"is {shown(value)}, not a list of texts", f'write {key}: ["a", "b"]'
        )
        return ()

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self._report.error(
            self.name(key), f"is {shown(value)}, not true or false", f"write {key}: true"
        )
        return default

    def number(
        self,
        key: str,
        *,
        default: float,
        minimum: float = 0.0,
        maximum: float = math.inf,
        is_whole: bool = False,
        is_above: bool = False,
    ) -> float:
        """A number from minimum (or above it) to maximum; the default where it is not."""
        value = self.get(key)
        if value is None:
            return default
        kind = "whole number" if is_whole else "number"
        low = f"above {minimum:g}" if is_above else f"from {minimum:g}"
        limits = low if maximum == math.inf else f"{low} to {maximum:g}"
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if (
            is_number
            and math.isfinite(value)
            and minimum <= value <= maximum
            and not (is_above and value == minimum)
            and not (is_whole and value != int(value))
        ):
            return float(value)
        self._report.error(
            self.name(key), f"is {shown(value)}", f"write a {kind} {limits}, or leave it out"
        )
        return default

    def count(self, key: str, *, default: int, minimum: int = 0, maximum: float = math.inf) -> int:
        """A whole number from minimum to maximum; the default where it is not."""
        return int(
            self.number(key, default=default, minimum=minimum, maximum=maximum, is_whole=True)
        )

    def seconds(self, key: str, *, default: float) -> float:
        """A number of seconds above 0."""
        return self.number(key, default=default, is_above=True)

    def choice(self, key: str, words: Sequence[Word], *, default: Word) -> Word:
        """One of the words; `-` counts as `_` and case does not count."""
        value = self.get(key)
        if value is None:
            return default
        plain = value.replace("-", "_").lower() if isinstance(value, str) else None
        for word in words:
            if word == plain:
                return word
        listed = ", ".join(words)
        self._report.error(self.name(key), f"is {shown(value)}", f"write one of {listed}")
        return default

    def inner(self, key: str) -> Fields:
        """The object under key; an empty one where there is none."""
        value = self.get(key)
        if value is not None and not isinstance(value, Mapping):
            self._report.error(
                self.name(key), f"is {shown(value)}, not an object", f"write {key}: {{...}}"
            )
        values = value if isinstance(value, Mapping) else {}
        return Fields(values, self._report, prefix=f"{self._prefix}{key}.")

    def check_known(self, known: Sequence[str], *, hints: Mapping[str, str] | None = None) -> None:
        """Warn of keys that nobody reads; hints say what to write for the usual slips."""
        for key in self._values:
            if key in known:
                continue
            meant = (hints or {}).get(key)
            if meant is None:
                guess = close_to(key, known) if isinstance(key, str) else None
                meant = f"write {guess}" if guess else "remove it"
            self._report.warn(self.name(str(key)), "is no known key, so it has no effect", meant)
