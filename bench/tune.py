"""Placeholder that the next commit replaces."""


def main(_arguments: object) -> None:
    """End."""
