"""A small cluster in the lab: real agents and sockets, cheap resources, the power switch as fence device.

`with small_cluster(Options(…)) as lab` gives hosts whose agents are members and run everything. Each host starts
its agent like an init does: again when it ended, except when it must stay away.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hacluster.protocol.client import Client
from hacluster.protocol.messages import CibChange, CibChanged, CibOperationKind
from tests.lab import activity, cluster, kernel
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab
from tests.lab.place import CHECKOUT, HB1, HB2, VENV_BIN, address_of

SINGLES = ("prmA", "prmB")
GROUP = ("prmC1", "prmC2")
SERVICES = (*SINGLES, *GROUP)
STATE_MEGABYTES = 24
TOGETHER_S = 90.0


@dataclass(frozen=True)
class Options:
    """How the cluster is made."""

    nodes: tuple[str, ...] = ("pm01", "pm02")
    media: tuple[str, str] = ("bcast", "bcast")
    """Of hb1 and hb2."""
    keepalive_ms: int = 100
    warntime_ms: int = 500
    deadtime_ms: int = 1000
    state: str = ""
    """A folder on a real disk for the agents' state; the lab's memory when it is empty."""
    policy: str = ""
    """no-quorum-policy; "" is ignore for a pair and stop for more."""
    lines: tuple[str, ...] = ()
    """More lines of ha.cf."""
    disks: tuple[str, ...] = ()
    """Shared ones, as /run/lab/disk/NAME."""


@contextlib.contextmanager
def small_cluster(options: Options, *, is_configured: bool = True) -> Iterator[Lab]:
    with Lab(*options.nodes) as lab:
        install(lab, options)
        lab.start()
        for host in lab.hosts:
            everybody = set(options.nodes)
            cluster.wait_until(host, "all are members", lambda view, all=everybody: view.members == all, TOGETHER_S)
        if is_configured:
            configure(lab.hosts[0], options.nodes, options.policy)
            wait_until_served(lab.hosts[0])
        yield lab


def agents(host: Host) -> list[int]:
    """The agent and its beating process, numbered as the machine does."""
    return [pid for pid in host.processes() if b"nodeagent" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def state_of(host: Host, options: Options) -> str:
    return f"{options.state}/{host.name}" if options.state else f"{host.folder}/state"


def install(lab: Lab, options: Options) -> None:
    for disk in options.disks:
        lab.add_disk(disk, 1)
    for host in lab.hosts:
        etc = host.folder / "etc" / "hacluster"
        etc.mkdir()
        (etc / "ha.cf").write_text(_ha_cf(lab, options))
        (etc / "authkeys").write_text(cluster.AUTHKEYS)
        (etc / "authkeys").chmod(0o600)
        activity.install(host.folder / "usr")
        state = state_of(host, options)
        if not options.state:
            # A file system of its own, so that it can be full while the others' are not.
            (host.folder / "state").mkdir()
            kernel.mount("tmpfs", state, "tmpfs", 0, f"mode=755,size={STATE_MEGABYTES}m")
        (host.folder / "rc").write_text(_rc(host, state))
        (host.folder / "shutdown").write_text(f"{VENV_BIN}/nodeagent --stop\n")
    activity.LOG.touch()


def _ha_cf(lab: Lab, options: Options) -> str:
    lines = [
        "cluster lab",
        f"keepalive {options.keepalive_ms}ms",
        f"warntime {options.warntime_ms}ms",
        f"deadtime {options.deadtime_ms}ms",
        f"initdead {max(5000, options.deadtime_ms)}ms",
        "logfile /var/log/hacluster.log",
        *options.lines,
    ]
    for lan, medium in zip((HB1, HB2), options.media, strict=True):
        match medium:
            case "bcast":
                lines.append(f"bcast {lan}")
            case "mcast":
                lines.append(f"mcast {lan} 239.0.0.43 694 1 0")
            case "ucast":
                lines += [f"ucast {lan} {address_of(host.number, lan)}" for host in lab.hosts]
    return "\n".join([*lines, f"node {' '.join(options.nodes)}", ""])


def _rc(host: Host, state: str) -> str:
    """The init: an agent that says 0 or 100 wants to stay away, one that says 2 is not needed."""
    return f"""cd {CHECKOUT}
while :; do
    {VENV_BIN}/nodeagent --state {state} >>{host.folder}/agent.out 2>&1
    rc=$?
    echo "the agent ended with $rc" >>{host.folder}/agent.out
    case $rc in 0 | 2 | 100) exit;; esac
    sleep 0.1
