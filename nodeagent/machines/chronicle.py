"""Writes the events of this node in the operator's language, and keeps the newest of all nodes.

Reads Happened and EventSpread; gives Publish, updates for subscribers, and EventSpread to the peers that are heard.
What happens within a moment travels together: a node that loses fifteen peers tells it once, not thirty times.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from hacluster.protocol import messages as say
from hacluster.protocol.peers import EventSpread
from nodeagent.machines.effects import Publish, PublishUpdate
from nodeagent.machines.events import Happened
from nodeagent.machines.situation import Machine, Restored, Situation, on, on_message

EVENTS_KEPT = 2_000
TOGETHER_MS = 20


class Chronicle(Machine):
    def __init__(self, here: Situation, restored: Restored, transition: Callable[[], int]) -> None:
        super().__init__(here)
        self._transition = transition
        """The number of the transition that this node carries out, -1 for none."""
        self._events: deque[say.EventRecord] = deque(maxlen=EVENTS_KEPT)
        self._seq = max(restored.next_event_seq, restored.incarnation * 1_000_000)
        self._untold: list[say.EventRecord] = []

    @on(Happened)
    def _happened(self, event: Happened) -> None:
        record = say.EventRecord(
            node=self.here.name,
            seq=self._seq,
            at_ms=self.here.wall_ms,
            code=event.code,
            fields=event.fields,
            transition=self._transition(),
        )
        self._seq += 1
        self.give(Publish(record))
        self._keep(record)
        self._untold.append(record)
        if not self.has_timer("tell"):
            self.set_timer("tell", TOGETHER_MS)

    def timer(self, name: str) -> None:
        self.tell_peers()

    def tell_peers(self) -> None:
        if self._untold:
            self.clear_timer("tell")
            message = EventSpread(records=tuple(self._untold))
            self._untold.clear()
            for peer in self.here.heard:
                self.send(peer, message)

    @on_message(EventSpread)
    def _told(self, peer: str, message: EventSpread) -> None:
        for record in message.records:
            self._keep(record)

    def _keep(self, record: say.EventRecord) -> None:
        self._events.append(record)
        self.give(PublishUpdate(say.EventHappened(event=record)))

    def newest(self, limit: int) -> tuple[say.EventRecord, ...]:
        """Oldest first: those of other nodes arrive later than they happened."""
        in_order = sorted(self._events, key=lambda record: (record.at_ms, record.node, record.seq))
        return tuple(in_order[-limit:]) if limit > 0 else ()
