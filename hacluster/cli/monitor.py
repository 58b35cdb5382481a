"""`hactl monitor start|stop|status KIND`: what the shipped OCF agents pingd and diskd call.

Reads the resource's parameters from the OCF environment; gives an OCF exit code. The monitor itself runs inside the
node agent.
"""

from __future__ import annotations

import os
import sys

from hacluster.protocol.client import AgentUnreachable, Client
from hacluster.protocol.messages import MonitorQuery, MonitorStart, MonitorStop, Refused

OCF_SUCCESS = 0
OCF_ERR_GENERIC = 1
OCF_ERR_ARGS = 2
OCF_ERR_CONFIGURED = 6
OCF_NOT_RUNNING = 7

USAGE = "usage: hactl monitor start|stop|status pingd|diskd"
_PARAMETER = "OCF_RESKEY_"


def main(argv: list[str]) -> int:
    if len(argv) != 2 or argv[0] not in ("start", "stop", "status"):
        print(USAGE, file=sys.stderr)
        return OCF_ERR_ARGS
    operation, kind = argv
    instance = os.environ.get("OCF_RESOURCE_INSTANCE", kind)
    try:
        return _carry_out(operation, kind, instance)
    except AgentUnreachable as error:
        print(f"ocf-exit-reason:{error}", file=sys.stderr)
        # A monitor can't run without its agent, so a stop has nothing to do and a status finds nothing.
        return {"start": OCF_ERR_GENERIC, "stop": OCF_SUCCESS, "status": OCF_NOT_RUNNING}[operation]


def _carry_out(operation: str, kind: str, instance: str) -> int:
    with Client() as client:
        match operation:
            case "start":
                request = MonitorStart(kind=kind, instance=instance, parameters=_parameters())
                reply = client.request(request)
            case "stop":
                reply = client.request(MonitorStop(kind=kind, instance=instance))
            case _:
                reply = client.request(MonitorQuery(kind=kind, instance=instance))
    if not isinstance(reply, Refused):
        return OCF_SUCCESS
    if reply.code == "monitor.not-running":
        return OCF_NOT_RUNNING
    print(f"ocf-exit-reason:{reply.reason}", file=sys.stderr)
    return OCF_ERR_CONFIGURED if reply.code.startswith("monitor.") else OCF_ERR_GENERIC


def _parameters() -> dict[str, str]:
    return {
        name.removeprefix(_PARAMETER): value
        for name, value in os.environ.items()
        if name.startswith(_PARAMETER) and not name.startswith(f"{_PARAMETER}CRM_meta_")
    }
