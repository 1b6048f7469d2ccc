"""How kind a text is, from -1 to 1: a plain count of words, here for something slower."""

from __future__ import annotations

import re

KIND = frozenset({"good", "great", "lovely", "love", "fine", "best"})
UNKIND = frozenset({"bad", "awful", "broken", "hate", "worst", "poor"})


def score(text: str) -> float:
    words = re.findall(r"[a-z]+", text.lower())
    kind, unkind = (sum(word in known for word in words) for known in (KIND, UNKIND))
    return (kind - unkind) / (kind + unkind) if kind + unkind else 0.0
