"""Hide secrets in what is logged and traced: by the name of a field, and by their look in text.

A line without any of the telling words is looked through once and left as it is.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

HIDDEN = "[redacted]"
WORDS = ("passw", "secret", "authorization", "cookie", "credential", "apikey", "privatekey")
"""A field whose name has one of them is hidden, whatever its case and its `-` and `_`."""
ENDS = ("token", "pwd", "passphrase")
"""A field whose name ends so is hidden: `accessToken`, but not `maxTokens`."""

_FIRST = (
    *("pass", "secret", "authoriz", "cookie", "credential", "token", "pwd", "private"),
    *("api-key", "api_key", "apikey", "bearer ", "basic ", "://"),
)
"""What a line has in it that has anything to hide."""
_IN_TEXT = (
    (re.compile(r"\b(bearer|basic) +[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"(://[^\s:/@]{0,256}):[^\s/@]{1,256}@"), rf"\1:{HIDDEN}@"),
    (
        re.compile(
            r"((?:passw\w{0,4}|secret|api[-_]?key|token|pwd)['\"]?\s?[=:]\s?)(['\"]?)[^\s'\",;&}]+",
            re.IGNORECASE,
        ),
        rf"\1\2{HIDDEN}",
    ),
)


class Redactor:
    """Hides secrets.

    Args:
        words: More parts of names whose fields are hidden, such as `iban`.
    """

    def __init__(self, words: tuple[str, ...] = ()) -> None:
        self._words = (*WORDS, *(_bare(word) for word in words))
        # The parts of `card_number` find `cardNumber` too.
        own = tuple(part for word in words for part in re.split(r"[-_]", word.lower()) if part)
        first = "|".join(re.escape(word) for word in (*_FIRST, *own))
        self._first = re.compile(first.encode())

    def line(self, line: bytes) -> bytes:
        """A JSON object, its secrets hidden at any depth."""
        # Every line passes here, and this is quicker than a pattern that ignores case.
        if self._first.search(line.lower()) is None:
            return line
        return msgspec.json.encode(self._value(msgspec.json.decode(line)))

    def text(self, text: str) -> str:
        """Text for people: logins after `Bearer`, in addresses, and after `password=`."""
        for pattern, hidden in _IN_TEXT:
            text = pattern.sub(hidden, text)
        return text

    def is_secret(self, name: str) -> bool:
        """Whether a field of this name is hidden."""
        bare = _bare(name)
        return bare.endswith(ENDS) or any(word in bare for word in self._words)

    def _value(self, value: Any) -> Any:
        match value:
            case dict():
                return {
                    name: HIDDEN
                    if item not in (None, "") and self.is_secret(name)
                    else self._value(item)
                    for name, item in value.items()
                }
            case list():
                return [self._value(item) for item in value]
            case str():
                return self.text(value)
        return value


def _bare(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
