"""The levels of the crm shell beside configure: resource, node, ra, cluster and status.

Each reads the words of one command and gives its exit code; most say the same as a command of Pacemaker, and call it.
"""

from __future__ import annotations

import sys
import time

from hacluster.cli.cluster import connect, live
from hacluster.cli.crm_completion import COMMANDS
from hacluster.cli.crm_workspace import Workspace
from hacluster.cli.exits import CommandFailed, Exit

_SETTINGS = {
    "start": ("target-role", "Started"),
    "stop": ("target-role", "Stopped"),
    "promote": ("target-role", "Promoted"),
    "demote": ("target-role", "Unpromoted"),
    "manage": ("is-managed", "true"),
    "unmanage": ("is-managed", "false"),
}
"""command -> the meta attribute that it sets"""
_FORCE = ("force", "--force", "-f")


def _unknown(level: str, command: str) -> CommandFailed:
    return CommandFailed(Exit.USAGE, f"{level} knows no “{command}”; it knows {', '.join(COMMANDS[level])}")


def _named(name: str, form: str) -> str:
    if not name:
        raise CommandFailed(Exit.USAGE, f"a name is missing; usage: crm {form}")
    return name


# ---------------------------------------------------------------- resource


def resource(words: list[str], workspace: Workspace) -> int:
    from hacluster.cli import crm_resource

    command, rest = (words[0], words[1:]) if words else ("status", [])
    if command in _SETTINGS or command == "maintenance":
        return _set_meta(command, rest)
    if command in ("param", "meta", "utilization"):
        return _setting(command, rest)
    if command in ("trace", "untrace"):
        return _trace(rest, is_on=command == "trace")
    name = rest[0] if rest else ""
    force = ["-f"] if workspace.force or rest[-1:] in ([word] for word in _FORCE) else []
    places = [word for word in rest[1:] if word not in _FORCE]
    on_node = ["-N", places[0]] if places else []
    lifetime = ["-u", places[1]] if len(places) > 1 else []
    match command:
        case "status" | "list" | "show":
            return crm_resource.main(["-r", name, "-W"]) if name else _resource_tree()
        case "locate":
            return crm_resource.main(["-W", "-r", _named(name, "resource locate ID")])
        case "cleanup" | "refresh" | "reprobe":
            option = "-C" if command == "cleanup" else "-R"
            return crm_resource.main([option, *(["-r", name] if name else []), *on_node, *force])
        case "move" | "migrate":
            form = "resource move ID [NODE] [LIFETIME]"
            return crm_resource.main(["-M", "-r", _named(name, form), *on_node, *lifetime, *force])
        case "ban":
            return crm_resource.main(["-B", "-r", _named(name, "resource ban ID [NODE]"), *on_node, *lifetime])
        case "unmove" | "unmigrate" | "clear" | "unban":
            return crm_resource.main(["-U", "-r", _named(name, "resource unmove ID")])
        case "restart":
            return _restart(_named(name, "resource restart ID"))
        case "failcount":
            return _failcount(rest)
        case "constraints":
            return crm_resource.main(["-a", "-r", _named(name, "resource constraints ID")])
        case "operations":
            return crm_resource.main(["-O", *(["-r", name] if name else []), *on_node])
        case "scores":
            return _scores()
    raise _unknown("resource", command)


def _resource_tree() -> int:
    from hacluster.cli.crm_listing import resource_tree
    from hacluster.cli.status_view import view

    for line in resource_tree(view(connect().query(), now=time.time()), with_nodes=True):
        print(line)
    return Exit.OK


def _set_meta(command: str, rest: list[str]) -> int:
    """One meta attribute for each resource that is named."""
    if command == "maintenance":
        name, switch = [*rest, "on"][:2] if rest else ("", "on")
        if switch not in ("on", "off", "true", "false"):
            raise CommandFailed(Exit.USAGE, "usage: crm resource maintenance ID [on|off]")
        return _write_meta(
            _named(name, "resource maintenance ID [on|off]"), "maintenance", str(switch in ("on", "true")).lower()
        )
    _named(rest[0] if rest else "", f"resource {command} ID")
    attribute, value = _SETTINGS[command]
    for name in rest:
        _write_meta(name, attribute, value)
    return Exit.OK


def _write_meta(name: str, attribute: str, value: str) -> int:
    from hacluster.cli import resource_settings

    reached = connect()
    change = resource_settings.write(reached.query(), name, "meta", attribute, value, client="crm")
    if change is not None:
        reached.change(change)
    return Exit.OK


