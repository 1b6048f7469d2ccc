"""How every store writes the id of a dead letter: a number that grows, as decimal text."""

from __future__ import annotations


def id_of(number: int) -> str:
    """Write the number as an id."""
    return str(number)


def number_of(letter_id: str) -> int | None:
    """Read what id_of wrote; None for any other text."""
    is_plain = letter_id.isascii() and letter_id.isdecimal() and len(letter_id) < 20
    if not is_plain or id_of(int(letter_id)) != letter_id:
        return None
    return int(letter_id)
