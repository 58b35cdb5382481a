"""`stonith_admin`: fence nodes, confirm by hand, look at devices and the history."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from hacluster.cli.cluster import LiveCluster, live, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.options import Options


def build_parser() -> argparse.ArgumentParser:
    parser = Options("stonith_admin", description="Fencing: act, confirm, look.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-B", "--reboot", metavar="NODE", help="fence a node by restarting it")
    what.add_argument("-F", "--fence", "--off", metavar="NODE", dest="off", help="fence a node by switching it off")
    what.add_argument("-U", "--unfence", "--on", metavar="NODE", dest="on", help="switch a node on")
    what.add_argument("-C", "--confirm", metavar="NODE", help="a human has seen that the node is off")
    what.add_argument("-H", "--history", metavar="NODE", help="what was fenced ('*': every node)")
    what.add_argument("-l", "--list", metavar="NODE", help="devices that can fence a node")
    what.add_argument("-L", "--list-registered", action="store_true", help="all devices")
    what.add_argument("-I", "--list-installed", action="store_true", help="fence agents installed here")
    what.add_argument("-M", "--metadata", action="store_true", help="with --agent: its meta-data")
    parser.add_argument("-a", "--agent", metavar="AGENT", default="")
    parser.add_argument("-c", "--cleanup", action="store_true", help="with --history: forget it")
    parser.add_argument("-t", "--timeout", type=int, default=120, metavar="SECONDS")
    parser.add_argument("--tag", default="stonith_admin", help="who asks, for the log")
    parser.add_argument("--reason", default="", help="with --confirm: for the audit trail")
    parser.add_argument("-V", "--verbose", action="count", help="accepted")
    parser.add_argument("--output-as", choices=("text", "xml"), default="text")
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    return run("stonith_admin", lambda: _carry_out(arguments))


def _carry_out(arguments: argparse.Namespace) -> int:
    from hacluster.protocol.messages import Done, FenceConfirm, FenceHistoryClear, FenceNode

    cluster = live()
    for action in ("reboot", "off", "on"):
        node = getattr(arguments, action)
        if node:
            request = FenceNode(node=node, action=action, timeout_ms=arguments.timeout * 1000, client=arguments.tag)
            cluster.ask(request, Done, timeout_s=arguments.timeout + 10)
            return Exit.OK
    if arguments.confirm:
        cluster.ask(FenceConfirm(node=arguments.confirm, user="", reason=arguments.reason), Done)
        return Exit.OK
    if arguments.history:
        node = "" if arguments.history == "*" else arguments.history
        if arguments.cleanup:
            cluster.ask(FenceHistoryClear(node=node), Done)
            return Exit.OK
        return _history(cluster, node, as_xml=arguments.output_as == "xml")
    if arguments.metadata:
        return _metadata(cluster, arguments.agent)
    if arguments.list_installed:
        return _installed(cluster)
    return _devices(cluster, arguments.list or "")


def _history(cluster: LiveCluster, node: str, *, as_xml: bool) -> int:
    from hacluster.cib.codec import to_xml
    from hacluster.cib.model import Element
    from hacluster.protocol.messages import FenceHistory, FenceHistoryQuery

    records = cluster.ask(FenceHistoryQuery(node=node), FenceHistory).records
    if as_xml:
        events = tuple(
            Element(
                "fence_event",
                {
                    "status": record.status,
                    "action": record.action,
                    "target": record.target,
                    "client": record.client,
                    "origin": record.origin,
                    **({"delegate": record.delegate} if record.delegate else {}),
                    **({"exit-reason": record.exit_reason} if record.exit_reason else {}),
                },
            )
            for record in records
        )
        print(to_xml(Element("pacemaker-result", {"api-version": "2.25"}, (Element("fence_history", {}, events),))))
        return Exit.OK
    for record in records:
        when = datetime.fromtimestamp((record.completed_at_ms or record.started_at_ms) / 1000)
        word = {"success": "successful", "failed": "failed", "pending": "pending"}[record.status]
        print(
            f"{record.action} of {record.target} {word}: delegate={record.delegate}, client={record.client}, "
            f"origin={record.origin}, completed='{when:%Y-%m-%d %H:%M:%S}'"
            + (f", exit-reason='{record.exit_reason}'" if record.exit_reason else "")
        )
    return Exit.OK


def _devices(cluster: LiveCluster, node: str) -> int:
    from hacluster.protocol.messages import FenceDevices, FenceDevicesQuery

    devices = cluster.ask(FenceDevicesQuery(node=node), FenceDevices).devices
    for device in devices:
        print(f" {device.id}")
    print(f"{len(devices)} fence device{'s' if len(devices) != 1 else ''} found")
    return Exit.OK


def _installed(cluster: LiveCluster) -> int:
    from hacluster.protocol.messages import AgentList, AgentListQuery

    agents = cluster.ask(AgentListQuery(standard="stonith"), AgentList).agents
    for _, _, name in agents:
        print(f" {name}")
    print(f"{len(agents)} fence agents found")
    return Exit.OK


def _metadata(cluster: LiveCluster, agent: str) -> int:
    from hacluster.protocol.messages import AgentActionResult, AgentActionRun

    if not agent:
        raise CommandFailed(Exit.USAGE, "--metadata needs --agent NAME")
    result = cluster.ask(AgentActionRun(standard="stonith", type=agent, action="meta-data"), AgentActionResult)
    if result.rc:
        raise CommandFailed(Exit.NOSUCH, result.errors or f"{agent} gave no meta-data")
    print(result.output, end="")
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
