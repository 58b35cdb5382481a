"""Random clusters with remote nodes, guests, bundles and containers, and the comparison with `crm_simulate` on them.

`python -m tests.property.scheduler.far_clusters FIRST COUNT` prints the seeds on which the two differ, and how.
"""

from __future__ import annotations

import sys
from random import Random
from subprocess import CalledProcessError

from hacluster.cib.model import Cib, Element
from hacluster.cib.status import erased, history_of, node_states, with_attributes, with_node_state
from hacluster.scheduler.simulate import operation_failed
from tests.property.scheduler.against_peer import compared, report
from tests.property.scheduler.clusters import NOW, Drawing
from tests.property.scheduler.constraints import Named


def far_cluster(seed: int) -> Cib:
    """The same cluster for the same seed."""
    return _FarDrawing(Random(seed)).cib()


class _FarDrawing(Drawing):
    def __init__(self, luck: Random) -> None:
        super().__init__(luck)
        self._connections: list[str] = []
        self._guests: list[str] = []
        self._containers: list[str] = []
        self._remotes: list[str] = []
        """Everything with resources on it that is no cluster node, by node name."""
        self._roles: list[tuple[str, str]] = []
        """(node, resource) inside of a bundle with roles"""

    def cib(self) -> Cib:
        cib = super().cib()
        for node, name in self._roles:
            if self._luck.random() < 0.5:
                cib = with_attributes(cib, node, {f"master-{name}": str(self._luck.choice((5, 10)))})
        for _ in range(self._luck.choice((0, 1, 1, 2))):
            cib = self._event(cib)
        return cib

    # ------------------------------------------------------------ configuration

    def _configured(self) -> Cib:
        cib = super()._configured()
        entries = [
            Element("node", {"id": name, "type": "remote", "uname": name})
            for name in self._remotes
            if name in self._connections or self._luck.random() < 0.5
        ]
        nodes, constraints = cib.section("nodes"), cib.section("constraints")
        cib = cib.with_section(nodes.with_children((*nodes.children, *entries)))
        locations = [self._far_location(number) for number in range(self._luck.choice((0, 0, 1, 1, 2)))]
        return cib.with_section(constraints.with_children((*constraints.children, *(one for one in locations if one))))

    def _resources(self) -> list[str]:
        found = super()._resources()
        kinds = [
            kind
            for kind, chance in (("remote", 0.5), ("guest", 0.45), ("bundle", 0.5), ("filler", 0.15))
            if self._luck.random() < chance
        ]
        for kind in kinds or ["remote"]:
            for _ in range(self._luck.choice((1, 1, 2))):
                found.append(getattr(self, f"_{kind}")(len(found)))
        self._luck.shuffle(found)
        return found

    def _remote(self, number: int) -> str:
        name = f"remote{number}"
        self._connections.append(name)
        self._remotes.append(name)
        self._tops.append(Named(name, (name,)))
        choices = {"is-managed": ("true", "true", "false"), "allow-migrate": ("true", "false"), "priority": ("1", "5")}
        meta = self._meta(name, choices, 0.12)
        interval = ""
        if self._luck.random() < 0.3:
            interval = (
                f'<instance_attributes id="{name}-attributes">'
                f'<nvpair id="{name}-reconnect" name="reconnect_interval" value="60s"/></instance_attributes>'
            )
        return (
            f'<primitive id="{name}" class="ocf" provider="pacemaker" type="remote">{meta}{interval}'
            f'<operations><op id="{name}-m" name="monitor" interval="20s"{self._on_fail()}/></operations></primitive>'
        )

    def _guest(self, number: int) -> str:
        name, guest = f"vm{number}", f"guest{number}"
        self._guests.append(guest)
        self._remotes.append(guest)
        self._containers.append(name)
        pair = f'<nvpair id="{name}-remote-node" name="remote-node" value="{guest}"/>'
        if self._luck.random() < 0.3:
            pair += f'<nvpair id="{name}-allow-migrate" name="allow-migrate" value="true"/>'
            if self._luck.random() < 0.5:
                pair += f'<nvpair id="{name}-remote-allow-migrate" name="remote-allow-migrate" value="true"/>'
        made = self._one(name)
        if "</meta_attributes>" in made:
            made = made.replace("</meta_attributes>", f"{pair}</meta_attributes>")
        else:
            meta = f'<meta_attributes id="{name}-meta">{pair}</meta_attributes>'
            made = made.replace("<operations>", f"{meta}<operations>")
        self._tops.append(Named(name, (name,)))
        return made

    def _bundle(self, number: int) -> str:
        name, luck = f"bun{number}", self._luck
        promoted = f' promoted-max="{luck.choice((1, 2))}"' if luck.random() < 0.5 else ""
        replicas = luck.choice((1, 2, 3))
        per_host = ' replicas-per-host="2"' if luck.random() < 0.2 else ""
        network = ' ip-range-start="192.168.9.10"' if per_host or luck.random() < 0.7 else ' control-port="3121"'
        inside = ""
        if luck.random() < 0.85:
            inside = self._one(f"in{number}", roles=bool(promoted))
            self._remotes += [f"{name}-{place}" for place in range(replicas)]
            if promoted:
                self._roles += [(f"{name}-{place}", f"in{number}") for place in range(replicas)]
        choices: dict[str, tuple[str, ...]] = {
            "notify": ("true", "false"),
            "interleave": ("true", "true", "false"),
            "target-role": ("Started", "Stopped"),
            "is-managed": ("true", "true", "false"),
        }
        meta = self._meta(name, choices, 0.2)
        if inside:
            named = Named(name, (f"in{number}",), is_clone=True, is_promotable=bool(promoted))
            self._tops.append(named)
        self._containers += [f"{name}-podman-{place}" for place in range(replicas)]
        engine = f'<podman image="web:1" replicas="{replicas}"{per_host}{promoted}/>'
        return f'<bundle id="{name}">{meta}{engine}<network{network}/>{inside}</bundle>'

    def _filler(self, number: int) -> str:
        """Something that is inside of something, without any node in it."""
        outer, inner = f"box{number}", f"in-box{number}"
        self._tops += [Named(outer, (outer,)), Named(inner, (inner,))]
        pair = f'<nvpair id="{inner}-container" name="container" value="{outer}"/>'
        meta = f'<meta_attributes id="{inner}-inside">{pair}</meta_attributes>'
        return self._one(outer) + self._one(inner).replace("<operations>", f"{meta}<operations>")

    def _far_location(self, number: int) -> Element | None:
        """Nobody sends a guest into a guest, or anything into a bundle from outside."""
        name = self._luck.choice(self._tops).id
        is_far = name.startswith(("bun", "vm", "remote", "box"))
        places = self._connections if is_far else [*self._connections, *self._guests]
        if not places:
            return None
        score = self._luck.choice(("INFINITY", "-INFINITY", "100", "1000"))
        found = {"id": f"far{number}", "rsc": name, "node": self._luck.choice(places), "score": score}
        more = self._luck.choice(("", "", "never", "exclusive"))
        return Element("rsc_location", found | ({"resource-discovery": more} if more else {}))

    # ------------------------------------------------------------ what happens

    def _event(self, cib: Cib) -> Cib:
        if not self._remotes:
            return cib
        remote = self._luck.choice(self._remotes)
        events = ("lost", "lost", "container", "container", "standby", "leaving", "fenced", "forgotten")
        match self._luck.choice(events):
            case "lost":
                return self._failed(cib, remote)
            case "container" if self._containers:
                return self._failed(cib, self._luck.choice(self._containers))
            case "standby":
                return with_attributes(cib, remote, {"standby": "on"})
            case "leaving":
                return with_attributes(cib, remote, {"shutdown": str(NOW - 10)})
            case "fenced" if remote in self._connections:
                return with_node_state(cib, remote, {"remote_node": "true", "node_fenced": str(NOW - 60)})
            case "forgotten":
                return self._without_history(cib, remote)
        return cib

    def _failed(self, cib: Cib, name: str) -> Cib:
        """An operation that was carried out before fails now, so that it is known how it was called; or the stop."""
        found = [
            (state.get("uname"), op.get("operation_key"))
            for state in node_states(cib)
            for entry in history_of(state)
            if entry.id == name
            for op in entry.all("lrm_rsc_op")
            if op.get("operation") in ("start", "monitor", "promote") and op.get("op-digest")
        ]
        hosts = {host for host, key in found if not key.endswith("_monitor_0")}
        found = [(host, key) for host, key in found if host in hosts and not key.endswith("_monitor_0")]
        if not found:
            return cib
        host, key = self._luck.choice(sorted(found))
        if self._luck.random() < 0.2:
            key = f"{name}_stop_0"
        return operation_failed(cib, key, host, self._luck.choice((1, 1, 7)), NOW - self._luck.choice((5, 50, 500)))

    @staticmethod
    def _without_history(cib: Cib, node: str) -> Cib:
        return erased(cib, node) if any(state.get("uname") == node for state in node_states(cib)) else cib


def difference(seed: int) -> tuple[list[str], str | None]:
    """(`- start rsc1 node1` for what only the peer does, `+ …` for what only we do; why, if that is known)."""
    try:
        return compared(far_cluster(seed))
    except CalledProcessError:
        return [], "crm_simulate 2.1.5 ends with an assertion of its own"


if __name__ == "__main__":
    sys.exit(report(difference, int(sys.argv[1]), int(sys.argv[2])))
