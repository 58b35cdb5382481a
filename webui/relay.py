"""The way of a job's progress from whoever works on it to the browsers: over the channel layer, or beside it.

A Celery worker is another process and can only reach the console through Redis; a job inside the console tells the feed
directly. What is told is just "this job moved"; who listens reads the job from the database.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

if TYPE_CHECKING:
    from webui.feed import Feed

log = logging.getLogger("hacluster.console.relay")
GROUP = "jobs"
RENEW_S = 60


def publish(key: str) -> None:
    """Say that a job moved. Called from worker threads and worker processes."""
    from webui.feed import feed

    if feed.loop is not None:
        # In the console's own process: no need of the layer, which may be down.
        feed.tell_from_thread("job", key)
        return
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(GROUP, {"type": "job.moved", "key": key})
    except Exception as error:
        # Browsers also poll a job they wait for, so that a lost word costs a second and not the result.
        log.warning("progress of %s could not be told: %s", key, error)


async def listen(feed: Feed) -> None:
    """Pass on what other processes say; come back after the layer was gone."""
    wait_s = 0.5
    while True:
        try:
            layer = get_channel_layer()
            if layer is None:
                return
            channel = await layer.new_channel()
            while True:
                # Redis forgets groups when it restarts and after a day: joining again costs nothing.
                await layer.group_add(GROUP, channel)
                await _pass_on(layer, channel, feed)
                wait_s = 0.5
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.warning("channel layer: %s; trying again in %.1f s", error, wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 15)


async def _pass_on(layer: object, channel: str, feed: Feed) -> None:
    try:
        async with asyncio.timeout(RENEW_S):
            while True:
                message = await layer.receive(channel)  # type: ignore[attr-defined]
                feed.tell("job", message["key"])
    except TimeoutError:
        return
