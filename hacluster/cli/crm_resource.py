"""`crm_resource`: where resources are, and what is to be done with them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Element
from hacluster.cli import crm_agents, placement, resource_settings
from hacluster.cli.cluster import FileCluster, LiveCluster, connect, live, run
from hacluster.cli.crm_attribute import local_node
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.options import Options

if TYPE_CHECKING:
    # Most calls come from resource agents and ask for one value: the scheduler's reading is loaded where it is used.
    from hacluster.cib.model import Cib
    from hacluster.cli.status_view import ResourceView, View


def build_parser() -> argparse.ArgumentParser:
    parser = Options(
        "crm_resource",
        description="Look at resources and act on them.",
        epilog="example: crm_resource -r prmPg -W    crm_resource -C -r prmPg    crm_resource -M -r grpPg -N pm02",
    )
    what = parser.add_mutually_exclusive_group(required=True)

    def command(*names: str, text: str, value: str = "") -> None:
        options = {"metavar": value} if value else {"action": "store_true"}
        what.add_argument(*names, help=text, **options)  # type: ignore[arg-type]

    command("-l", "--list-raw", text="the ids of all primitives")
    command("-L", "--list", text="all resources with their state")
    command("-W", "--locate", text="where a resource runs")
    command("-q", "--query-xml", text="a resource's XML")
    command("-w", "--query-xml-raw", text="a resource's XML, a template not filled in")
    command("-O", "--list-operations", text="the recorded operations, optionally of -r and -N")
    command("-o", "--list-all-operations", text="these and the remembered failures")
    command("-a", "--constraints", text="what decides where a resource runs")
    command("-A", "--stack", text="and where those run that it depends on")
    command("-C", "--cleanup", text="forget failures and detect the state again")
    command("-R", "-P", "--refresh", "--reprobe", text="forget the whole history and detect the state again")
    command("-F", "--fail", text="count the resource as failed")
    command("-M", "--move", text="move a resource to a node")
    command("-B", "--ban", text="keep a resource off a node")
    command("-U", "--clear", text="end temporary placements")
    command("-g", "--get-parameter", text="print a parameter", value="NAME")
    command("-p", "--set-parameter", text="set a parameter (-v)", value="NAME")
    command("-d", "--delete-parameter", text="delete a parameter", value="NAME")
    command("-Y", "--why", text="why resources are where they are")
    command("--wait", text="wait until nothing is left to do")
    command("--list-standards", text="the classes of agents")
    what.add_argument("--list-ocf-providers", nargs="?", const="", metavar="AGENT", help="the providers of OCF agents")
    command("--list-ocf-alternatives", text="the providers of one OCF agent", value="AGENT")
    command("--list-agents", text="the agents of a class or provider", value="CLASS[:PROVIDER]")
    command("--show-metadata", text="what an agent says of itself", value="CLASS[:PROVIDER]:TYPE")
    parser.add_argument("-r", "--resource", metavar="ID", default="")
    parser.add_argument("-N", "--node", "-H", metavar="NODE", default="")
    parser.add_argument("-v", "--parameter-value", metavar="VALUE")
    parser.add_argument("-m", "--meta", action="store_true", help="-g -p -d: a meta attribute")
    parser.add_argument("-z", "--utilization", action="store_true", help="-g -p -d: a utilization attribute")
    parser.add_argument("--promoted", "--master", action="store_true", help="-M -B: the promoted role alone")
    parser.add_argument("-u", "--lifetime", metavar="PT8H", default="", help="-M -B: until when")
    parser.add_argument("-n", "--operation", default="", help="-C: of this operation only")
    parser.add_argument("-I", "--interval", default="0", help="-C: and this interval")
    parser.add_argument("-Q", "--quiet", action="store_true", help="the value alone")
    parser.add_argument("-f", "--force", action="store_true")
    parser.add_argument("-T", "--timeout", type=float, default=3600.0, help="--wait: how many seconds at most")
    parser.add_argument("-V", "--verbose", action="count", help="accepted")
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    return run("crm_resource", lambda: _carry_out(arguments))


def _carry_out(arguments: argparse.Namespace) -> int:
    if (answer := _of_agents(arguments)) is not None:
        print("\n".join(answer))
        return Exit.OK
    if arguments.list or arguments.list_raw:
        return _list(raw=arguments.list_raw)
    if arguments.list_operations or arguments.list_all_operations:
        return _operations(connect(), arguments)
    if arguments.wait:
        return wait(live(), arguments.timeout)
    if arguments.cleanup or arguments.refresh:
        return _cleanup(connect(), arguments)
    if not arguments.resource:
        raise CommandFailed(Exit.USAGE, "the resource is missing (-r ID)")
    if arguments.fail:
        return _fail(arguments)
    cluster = connect()
    if arguments.locate:
        return _locate(cluster, arguments)
    if arguments.query_xml or arguments.query_xml_raw:
        return _xml(cluster, arguments)
    if arguments.constraints or arguments.stack:
        return _constraints(cluster, arguments)
    if arguments.why:
        return _why(cluster, arguments.resource)
    if arguments.move or arguments.ban or arguments.clear:
        return _place(cluster, arguments)
    return _settings(cluster, arguments)


# ---------------------------------------------------------------- agents


def _of_agents(arguments: argparse.Namespace) -> list[str] | None:
    """The lines of a question about installed agents; None when another question was asked."""
    if arguments.list_standards:
        return list(crm_agents.STANDARDS)
    if arguments.show_metadata:
        return [crm_agents.metadata(*crm_agents.split(arguments.show_metadata)).rstrip()]
    if arguments.list_agents:
        standard, _, provider = arguments.list_agents.partition(":")
        found = [kind for _, _, kind in crm_agents.agents(standard, provider)]
        missing = f"No agents found for standard '{arguments.list_agents}'"
        return _or_missing(sorted(set(found)), missing)
    name = arguments.list_ocf_alternatives
    if name is None and arguments.list_ocf_providers is None:
        return None
    missing = f"No OCF providers found for {name}" if name else "No OCF providers found"
    return _or_missing(crm_agents.providers(name or arguments.list_ocf_providers or ""), missing)


def _or_missing(found: list[str], missing: str) -> list[str]:
    if not found:
        raise CommandFailed(Exit.ERROR, missing)
    return found


# ---------------------------------------------------------------- looking


def _view(cib: Cib) -> View:
    from hacluster.cli.status_view import view

    return view(cib, now=time.time())


def _views(cluster: LiveCluster | FileCluster) -> tuple[ResourceView, ...]:
    return _view(cluster.query()).resources


def _leaves(resources: tuple[ResourceView, ...]) -> Iterator[tuple[ResourceView, str]]:
    """(primitive instance, ids of all that it is part of)"""

    def walk(found: ResourceView, above: str) -> Iterator[tuple[ResourceView, str]]:
        path = f"{above} {found.id}"
        if not found.children:
            yield found, path
        for child in found.children:
            yield from walk(child, path)

    for resource in resources:
        yield from walk(resource, "")


def _list(*, raw: bool) -> int:
    from hacluster.cli.crm_listing import resource_tree

    found = _view(connect().query())
    if raw:
        for leaf, _ in _leaves(found.resources):
            print(leaf.number_id)
    elif found.resources:
        print("\n".join(resource_tree(found)))
    if not found.resources:
        print("NO resources configured", file=sys.stderr)
    return Exit.OK


def _operations(cluster: LiveCluster | FileCluster, arguments: argparse.Namespace) -> int:
    from hacluster.cli.crm_listing import operation_lines

    cib = cluster.query()
    leaves = [leaf for leaf, _ in _leaves(_view(cib).resources)]
    every = arguments.list_all_operations
    for line in operation_lines(cib, leaves, arguments.resource, arguments.node, every=every):
        print(line)
    return Exit.OK


def _xml(cluster: LiveCluster | FileCluster, arguments: argparse.Namespace) -> int:
    from hacluster.cli.resource_text import primitive_line

    element = resource_settings.resource_element(cluster.query(), arguments.resource)
    own = [leaf for leaf, _ in _leaves(_views(cluster)) if leaf.id.split(":")[0] == arguments.resource]
    for leaf in own[:1]:
        print(primitive_line(leaf))
    print("Resource XML:")
    print(to_xml(element), end="")
    return Exit.OK


def _constraints(cluster: LiveCluster | FileCluster, arguments: argparse.Namespace) -> int:
    from hacluster.cli.crm_listing import constraint_lines

    cib = cluster.query()
    resource_settings.resource_element(cib, arguments.resource)
    lines = constraint_lines(cib, arguments.resource, recursive=arguments.stack, exactly=arguments.force)
    for line in lines:
        print(line)
    return Exit.OK


def _locate(cluster: LiveCluster | FileCluster, arguments: argparse.Namespace) -> int:
    name = arguments.resource
    parts = [leaf for leaf, path in _leaves(_views(cluster)) if name in path.split() or leaf.id.split(":")[0] == name]
    if not parts:
        raise CommandFailed(Exit.NOSUCH, f"Resource '{name}' not found: there is no resource with this id")
    places = {node: leaf.role for leaf in parts for node in leaf.nodes}
    for node, role in reversed(places.items()):
        mark = " Promoted" if role == "Promoted" else ""
        print(node if arguments.quiet else f"resource {name} is running on: {node}{mark}")
    if not places:
        print(f"resource {name} is NOT running", file=sys.stderr)
    return Exit.OK


def _why(cluster: LiveCluster | FileCluster, resource: str) -> int:
    from hacluster.scheduler.schedule import schedule

    graph = schedule(cluster.query(), time.time())
    reasons = graph.explanations.get(resource, ())
    where = ", ".join(graph.placement_after.get(resource, {})) or "nowhere"
    print(f"{resource}: {where}")
    for reason in reasons:
        shown = "INFINITY" if reason.score >= 1_000_000 else "-INFINITY" if reason.score <= -1_000_000 else reason.score
        print(f"  {reason.node}: {shown} by {reason.cause}")
    return Exit.OK


# ---------------------------------------------------------------- acting


def _cleanup(cluster: LiveCluster | FileCluster, arguments: argparse.Namespace) -> int:
    if isinstance(cluster, LiveCluster):
        return cleanup(cluster, arguments)
    if arguments.resource:
        resource_settings.resource_element(cluster.query(), arguments.resource)
    what = arguments.resource or "all resources"
    print(f"Dry run: skipping clean-up of {what} on {arguments.node or 'all nodes'} due to CIB_file")
    return Exit.OK


def cleanup(cluster: LiveCluster, arguments: argparse.Namespace) -> int:
    from hacluster.cli.attributes import duration_ms
    from hacluster.protocol.messages import Cleaned, ResourceCleanup

    request = ResourceCleanup(
        resource=arguments.resource,
        node=arguments.node,
        operation=arguments.operation,
        interval_ms=duration_ms(arguments.interval),
        only_failures=not arguments.refresh,
        force=arguments.force,
    )
    done = cluster.ask(request, Cleaned).done
    for resource, node in done:
        print(f"Cleaned up {resource} on {node}")
    if not done:
        print("Nothing to clean up")
    return Exit.OK


def _fail(arguments: argparse.Namespace) -> int:
    from hacluster.protocol.messages import Done, ResourceFail

    cluster = live()
    node = arguments.node or local_node(cluster)
    cluster.ask(ResourceFail(resource=arguments.resource, node=node), Done)
    return Exit.OK


def _place(cluster: LiveCluster | FileCluster, arguments: argparse.Namespace) -> int:
    cib = cluster.query()
    name = arguments.resource
    resource_settings.resource_element(cib, name)
    if arguments.clear:
        for constraint in placement.of(cib, name):
            if not arguments.node or constraint.get("node") == arguments.node:
                cluster.change(placement.clear(constraint))
        return Exit.OK
    until = None
    if arguments.lifetime:
        until = placement.lifetime(arguments.lifetime, datetime.now(UTC))
        if until is None:
            raise CommandFailed(Exit.USAGE, f"“{arguments.lifetime}” is no duration such as PT8H or 8h")
    if arguments.ban or not arguments.node:
        node = arguments.node or _only_home(cluster, name, arguments)
        cluster.change(placement.ban(name, node, until, promoted_only=arguments.promoted))
        if not arguments.quiet:
            print(_ban_warning(name, node, arguments))
        return Exit.OK
    _must_be_node(cib.section("nodes").children, arguments.node)
    for constraint in placement.of(cib, name):
        cluster.change(placement.clear(constraint))
    cluster.change(placement.prefer(name, arguments.node, until, promoted_only=arguments.promoted))
    return Exit.OK


def _ban_warning(name: str, node: str, arguments: argparse.Namespace) -> str:
    what = "being promoted" if arguments.promoted else "running"
    return (
        f"WARNING: Creating rsc_location constraint 'cli-ban-{name}-on-{node}' with a score of -INFINITY"
        f" for resource {name} on {node}.\n"
        f"\tThis will prevent {name} from {what} on {node} until the constraint is removed"
        " using the clear option or by editing the CIB with an appropriate tool\n"
        f"\tThis will be the case even if {node} is the last node in the cluster"
    )


def _must_be_node(nodes: tuple[Element, ...], name: str) -> None:
    known = [node.get("uname") for node in nodes]
    if name not in known:
        raise CommandFailed(Exit.NOHOST, f"there is no node {name}; known are {', '.join(known)}")


def _only_home(cluster: LiveCluster | FileCluster, name: str, arguments: argparse.Namespace) -> str:
    parts = [leaf for leaf, path in _leaves(_views(cluster)) if name in path.split()]
    if arguments.promoted:
        parts = [leaf for leaf in parts if leaf.role == "Promoted"]
    homes = {node for leaf in parts for node in leaf.nodes}
    if len(homes) != 1:
        where = ", ".join(sorted(homes)) or "nowhere"
        raise CommandFailed(Exit.USAGE, f"{name} runs on {where}: name the node (-N NODE)")
    return homes.pop()


def _settings(cluster: LiveCluster | FileCluster, arguments: argparse.Namespace) -> int:
    kind = "meta" if arguments.meta else "utilization" if arguments.utilization else "params"
    cib = cluster.query()
    if arguments.get_parameter:
        value = resource_settings.read(cib, arguments.resource, kind, arguments.get_parameter)
        if value is None:
            missing = f"Attribute '{arguments.get_parameter}' not found for '{arguments.resource}'"
            raise CommandFailed(Exit.NOSUCH, missing)
        print(value)
        return Exit.OK
    if arguments.set_parameter and arguments.parameter_value is None:
        raise CommandFailed(Exit.USAGE, "the value is missing (-v VALUE)")
    name = arguments.set_parameter or arguments.delete_parameter
    value = arguments.parameter_value if arguments.set_parameter else None
    before = resource_settings.pair_of(cib, arguments.resource, kind, name)
    change = resource_settings.write(cib, arguments.resource, kind, name, value, client="crm_resource")
    if change is not None:
        cluster.change(change)
        print(_told_setting(arguments.resource, kind, name, value, before))
    return Exit.OK


def _told_setting(resource: str, kind: str, name: str, value: str | None, before: Element | None) -> str:
    if value is None:
        return f"Deleted '{resource}' option: id={before.id if before is not None else ''} name={name}"
    if before is not None:
        return f"Set '{resource}' option: id={before.id} name={name} value={value}"
    set_id = f"{resource}-{resource_settings.TAGS[kind]}"
    return f"Set '{resource}' option: id={set_id}-{name} set={set_id} name={name} value={value}"


def wait(cluster: LiveCluster, timeout_s: float) -> int:
    """Wait until nothing is left to do; the cluster tells, nobody looks again and again."""
    import asyncio

    from hacluster.protocol.client import AsyncClient
    from hacluster.protocol.messages import Subscribe

    async def settle() -> None:
        async for _ in AsyncClient().subscribe(Subscribe(events=False)):
            if await asyncio.to_thread(_is_settled, cluster):
                return

    try:
        asyncio.run(asyncio.wait_for(settle(), timeout_s))
    except TimeoutError as error:
        raise CommandFailed(Exit.TIMEOUT, f"the cluster has not settled within {timeout_s:.0f} s") from error
    return Exit.OK


def _is_settled(cluster: LiveCluster) -> bool:
    from hacluster.scheduler.schedule import schedule

    cib = cluster.query()
    has_pending = any('op-status="-1"' in to_xml(state) for state in cib.status.children)
    return not has_pending and schedule(cib, time.time()).is_empty


if __name__ == "__main__":
    sys.exit(main())
