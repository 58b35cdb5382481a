"""The configuration that the crm shell works on: the cluster's own, or a changed copy that waits for `commit`.

A single command changes the cluster at once. At a terminal the changes of `configure` add up first, so that statements
that belong together reach the cluster together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hacluster.cli.cluster import connect
from hacluster.cli.exits import Exit

if TYPE_CHECKING:
    from hacluster.cib.model import Cib
    from hacluster.cli.crm_completion import Names


class Workspace:
    def __init__(self, *, force: bool = False, collects: bool = False) -> None:
        self.force = force
        """-F was given: do what would be refused."""
        self._collects = collects
        self._base: Cib | None = None
        self._changed: Cib | None = None

    @property
    def has_changes(self) -> bool:
        return self._changed is not None

    def cib(self) -> Cib:
        return self._changed if self._changed is not None else connect().query()

    def put(self, before: Cib, after: Cib) -> int:
        """Take the changed configuration, or send it on at once. `before` is the one that the change was made from."""
        if after.configuration == before.configuration:
            return Exit.OK
        if not self._collects:
            return self._send(before, after)
        if self._base is None:
            self._base = before
        self._changed = after
        return Exit.OK

    def commit(self) -> int:
        """Send what has been collected; what is refused stays, to be corrected."""
        if self._base is None or self._changed is None:
            return Exit.OK
        code = self._send(self._base, self._changed)
        if code == Exit.OK:
            self.discard()
        return code

    def _send(self, before: Cib, after: Cib) -> int:
        """The whole configuration, on the condition that nobody changed it meanwhile, and that it brings no error."""
        from hacluster.cib.codec import to_xml
        from hacluster.cli.crm_checks import may_commit
        from hacluster.protocol.messages import CibChange, CibOperationKind

        reached = connect()
        if not may_commit(before, after, reached, force=self.force):
            return Exit.ERROR
        change = CibChange(
            kind=CibOperationKind.REPLACE,
            section="configuration",
            xml=to_xml(after.configuration),
            based_on=before.version,
            client="crm",
        )
        reached.change(change)
        return Exit.OK

    def discard(self) -> None:
        self._base = self._changed = None

    def changed_ids(self) -> list[str]:
        """Objects whose statement is another one than in the cluster."""
        from hacluster.crm.printer import statements

        if self._base is None:
            return []
        before = {(found.kind, found.id): found.text for found in statements(self._base.configuration)}
        after = statements(self.cib().configuration)
        return [found.id for found in after if before.get((found.kind, found.id)) != found.text]

    def names(self) -> Names:
        """What completion may offer."""
        from hacluster.cli.crm_agents import agents
        from hacluster.cli.crm_completion import Names
        from hacluster.cli.exits import CommandFailed
        from hacluster.crm.printer import statements
        from hacluster.crm.references import RESOURCES
        from hacluster.protocol.client import AgentUnreachable

        cib = self.cib()
        resources = [found for found in cib.section("resources").walk() if found.tag in RESOURCES]
        try:
            installed = tuple(":".join(part for part in agent if part) for agent in agents())
        except (AgentUnreachable, CommandFailed):
            installed = ()
        return Names(
            resources=tuple(found.id for found in resources if found.tag != "template"),
            groups=tuple(found.id for found in resources if found.tag == "group"),
            nodes=tuple(node.get("uname") for node in cib.section("nodes").all("node")),
            objects=tuple(found.id for found in statements(cib.configuration)),
            agents=installed,
            options=tuple(pair.get("name") for pair in cib.section("crm_config").walk() if pair.tag == "nvpair"),
        )
