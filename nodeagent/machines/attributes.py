"""Holds the node attributes: every node knows all values, the DC writes them into the CIB after their dampening.

Reads AttributeUpdate and AttributeRefresh (of any node's door, brought here by `door`), AttributesHeld of the DC, and
MemberJoined; gives AttributesHeld to the members and AttributesWritten when the CIB has new values.

Rules (reference/monitors, 7): the same value again does nothing; the first setter fixes the dampening; each change
starts the time anew, and at its end the values of all nodes are written at once; private ones never reach the CIB.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from hacluster.protocol import events
from hacluster.protocol.messages import AttributeQuery, AttributeUpdate, AttributeValue, AttributeValues
from hacluster.protocol.peers import AttributeRow, AttributesHeld
from nodeagent.machines.events import AttributesWritten, AttributeWanted, MemberGone, MemberJoined, RecomputeNeeded
from nodeagent.machines.replication import Replication
from nodeagent.machines.situation import Machine, Situation, on, on_message
from nodeagent.machines.status_section import attributes_of, with_attributes

SCORE_INFINITY = 1_000_000
_SILENT = ("fail-count-", "last-failure-", "probe_complete", "shutdown")


@dataclass(slots=True)
class _Attribute:
    """One attribute over all nodes."""

    dampen_ms: int = 0
    private: bool = False
    values: dict[str, str] = field(default_factory=dict)
    """Node -> value"""


class Attributes(Machine):
    def __init__(self, here: Situation, replication: Replication) -> None:
        super().__init__(here)
        self._replication = replication
        self._held: dict[str, _Attribute] = {}
        self._overlay: dict[tuple[str, str], str | None] = {}
        """Values set at this node's door that the DC has not confirmed yet: who sets a value reads it at once."""

    # Reading

    def query(self, query: AttributeQuery) -> AttributeValues:
        rows: dict[tuple[str, str], AttributeValue] = {}
        for name, attribute in self._held.items():
            for node, value in attribute.values.items():
                rows[name, node] = AttributeValue(name=name, node=node, value=value, private=attribute.private)
        for (name, node), overlaid in self._overlay.items():
            rows.pop((name, node), None)
            if overlaid is not None:
                rows[name, node] = AttributeValue(name=name, node=node, value=overlaid)
        wanted = [row for key, row in sorted(rows.items()) if query.name in ("", key[0]) and query.node in ("", key[1])]
        return AttributeValues(values=tuple(wanted))

    def own_rows(self) -> tuple[AttributeRow, ...]:
        """What a joining node tells of itself."""
        name = self.here.name
        return tuple(
            AttributeRow(name=key, node=name, value=held.values[name], dampen_ms=held.dampen_ms, private=held.private)
            for key, held in self._held.items()
            if name in held.values
        )

    def remember_own(self, update: AttributeUpdate) -> None:
        """Before the DC has heard of it: the one who set it reads it back."""
        if not update.keep_value and not _is_arithmetic(update.value):
            self._overlay[update.name, update.node or self.here.name] = update.value

    def forget_own(self, update: AttributeUpdate) -> None:
        self._overlay.pop((update.name, update.node or self.here.name), None)

    # The DC sets

    def update(self, update: AttributeUpdate, origin: str) -> None:
        """DC: carry out what somebody asked for."""
        held = self._held.get(update.name)
        is_new = held is None
        if held is None:
            held = self._held[update.name] = _Attribute(private=update.private)
        if update.dampen_ms is not None and (is_new or update.set_dampening):
            held.dampen_ms = update.dampen_ms
        node = update.node or origin
        if not update.keep_value:
            self._set(update.name, held, node, _new_value(held.values.get(node), update.value))
        if update.set_dampening and not is_new:
            self._write_all(update.name)

    @on(AttributeWanted)
    def _wanted(self, event: AttributeWanted) -> None:
        if self.here.is_dc:
            self.update(AttributeUpdate(name=event.name, node=event.node, value=event.value), event.node)

    def _set(self, name: str, held: _Attribute, node: str, value: str | None) -> None:
        if held.values.get(node) == value:
            return
        if value is None:
            held.values.pop(node, None)
        else:
            held.values[node] = value
        self._spread(name, held, node)
        if held.private:
            return
        if held.dampen_ms:
            self.set_timer(name, held.dampen_ms)
        else:
            self._write_all(name)

    def _spread(self, name: str, held: _Attribute, node: str) -> None:
        row = AttributeRow(
            name=name, node=node, value=held.values.get(node), dampen_ms=held.dampen_ms, private=held.private
        )
        self.send_members(AttributesHeld(term=self.here.view.term, rows=(row,)))

    def timer(self, name: str) -> None:
        if self.here.is_dc:
            self._write_all(name)

    def refresh(self) -> None:
        for name in self._held:
            self._write_all(name)

    def _write_all(self, name: str) -> None:
        """All nodes' values of one attribute, at once."""
        self.clear_timer(name)
        held = self._held[name]
        if held.private:
            return
        cib = self._replication.draft
        rows = []
        for node in sorted(self.here.view.members):
            written = attributes_of(cib, node).get(name)
            if written != held.values.get(node):
                rows.append(AttributeRow(name=name, node=node, value=held.values.get(node)))
        if not rows:
            return
        self._replication.change_status(lambda before: with_attributes(before, rows))
        for row in rows:
            self._tell_operator(row)
        self.give(AttributesWritten(tuple(rows)))
        self.give(RecomputeNeeded(f"attribute {name} changed"))

    def _tell_operator(self, row: AttributeRow) -> None:
        if row.name.startswith(_SILENT):
            return
        if row.value is None:
            self.publish(events.ATTRIBUTE_DELETED, attribute=row.name, node=row.node)
        else:
            self.publish(events.ATTRIBUTE_UPDATED, attribute=row.name, node=row.node, value=row.value)

    # Members

    @on_message(AttributesHeld)
    def _hold(self, peer: str, message: AttributesHeld) -> None:
        if peer != self.here.dc or message.term != self.here.view.term:
            return
        for row in message.rows:
            self._take(row)

    def _take(self, row: AttributeRow) -> None:
        held = self._held.setdefault(row.name, _Attribute())
        held.dampen_ms, held.private = row.dampen_ms, row.private
        if row.value is None:
            held.values.pop(row.node, None)
        else:
            held.values[row.node] = row.value

    def joined(self, event: MemberJoined) -> None:
        """DC: the joiner's word on its own attributes counts; it learns those of all others."""
        if event.member != self.here.name:
            # A DC that joins itself may have been told newer values since it wrote its confirmation.
            for held in self._held.values():
                held.values.pop(event.member, None)
            for row in event.attributes:
                self._take(msgspec.structs.replace(row, node=event.member))
        for name in self._held:
            self._write_all(name)
        if event.member != self.here.name:
            self.send(event.member, AttributesHeld(term=self.here.view.term, rows=self._all_rows()))
            mine = tuple(msgspec.structs.replace(row, node=event.member) for row in event.attributes)
            self.send_members(AttributesHeld(term=self.here.view.term, rows=mine))

    def _all_rows(self) -> tuple[AttributeRow, ...]:
        return tuple(
            AttributeRow(name=name, node=node, value=value, dampen_ms=held.dampen_ms, private=held.private)
            for name, held in self._held.items()
            for node, value in held.values.items()
        )

    @on(MemberGone)
    def _gone(self, event: MemberGone) -> None:
        """Transient attributes live as long as their node is a member."""
        rows = []
        for name, held in self._held.items():
            if held.values.pop(event.member, None) is not None:
                rows.append(AttributeRow(name=name, node=event.member, value=None, dampen_ms=held.dampen_ms))
        self.send_members(AttributesHeld(term=self.here.view.term, rows=tuple(rows)))


def _is_arithmetic(value: str | None) -> bool:
    return value is not None and (value.endswith("++") or "+=" in value)


def _new_value(old: str | None, value: str | None) -> str | None:
    """`value++` and `value+=N` count up from the old one, at most to INFINITY."""
    if value is None or not _is_arithmetic(value):
        return value
    before = _number(old or "0")
    step = 1 if value.endswith("++") else _number(value.partition("+=")[2])
    total = before + step
    return "INFINITY" if total >= SCORE_INFINITY else str(total)


def _number(text: str) -> int:
    if text in ("INFINITY", "+INFINITY"):
        return SCORE_INFINITY
    return int(text) if text.lstrip("+-").isdigit() else 0