def _setting(kind: str, rest: list[str]) -> int:
    """`ID set NAME VALUE`, `ID show NAME`, `ID delete NAME`"""
    from hacluster.cli import crm_resource

    option = {"param": [], "meta": ["-m"], "utilization": ["-z"]}[kind]
    match rest:
        case [name, "set", attribute, value]:
            return crm_resource.main(["-r", name, *option, "-p", attribute, f"--parameter-value={value}"])
        case [name, "show" | "get", attribute]:
            return crm_resource.main(["-r", name, *option, "-g", attribute])
        case [name, "delete", attribute]:
            return crm_resource.main(["-r", name, *option, "-d", attribute])
    raise CommandFailed(Exit.USAGE, f"usage: crm resource {kind} ID set NAME VALUE | show NAME | delete NAME")


def _failcount(rest: list[str]) -> int:
    """`ID show NODE`, `ID delete NODE`, `ID set NODE NUMBER`"""
    from hacluster.cli import crm_failcount

    match rest:
        case [name, "show" | "get", node]:
            return crm_failcount.main(["-G", "-r", name, "-N", node])
        case [name, "delete", node]:
            return crm_failcount.main(["-D", "-r", name, "-N", node])
        case [name, "set", node, number] if number.isdecimal() or number == "INFINITY":
            return _set_failcount(name, node, number)
    raise CommandFailed(Exit.USAGE, "usage: crm resource failcount ID show NODE | delete NODE | set NODE NUMBER")


def _set_failcount(name: str, node: str, number: str) -> int:
    """Each operation that is counted gets the number; with none, the monitor that a failure would be found by."""
    from hacluster.cib.model import NOTHING
    from hacluster.cib.status import fail_counts, node_state
    from hacluster.cli.attributes import write_transient

    reached = connect()
    counted = fail_counts(node_state(reached.query(), node) or NOTHING).get(name, {})
    for operation in counted or ["monitor_0"]:
        write_transient(reached, node, f"fail-count-{name}#{operation}", number)
    return Exit.OK


def _trace(rest: list[str], *, is_on: bool) -> int:
    """The agent of a resource writes what it does to a file, at one operation or at all."""
    from hacluster.cli.crm_tracing import with_tracing

    if not rest:
        raise CommandFailed(Exit.USAGE, "usage: crm resource trace|untrace ID [OPERATION [INTERVAL]]")
    name, operation, interval = [*rest, "", ""][:3]
    workspace = Workspace()
    before = workspace.cib()
    return workspace.put(before, with_tracing(before, name, operation, interval, is_on=is_on))


def _restart(name: str) -> int:
    """Stop it, wait until it has stopped, and give back the role that it was meant to have."""
    from hacluster.cli import crm_resource, resource_settings

    wanted = resource_settings.read(connect().query(), name, "meta", "target-role") or "Started"
    _write_meta(name, "target-role", "Stopped")
    crm_resource.wait(live(), 3600)
    return _write_meta(name, "target-role", "Started" if wanted == "Stopped" else wanted)


def _scores() -> int:
    from hacluster.cli import crm_simulate

    return crm_simulate.main(["-L", "-s"])


# ---------------------------------------------------------------- node


def node(words: list[str], workspace: Workspace) -> int:
    from hacluster.cli import crm_attribute, crm_node, crm_resource, crm_standby, stonith_admin
    from hacluster.cli.crm_attribute import local_node

    command, rest = (words[0], words[1:]) if words else ("status", [])
    name = rest[0] if rest else ""
    match command:
        case "status" | "show" | "list":
            return _show_nodes(name)
        case "standby" | "online":
            value = "on" if command == "standby" else "off"
            lifetime = rest[1] if len(rest) > 1 else "forever"
            if lifetime not in ("forever", "reboot"):
                raise CommandFailed(Exit.USAGE, f"usage: crm node {command} [NODE] [forever|reboot]")
            return crm_standby.main(["-v", value, "-l", lifetime, *(["-N", name] if name else [])])
        case "maintenance" | "ready":
            value = "true" if command == "maintenance" else "false"
            target = name or local_node(connect())
            return crm_attribute.main(["-N", target, "-n", "maintenance", "-v", value, "-l", "forever"])
        case "fence":
            return stonith_admin.main(["-B", _named(name, "node fence NODE")])
        case "clearstate":
            return crm_resource.main(["-R", "-N", _named(name, "node clearstate NODE")])
        case "delete":
            return crm_node.main(["-R", _named(name, "node delete NODE"), "-f"])
        case "attribute" | "utilization" | "status-attr":
            return _node_attribute(rest, command)
    raise _unknown("node", command)


