"""The house rules, and who counts as present."""

import os
import re
from datetime import UTC, datetime, timedelta

PRESENCE_S = float(os.environ.get("CHAT_PRESENCE_S", "30"))
RUDE = re.compile(r"\b(darn|heck)\b", re.IGNORECASE)


def moderated(text: str) -> str:
    """The text with a star for each letter of a rude word."""
    return RUDE.sub(lambda word: "*" * len(word[0]), text)


def now() -> datetime:
    return datetime.now(UTC)


def is_away(seen_at: str) -> bool:
    """Nothing was heard for PRESENCE_S seconds."""
    return now() - datetime.fromisoformat(seen_at) > timedelta(seconds=PRESENCE_S)
