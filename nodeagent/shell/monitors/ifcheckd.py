"""ifcheckd: the heartbeat links as attributes of the own node, `<peer>-<nic>` = `up` or `dead`.

Reads what the engine says of its links; gives the attribute to set, or to delete when the whole peer is gone
(reference/monitors, 3). The agent owns its links, so there is no daemon to configure.
"""

from __future__ import annotations

UP = "up"
DEAD = "dead"


def attribute_of(peer: str, nic: str) -> str:
    return f"{peer}-{nic}"


def value_of(*, is_up: bool) -> str:
    return UP if is_up else DEAD
