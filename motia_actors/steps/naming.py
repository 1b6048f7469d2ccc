"""Find a stream by the name an author wrote: exact, or as Python spells it."""

from __future__ import annotations

import re
from collections.abc import Iterable

WORD_END = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")


def snake_case(name: str) -> str:
    """The name as a Python attribute: `chatMessages`, `chat-messages` to `chat_messages`."""
    return "_".join(word for word in WORD_END.sub(" ", name).lower().split())


def find_name(wanted: str, known: Iterable[str]) -> list[str]:
    """The known names that wanted may mean: itself, else those it is the snake_case of."""
    names = sorted(set(known))
    return [wanted] if wanted in names else [name for name in names if snake_case(name) == wanted]
