"""A backend runtime of supervised actors that runs Motia's Steps.

    from motia_actors import Context, Request, api, cron, event, noop

declare steps with types (docs/how_to/typed.md). They are imported when first asked for.
"""

# The one of `typing`, which this package alone does not import.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from motia_actors.messages import Request, Trigger
    from motia_actors.runners.authoring import api, cron, event, noop
    from motia_actors.runners.context import Context

__all__ = ["Context", "Request", "Trigger", "api", "cron", "event", "noop"]

_HOMES = {"Context": "runners.context", "Request": "messages", "Trigger": "messages"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = import_module(f"{__name__}.{_HOMES.get(name, 'runners.authoring')}")
    value: object = getattr(home, name)
    globals()[name] = value
    return value
