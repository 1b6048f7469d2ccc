"""One call on its way through a step actor, and the register of those that run now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from motia_actors.actors.inline import QUICK_S
from motia_actors.actors.meter import Meter
from motia_actors.errors import ActorStoppedError, DesertedError
from motia_actors.messages import Call, Failed, Outcome
from motia_actors.promise import Promise
from motia_actors.runner import Effects


class Work:
    """A call with its answer to come. An envelope for the mailbox of a step.

    The answer is given once: by the handler, or by whoever lost patience first. What comes
    later is discarded.
    """

    __slots__ = (
        "_desert",
        "answer",
        "call",
        "effects",
        "late",
        "limit_s",
        "meter",
        "started_s",
        "step",
        "stop",
    )

    def __init__(
        self,
        call: Call,
        *,
        limit_s: float | None,
        desert: Callable[[], None] | None = None,
        answered: Callable[[Promise[Outcome]], None] | None = None,
    ) -> None:
        self.call = call
        self.limit_s = limit_s
        # Who takes it out of the list, which is a single step, has the say: the asker that came
        # back, or whoever found that it is late.
        self._desert = None if desert is None else [desert]
        self.effects: Effects | None = None
        self.meter: Meter | None = None
        self.step = ""
        self.answer: Promise[Outcome] = Promise(answered)
        self.started_s: float | None = None
        self.stop: Callable[[], None] | None = None
        """Set while it runs, by the actor that runs it: ends the run early or gives it up."""
        self.late: Callable[[], None] | None = None
        """Called once by the watchdog where the run takes long, though not too long."""

    def overran(self) -> None:
        """Answer that it ran past its limit, past an asker that is stuck in the handler too."""
        assert self.limit_s is not None
        self.set(timed_out(self.limit_s))
        if self._desert:
            with suppress(IndexError):  # It came back this moment.
                self._desert.pop()()

    def came_back(self) -> None:
        """The asker is out of the handler.

        Raises:
            DesertedError: somebody else has answered its client meanwhile.
        """
        assert self._desert is not None
        try:
            self._desert.pop()
        except IndexError:
            raise DesertedError("the client was answered that its time is up") from None

    @property
    def message(self) -> Call:
        """The call, as an envelope has it."""
        return self.call

    @property
    def reply_to(self) -> Work:
        """Itself: it takes the answer."""
        return self

    def set(self, outcome: Outcome) -> bool:
        """Answer; False where it was answered before."""
        return self.answer.set(outcome)

    def set_exception(self, exc_info: object = None) -> None:
        """Answer that it cannot be done, with the error of an exc_info triple."""
        error = exc_info[1] if isinstance(exc_info, tuple) else None
        self.answer.set_error(error or ActorStoppedError("the step was stopped"))


class Running:
    """Every call that runs now in this process, for the watchdog and for figures.

    Adding and removing are single dict operations, which Python makes atomic.
    """

    def __init__(self) -> None:
        self._works: dict[Work, None] = {}

    def add(self, work: Work) -> None:
        """The work's handler is about to run."""
        self._works[work] = None

    def remove(self, work: Work) -> None:
        """The work's handler came back."""
        self._works.pop(work, None)

    def overdue(self, *, now_s: float) -> list[Work]:
        """Works that ran longer than their limit."""
        return [
            work
            for work, ran_s in self._begun(now_s)
            if work.limit_s is not None and ran_s >= work.limit_s
        ]

    def late(self, *, now_s: float) -> list[Work]:
        """Works that are not quick, and want to be told."""
        return [
            work for work, ran_s in self._begun(now_s) if work.late is not None and ran_s >= QUICK_S
        ]

    def _begun(self, now_s: float) -> Iterator[tuple[Work, float]]:
        """Each work with the seconds that it has been running."""
        for work in list(self._works):
            if work.started_s is not None:
                yield work, now_s - work.started_s

    def works(self) -> list[Work]:
        """All that run now."""
        return list(self._works)

    @property
    def count(self) -> int:
        """How many run."""
        return len(self._works)

    def counts(self) -> Mapping[Meter | None, int]:
        """How many run of each step."""
        return Counter(work.meter for work in self.works())

    def count_of(self, meter: Meter) -> int:
        """How many run of the step with this meter."""
        return sum(work.meter is meter for work in list(self._works))


def timed_out(limit_s: float) -> Failed:
    """The outcome of a handler that ran past its limit."""
    return Failed(
        kind="TimeLimitError",
        message=f"handler ran longer than its limit of {limit_s:g} s",
        is_timeout=True,
    )
