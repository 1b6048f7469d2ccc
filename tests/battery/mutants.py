"""Faults put into the store on purpose: a battery that finds none of them proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from motia_actors.errors import LeaseLostError
from motia_actors.messages import Delivery
from motia_actors.promise import Promise
from motia_actors.store import Ack, EventPut, Retry, Write
from motia_actors.stores.lmdb import LmdbStore, events, keys, rows
from motia_actors.stores.lmdb.batch import Batch
from motia_actors.stores.lmdb.rows import Row
from motia_actors.stores.lmdb.transaction import Transaction
from motia_actors.stores.lmdb.work import Operation, Work
from motia_actors.stores.lmdb.writer import Writer


def forget_who_holds_a_lease() -> None:
    def taken(work: Work, delivery: Delivery) -> tuple[bytes, Row]:
        for key, record in work.txn.cursor(work.tables.due):
            # Step and number of a delivery stay, whoever leases it when.
            if (key[:8], key[16:]) == (delivery.token[:8], delivery.token[16:24]):
                work.txn.delete(key, db=work.tables.due)
                return key, Row.unpack(record)
        raise LeaseLostError(delivery.id)

    events._taken = taken


def let_all_of_a_group_go_at_once() -> None:
    put = rows.put_delivery

    def put_delivery(*args: Any, group: bytes | None, **named: Any) -> None:
        put(*args, group=rows.NO_GROUP, **named)

    rows.put_delivery = put_delivery


def never_go_on_in_a_group() -> None:
    rows._promote = lambda *_args: False


def lose_what_is_to_be_retried() -> None:
    prepare = events.prepare_settle

    def prepare_settle(write: events.Settling) -> Operation:
        return prepare(Ack(delivery=write.delivery) if isinstance(write, Retry) else write)

    events.prepare_settle = prepare_settle


def commit_each_write_alone() -> None:
    commit = Writer._commit_as_one

    def commit_as_one(self: Writer, batches: list[Batch]) -> None:
        for batch in batches:
            answers: list[object] = []
            for operation in batch.operations:
                part: Promise[list[object]] = Promise()
                commit(self, [Batch([operation], batch.size_bytes, part)])
                answers += part.result()
            batch.promise.set(answers)

    Writer._commit_as_one = commit_as_one  # type: ignore[method-assign]  # that is the fault


def acknowledge_before_the_commit() -> None:
    commit = LmdbStore.commit

    def commit_later(
        self: LmdbStore, writes: Sequence[Write[object]], *, may_use_reserve: bool = False
    ) -> Promise[list[object]]:
        promise = commit(self, writes, may_use_reserve=may_use_reserve)
        if not isinstance(writes[0], EventPut):
            return promise
        early: Promise[list[object]] = Promise()
        early.set([None])
        return early

    LmdbStore.commit = commit_later  # type: ignore[method-assign]  # that is the fault


def use_numbers_again() -> None:
    Work.finish = lambda _self: None  # type: ignore[method-assign,assignment]  # that is the fault


def drop_a_body_with_its_first_delivery() -> None:
    def drop_body(work: Work, event: bytes) -> None:
        work.txn.delete(event, db=work.tables.events)

    rows.drop_body = drop_body


def follow_with_the_newest_of_a_group() -> None:
    def last_with(txn: Transaction, table: object, prefix: bytes) -> tuple[bytes, bytes] | None:
        cursor = txn.cursor(table)
        is_past = cursor.set_range(prefix + keys.NUMBER_MAX)
        is_there = cursor.prev() if is_past else cursor.last()
        return cursor.item() if is_there and cursor.key().startswith(prefix) else None

    rows.first_with = last_with  # type: ignore[attr-defined]  # that is the fault


def leave_out_the_emits_beside_an_end() -> None:
    commit = LmdbStore.commit

    def commit_without(
        self: LmdbStore, writes: Sequence[Write[object]], *, may_use_reserve: bool = False
    ) -> Promise[list[object]]:
        if isinstance(writes[-1], Ack):
            writes = [write for write in writes if not isinstance(write, EventPut)]
        return commit(self, writes, may_use_reserve=may_use_reserve)

    LmdbStore.commit = commit_without  # type: ignore[method-assign]  # that is the fault


MUTANTS: Sequence[Callable[[], None]] = (
    forget_who_holds_a_lease,
    let_all_of_a_group_go_at_once,
    never_go_on_in_a_group,
    lose_what_is_to_be_retried,
    commit_each_write_alone,
    acknowledge_before_the_commit,
    use_numbers_again,
    drop_a_body_with_its_first_delivery,
    follow_with_the_newest_of_a_group,
    leave_out_the_emits_beside_an_end,
)