done
"""


def change(host: Host, section: str, xml: str) -> None:
    """Ask for it at this host, as cibadmin does; returns when every member has it on its disk."""
    kind = CibOperationKind.MODIFY
    with Client(cluster.door_of(host)) as client:
        reply = client.request(CibChange(kind=kind, section=section, xml=xml, allow_create=True, client="lab"), 30)
    if not isinstance(reply, CibChanged):
        raise RuntimeError(f"{host.name} answered {reply}")


def configure(host: Host, nodes: tuple[str, ...], policy: str = "") -> None:
    policy = policy or ("ignore" if len(nodes) == 2 else "stop")
    change(
        host,
        "crm_config",
        '<cluster_property_set id="cib-bootstrap-options"><nvpair id="o1" name="stonith-enabled" value="true"/>'
        f'<nvpair id="o2" name="no-quorum-policy" value="{policy}"/></cluster_property_set>',
    )
    constraints = f"<constraints>{''.join(_keep_off(node) for node in nodes)}</constraints>"
    change(host, "configuration", f"<configuration>{_resources(nodes)}{constraints}</configuration>")


def _resources(nodes: tuple[str, ...]) -> str:
    group = "".join(marked(name) for name in GROUP)
    singles = "".join(marked(name) for name in SINGLES)
    devices = "".join(_device(node) for node in nodes)
    return f'<resources>{devices}{singles}<group id="grpC">{group}</group></resources>'


def marked(name: str) -> str:
    operations = "".join(
        f'<op id="{name}-{operation}" name="{operation}" interval="{interval}" timeout="30s"/>'
        for operation, interval in (("start", "0"), ("stop", "0"), ("monitor", "1s"))
    )
    return (
        f'<primitive id="{name}" class="ocf" provider="lab" type="Marked"><operations>{operations}</operations>'
        "</primitive>"
    )


def _device(node: str) -> str:
    return (
        f'<primitive id="fence-{node}" class="stonith" type="external/lab"><instance_attributes id="fence-{node}-a">'
        f'<nvpair id="fence-{node}-h" name="hostlist" value="{node}"/></instance_attributes></primitive>'
    )


def place(resource: str, node: str, score: str) -> str:
    location = f'<rsc_location id="loc-{resource}" rsc="{resource}" node="{node}" score="{score}"/>'
    return f"<constraints>{location}</constraints>"


def _keep_off(node: str) -> str:
    """Nobody holds the switch of their own power."""
    return f'<rsc_location id="loc-fence-{node}" rsc="fence-{node}" node="{node}" score="-INFINITY"/>'


def is_served(view: cluster.View) -> bool:
    return view.is_idle and all(len(view.runs_on(name)) == 1 for name in SERVICES)


def wait_until_served(host: Host, timeout_s: float = 60.0) -> float:
    return cluster.wait_until(host, "every service runs on one node", is_served, timeout_s)


def kill_agent(host: Host) -> None:
    """`kill -9` of the agent alone; its init starts it again."""
    host.run("sh", "-c", "kill -9 $(cat /run/hacluster/agent.pid)", check=False)


def remarks(host: Host, options: Options) -> Iterator[dict[str, object]]:
    """Everything that the host's agents told, all lives of them; a full disk tears lines, and those are left out."""
    for name in ("agent.jsonl.1", "agent.jsonl"):
        file = Path(state_of(host, options)) / name
        for line in file.read_text().splitlines() if file.exists() else ():
            with contextlib.suppress(json.JSONDecodeError):
                yield json.loads(line)


def hang_agent(host: Host, hangs: bool) -> None:
    """Its loop stands still while its heart goes on beating."""
    for pid in agents(host):
        if b"engines.beat" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGSTOP if hangs else signal.SIGCONT)


def set_fail_stop(host: Host, fails: bool) -> None:
    """No service can be stopped here."""
    flag = host.folder / "fail-stop"
    flag.touch() if fails else flag.unlink(missing_ok=True)


def stop_and_start_agent(host: Host, pause_s: float) -> None:
    """In order: its services move away, it leaves, and comes back after a pause."""
    host.start("/bin/sh", "-c", f"nodeagent --stop && sleep {pause_s} && exec /bin/sh {host.folder}/rc")


def break_service(host: Host, name: str) -> None:
    """It ends by itself, if it runs here."""
    agent = "/usr/lib/ocf/resource.d/lab/Marked"
    host.run(agent, "break", env={"OCF_RESOURCE_INSTANCE": name}, check=False)


def free(host: Host, options: Options) -> None:
    """From outside, because a host that is off has a full disk too."""
    (Path(state_of(host, options)) / ".full").unlink(missing_ok=True)


def has_given_up(host: Host) -> bool:
    """Its agent said that it must stay away."""
    told = (host.folder / "agent.out").read_text().splitlines()
    return bool(told) and told[-1] == "the agent ended with 100"
