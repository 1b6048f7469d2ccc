"""Read the cookies that a client sent."""

from __future__ import annotations

from urllib.parse import unquote


def parse_cookies(header: str) -> dict[str, str]:
    """The cookies by name, percent-decoded; of several of one name the first, the most specific.

    Source: RFC 6265, section 5.4.
    """
    cookies: dict[str, str] = {}
    for pair in header.split(";"):
        name, is_pair, value = pair.partition("=")
        name, value = name.strip(), value.strip()
        if not is_pair or not name or name in cookies:
            continue
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        cookies[name] = unquote(value) if "%" in value else value
    return cookies