def _show_nodes(name: str) -> int:
    from hacluster.cli.mon_text import node_status
    from hacluster.cli.status_view import view

    found = [one for one in view(connect().query(), now=time.time()).nodes if name in ("", one.name)]
    if not found:
        raise CommandFailed(Exit.NOHOST if name else Exit.OK, f"there is no node {name}")
    for one in found:
        words = node_status(one) or ("online" if one.is_online else "offline")
        print(f"{one.name}: {words}")
        for attribute, value in sorted(one.attributes.items()) if name else ():
            print(f"\t{attribute}: {value}")
    return Exit.OK


def _node_attribute(words: list[str], command: str) -> int:
    """`NODE set|delete|show NAME [VALUE]`"""
    from hacluster.cli import crm_attribute

    kind = {"utilization": ["-z"], "status-attr": ["-t", "status"], "attribute": ["-l", "forever"]}[command]
    match words:
        case [name, "set", attribute, value]:
            what = [f"--update={value}"]
        case [name, "delete", attribute]:
            what = ["-D"]
        case [name, "show", attribute]:
            what = ["-G"]
        case _:
            raise CommandFailed(Exit.USAGE, f"usage: crm node {command} NODE set|delete|show NAME [VALUE]")
    return crm_attribute.main(["-N", name, "-n", attribute, *kind, *what])


# ---------------------------------------------------------------- ra


def ra(words: list[str], _workspace: Workspace) -> int:
    from hacluster.cli import crm_agents

    match words:
        case ["classes"]:
            lines = list(crm_agents.STANDARDS)
        case ["list"]:
            lines = [":".join(part for part in found if part) for found in crm_agents.agents()]
        case ["list", standard, *provider] if len(provider) < 2:
            lines = sorted({kind for _, _, kind in crm_agents.agents(standard, *provider)})
        case ["providers", kind, *_]:
            lines = crm_agents.providers(kind)
        case ["info", name]:
            lines = crm_agents.description(name, crm_agents.metadata(*crm_agents.split_loosely(name)))
        case ["meta", name]:
            lines = [crm_agents.metadata(*crm_agents.split_loosely(name)).rstrip()]
        case _:
            usage = "crm ra classes | list [CLASS [PROVIDER]] | info AGENT | meta AGENT | providers TYPE"
            raise CommandFailed(Exit.USAGE, f"usage: {usage}")
    for line in lines:
        print(line)
    return Exit.OK if lines else Exit.ERROR


# ---------------------------------------------------------------- cluster, status


def cluster(words: list[str], workspace: Workspace) -> int:
    from hacluster.protocol.messages import Done, NodeShutdown

    match words:
        case ["start"]:
            return _start()
        case ["stop", *node] if len(node) < 2:
            live().ask(NodeShutdown(node=node[0] if node else ""), Done)
            return Exit.OK
        case ["restart"]:
            cluster(["stop"], workspace)
            _until_answering(False)
            return _start()
        case ["status"] | []:
            info = live().info()
            members = " ".join(member.name for member in info.members if member.is_member)
            print(f"{info.engine} on {info.node}: {info.state}, DC {info.dc or 'none'}, members: {members}")
            return Exit.OK
    raise CommandFailed(Exit.USAGE, "usage: crm cluster start | stop [NODE] | restart | status")


def _start() -> int:
    """Start this node's agent with its usual folders, and wait until it answers."""
    import subprocess

    if _answers():
        print("the agent of this node is running already", file=sys.stderr)
        return Exit.OK
    subprocess.Popen(
        [sys.executable, "-m", "nodeagent"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return _until_answering(True)


def _until_answering(wanted: bool) -> int:
    deadline = time.monotonic() + 30
    while _answers() is not wanted:
        if time.monotonic() > deadline:
            verb = "answer" if wanted else "end"
            raise CommandFailed(
                Exit.TIMEOUT, f"the agent of this node does not {verb}; nodeagent in a terminal says why"
            )
        time.sleep(0.2)
    return Exit.OK


def _answers() -> bool:
    from hacluster.protocol.client import AgentUnreachable

    try:
        live().info()
    except AgentUnreachable:
        return False
    return True


def status(words: list[str], _workspace: Workspace) -> int:
    from hacluster.cli import crm_mon

    return crm_mon.main(["-1", "-r", *(["-A", "-f"] if words[:1] == ["full"] else [])])
