"""What the console does by itself.

It ends temporary placements whose resource has arrived or that are eight hours old, and jobs whose process has ended.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async

from hacluster.cib.placement import is_temporary_id

if TYPE_CHECKING:
    from webui.feed import Feed, View

log = logging.getLogger("hacluster.console.housekeeping")
EVERY_S = 2.0


async def keep(feed: Feed) -> None:
    """Only the console of the DC ends placements, so that two never do it at once."""
    while True:
        try:
            await sync_to_async(_end_orphans)()
        except Exception:
            log.exception("jobs could not be looked at")
        await asyncio.sleep(EVERY_S)
        view = feed.view
        try:
            if view.live and view.picture.dc == view.picture.node and _has_placement(view):
                await sync_to_async(_tidy)(view)
        except Exception:
            log.exception("temporary placements could not be looked at")


def _end_orphans() -> None:
    from webui import commands, jobs

    for job in jobs.end_orphans():
        log.warning("the process of job %s (%s) has ended before its job", job.key, job.kind)
        commands.audit_orphan(job)


def _has_placement(view: View) -> bool:
    return view.cib is not None and any(is_temporary_id(each.id) for each in view.cib.section("constraints").children)


def _tidy(view: View) -> None:
    from webui import commands

    assert view.cib is not None
    for resource in commands.end_placements(view.cib, view.picture):
        log.info("the temporary placement of %s has ended", resource)
