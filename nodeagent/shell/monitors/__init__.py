"""The monitors that run inside the agent: pingd, diskd, and the attributes of the heartbeat links."""

from __future__ import annotations

from nodeagent.shell.monitors.supervisor import Monitors

__all__ = ["Monitors"]
