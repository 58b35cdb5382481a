"""What happens to a random cluster: failures, lost nodes, operators who change their mind, half-done operations.

Takes a Cib and gives the next one; the luck is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hacluster.cib.model import Cib, Element
from hacluster.cib.status import node_state, with_attributes, with_node_state
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import left_cleanly, operation_failed, was_lost
from tests.property.scheduler.constraints import SCORES, Named

NOW = 1_700_000_000
_WHAT = (
    ["fail"] * 6
    + ["lost"] * 2
    + ["left", "standby", "back", "maintenance", "ping", "shutdown", "pending", "unclean", "quorum", "health"]
    + ["role", "managed", "orphan", "parameter", "score", "failcount", "cleanup", "under_way", "migration", "ticket"]
)
Changed = Callable[[Element], Element | None]


def happen(cib: Cib, luck: Random, nodes: list[str], tops: list[Named]) -> Cib:
    return getattr(_Happening(luck, nodes, tops), f"_{luck.choice(_WHAT)}")(cib)  # type: ignore[no-any-return]


def edited(element: Element, change: Changed) -> Element | None:
    """The tree with every element passed through `change`, the inner ones first; None takes one out."""
    inside = tuple(kept for child in element.children if (kept := edited(child, change)) is not None)
    return change(element if inside == element.children else element.with_children(inside))


class _Happening:
    def __init__(self, luck: Random, nodes: list[str], tops: list[Named]) -> None:
        self._luck = luck
        self._tops = tops
        self._node = luck.choice(nodes)

    def _section(self, cib: Cib, name: str, change: Changed) -> Cib:
        found = edited(cib.section(name), change)
        assert found is not None
        return cib.with_section(found)

    def _status(self, cib: Cib, change: Changed) -> Cib:
        found = edited(cib.status, change)
        assert found is not None
        return cib.with_status(found)

    # ------------------------------------------------------------ nodes

    def _lost(self, cib: Cib) -> Cib:
        return was_lost(cib, self._node)

    def _left(self, cib: Cib) -> Cib:
        return left_cleanly(cib, self._node)

    def _standby(self, cib: Cib) -> Cib:
        return self._with_node_attribute(cib, "standby", "on")

    def _back(self, cib: Cib) -> Cib:
        return self._with_node_attribute(cib, "standby", "off")

    def _maintenance(self, cib: Cib) -> Cib:
        return self._with_node_attribute(cib, "maintenance", "true")

    def _with_node_attribute(self, cib: Cib, name: str, value: str) -> Cib:
        ident = f"{self._node}-{name}"
        pair = Element("nvpair", {"id": f"{ident}-set", "name": name, "value": value})

        def change(element: Element) -> Element:
            if element.get("uname") != self._node:
                return element
            kept = tuple(child for child in element.children if child.tag != "instance_attributes")
            return element.with_children((Element("instance_attributes", {"id": ident}, (pair,)), *kept))

        return self._section(cib, "nodes", change)

    def _ping(self, cib: Cib) -> Cib:
        return with_attributes(cib, self._node, {"ping": self._luck.choice(("0", "100", "200", ""))})

    def _health(self, cib: Cib) -> Cib:
        return with_attributes(cib, self._node, {"#health-disk": self._luck.choice(("red", "yellow", "green"))})

    def _shutdown(self, cib: Cib) -> Cib:
        return with_attributes(cib, self._node, {"shutdown": str(NOW - 10)})

    def _pending(self, cib: Cib) -> Cib:
        fields = {"in_ccm": "true", "crmd": "online", "join": "pending", "expected": "member"}
        return with_node_state(cib, self._node, fields)

    def _unclean(self, cib: Cib) -> Cib:
        fields = {"in_ccm": "true", "crmd": "offline", "join": "down", "expected": "member"}
        return with_node_state(cib, self._node, fields)

    def _quorum(self, cib: Cib) -> Cib:
        return Cib(cib.root.with_attributes({"have-quorum": self._luck.choice("01")}))

    # ------------------------------------------------------------ failures

    def _places(self, cib: Cib) -> list[tuple[str, str, str]]:
        """(resource, node, role) of what runs now."""
        placement = schedule(cib, NOW).placement_now
        found = [(name, node, role) for name, nodes in placement.items() for node, role in nodes.items()]
        return sorted(place for place in found if place[0] != "fencing" and "," not in place[2])

    def _fail(self, cib: Cib) -> Cib:
        places = self._places(cib)
        if not places:
            return cib
        name, node, role = self._luck.choice(places)
        choices = [("start_0", (1, 5)), ("stop_0", (1,))]
        match role:
            case "Promoted":
                choices += [("monitor_10000", (1, 9, 7, 0)), ("promote_0", (1,)), ("demote_0", (1,))]
            case "Unpromoted":
                choices += [("monitor_11000", (1, 7)), ("promote_0", (1,)), ("demote_0", (1, 7))]
            case _:
                choices += [("monitor_10000", (1, 7, 5))] * 2
        operation, codes = self._luck.choice(choices)
        when = NOW - self._luck.choice((5, 50, 500, 7000))
        return operation_failed(cib, f"{name}_{operation}", node, self._luck.choice(codes), when)

    def _failcount(self, cib: Cib) -> Cib:
        name = self._primitive()
        count, age = self._luck.choice(("1", "2", "INFINITY")), self._luck.choice((5, 5000))
        changes = {f"fail-count-{name}#monitor_10000": count, f"last-failure-{name}#monitor_10000": str(NOW - age)}
        return with_attributes(cib, self._node, changes)

    def _cleanup(self, cib: Cib) -> Cib:
        """The history of a resource on a node is forgotten."""
        name, state = self._primitive(), node_state(cib, self._node)
        if state is None:
            return cib
        kept = edited(
            state, lambda one: None if one.tag == "lrm_resource" and one.id.partition(":")[0] == name else one
        )
        return self._status(cib, lambda one: kept if one is state else one)

    def _under_way(self, cib: Cib) -> Cib:
        """The last operation of a resource has begun and not ended."""
        places = self._places(cib)
        if not places:
            return cib
        name, node, _ = self._luck.choice(places)
        task = self._luck.choice(("start", "stop", "monitor"))
        entry = {
            "id": f"{name}_last_0",
            "operation_key": f"{name}_{task}_0",
            "operation": task,
            "crm_feature_set": "3.16.2",
            "transition-key": "1:2:0:00000000-0000-0000-0000-000000000000",
            "transition-magic": "-1:193;1:2:0:00000000-0000-0000-0000-000000000000",
            "on_node": node,
            "call-id": "-1",
            "rc-code": "193",
            "op-status": "-1",
            "interval": "0",
            "last-rc-change": str(NOW - 3),
            "op-digest": "f2317cad3d54cec5d7d7aa7d0bf35cf8",
        }

        def change(element: Element) -> Element:
            if element.tag != "lrm_resource" or element.id != name:
                return element
            kept = tuple(op for op in element.children if op.id != entry["id"])
            return element.with_children((Element("lrm_rsc_op", entry), *kept))

        state = node_state(cib, node)
        return self._status(cib, lambda one: edited(one, change) if one is state else one)

    def _migration(self, cib: Cib) -> Cib:
        """A live migration that has left its source, and has not arrived, or could not leave."""
        movable = {
            one.id
            for one in cib.section("resources").walk()
            if one.tag == "primitive" and any(pair.get("name") == "allow-migrate" for pair in one.walk())
        }
        places = [place for place in self._places(cib) if place[0] in movable and place[1] != self._node]
        if not places:
            return cib
        name, node, _ = self._luck.choice(places)
        cib = operation_failed(cib, f"{name}_migrate_to_0", node, self._luck.choice((0, 0, 1)), NOW - 4)
        ends = {"migrate_source": node, "migrate_target": self._node}
        return self._status(
            cib, lambda one: one.with_attributes(ends) if one.get("operation_key") == f"{name}_migrate_to_0" else one
        )

    # ------------------------------------------------------------ operators

    def _primitive(self) -> str:
        return self._luck.choice(self._luck.choice(self._tops).primitives)

    def _with_meta(self, cib: Cib, name: str, meta: str, value: str) -> Cib:
        def change(element: Element) -> Element:
            if element.tag not in ("primitive", "clone") or element.id != name:
                return element
            pair = Element("nvpair", {"id": f"{name}-new-{meta}", "name": meta, "value": value})
            sets = [child for child in element.children if child.tag == "meta_attributes"]
            known = [one for held in sets for one in held.children if one.get("name") != meta]
            kept = tuple(child for child in element.children if child.tag != "meta_attributes")
            return element.with_children((Element("meta_attributes", {"id": f"{name}-new"}, (pair, *known)), *kept))

        return self._section(cib, "resources", change)

    def _role(self, cib: Cib) -> Cib:
        return self._with_meta(cib, self._whole(), "target-role", self._luck.choice(("Stopped", "Started")))

    def _managed(self, cib: Cib) -> Cib:
        return self._with_meta(cib, self._whole(), "is-managed", "false")

    def _whole(self) -> str:
        """A primitive of its own, a member of a group, or a whole clone."""
        one = self._luck.choice(self._tops)
        return one.id if one.is_clone else self._luck.choice(one.primitives)

    def _parameter(self, cib: Cib) -> Cib:
        def change(element: Element) -> Element:
            if element.get("name") != "fake":
                return element
            return element.with_attributes({"value": str(self._luck.randint(10, 19))})

        return self._section(cib, "resources", change)

    def _score(self, cib: Cib) -> Cib:
        constraints = [one.id for one in cib.section("constraints").children if one.get("score")]
        if not constraints:
            return cib
        name, score = self._luck.choice(constraints), self._luck.choice(SCORES)
        return self._section(
            cib, "constraints", lambda one: one.with_attributes({"score": score}) if one.id == name else one
        )

    def _orphan(self, cib: Cib) -> Cib:
        """A resource is taken out of the configuration while it runs, with all that names it."""
        gone = self._luck.choice(self._tops).id
        named = ("rsc", "with-rsc", "first", "then")
        if len(list(cib.section("resources").all("primitive", "group", "clone"))) < 3:
            return cib
        cib = self._section(cib, "resources", lambda one: None if one.id == gone and one.tag != "template" else one)
        constraints = cib.section("constraints")
        kept = tuple(
            one
            for one in constraints.children
            if gone not in [one.get(word) for word in named] and not any(ref.id == gone for ref in one.walk())
        )
        cib = cib.with_section(constraints.with_children(kept))
        tags = cib.section("tags")
        if any(ref.id == gone for ref in tags.walk()):
            refs = [ref for tag in tags.all("tag") for ref in tag.all("obj_ref") if ref.id != gone]
            if refs:
                cib = cib.with_section(tags.with_children((Element("tag", {"id": "some"}, tuple(refs)),)))
        return cib

    def _ticket(self, cib: Cib) -> Cib:
        def change(element: Element) -> Element:
            if element.tag != "ticket_state":
                return element
            return element.with_attributes({"granted": self._luck.choice(("true", "false"))})

        return self._status(cib, change)
