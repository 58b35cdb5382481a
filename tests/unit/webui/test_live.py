"""The feed and its websocket: snapshot, deltas, gaps, silence, and who may listen."""

import asyncio
import contextlib
import json
from urllib.parse import urlencode

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore

from hacluster.protocol import events
from tests.fake_agent import failed_over, pair
from webui import relay
from webui.consumers import LiveConsumer
from webui.feed import Feed, feed

pytestmark = pytest.mark.django_db(transaction=True)


async def until(condition, seconds=8.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def following(a_feed: Feed):
    a_feed.start()
    try:
        await until(lambda: a_feed.view.live)
        yield a_feed
    finally:
        await a_feed.stop()


async def socket_of(user, origin=b"http://console", language="en", **query):
    session = SessionStore()
    await sync_to_async(session.create)()
    scope = {
        "type": "websocket",
        "path": "/ws/live",
        "query_string": urlencode({"lang": language, **query}).encode(),
        "headers": [(b"origin", origin), (b"host", b"console")],
        "user": user,
        "session": session,
    }
    communicator = ApplicationCommunicator(LiveConsumer.as_asgi(), scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output(5))["type"] == "websocket.accept"
    return communicator


async def leave(communicator):
    await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
    await communicator.wait(5)


async def heard(communicator, kind, seconds=6.0):
    """The next message of a kind; others are passed over."""
    async with asyncio.timeout(seconds):
        while True:
            message = json.loads((await communicator.receive_output(seconds))["text"])
            if message["type"] == kind:
                return message


async def test_the_view_follows_the_agent(agent):
    async with following(Feed()) as a_feed:
        assert a_feed.view.picture.cells["prmPg", "pm01"].state == "running"
        agent.change(failed_over(pair()))
        await until(lambda: a_feed.view.picture.cells["prmPg", "pm02"].state == "alone")
        assert a_feed.entities("ja")["cell:prmPg@pm02"]["parts"]["word"] == "稼働中（冗長性なし）"


async def test_an_agent_that_ends_is_noticed_and_its_return_too(agent):
    async with following(Feed()) as a_feed:
        agent.stop()
        await until(lambda: not a_feed.view.live)
        assert a_feed.view.picture.cells["prmPg", "pm01"].state == "running"
        agent.start()
        await until(lambda: a_feed.view.live)


async def test_a_picture_painted_anew_while_the_agent_is_gone_stays_stale(agent):
    async with following(Feed()) as a_feed:
        agent.stop()
        await until(lambda: not a_feed.view.live)
        before = a_feed.view
        a_feed.mark_seen(frozenset({"a problem"}))
        await until(lambda: a_feed.view.seq > before.seq)
        assert (a_feed.view.live, a_feed.view.heard_at_ms, a_feed.view.trouble) == (
            False,
            before.heard_at_ms,
            before.trouble,
        )


async def test_a_silent_agent_counts_as_gone_after_two_beats(agent):
    async with following(Feed()) as a_feed:
        agent.is_silent = True
        await until(lambda: not a_feed.view.live, 7)


async def test_a_delta_leads_from_the_snapshot_to_the_present(agent, users):
    async with following(feed):
        communicator = await socket_of(users["viewer"])
        snapshot = await heard(communicator, "snapshot")
        agent.change(failed_over(pair()))
        delta = await heard(communicator, "delta")
        assert delta["from"] == snapshot["seq"]
        patched = {**snapshot["entities"], **delta["set"]}
        for key in delta["del"]:
            patched.pop(key)
        assert patched == json.loads(json.dumps(feed.entities("en")))
        await leave(communicator)


async def test_who_lost_a_delta_gets_a_new_snapshot(agent, users):
    async with following(feed):
        communicator = await socket_of(users["viewer"])
        await heard(communicator, "snapshot")
        await communicator.send_input({"type": "websocket.receive", "text": '{"type": "resync"}'})
        assert (await heard(communicator, "snapshot"))["seq"] == feed.view.seq
        await leave(communicator)


async def test_alerts_come_in_the_language_of_the_page(agent, users):
    async with following(feed):
        communicator = await socket_of(users["viewer"], language="ja")
        await heard(communicator, "snapshot")
        agent.happen(events.FAILOVER_STARTED)
        alert = await heard(communicator, "alert")
        assert (alert["level"], alert["text"]) == ("major", "フェイルオーバーを開始します。")
        await leave(communicator)


async def test_an_alert_between_the_page_and_its_connection_is_told(agent, users):
    async with following(feed):
        await until(lambda: feed.view.heard == feed.heard)
        page = feed.view
        agent.happen(events.FAILOVER_STARTED)
        await until(lambda: feed.heard > page.heard)
        communicator = await socket_of(users["viewer"], epoch=feed.view_epoch, heard=page.heard)
        assert (await heard(communicator, "alert"))["level"] == "major"
        await leave(communicator)


async def test_an_alert_is_told_once_however_often_the_browser_comes_back(agent, users):
    async with following(feed):
        before = feed.heard
        agent.happen(events.FAILOVER_STARTED)
        await until(lambda: feed.heard == before + 1)
        for number in (feed.heard, "x", "9" * 30):
            communicator = await socket_of(users["viewer"], epoch=feed.view_epoch, heard=number)
            with pytest.raises(TimeoutError):
                await heard(communicator, "alert", 0.5)
            await leave(communicator)


async def test_what_happened_while_the_agent_was_out_of_reach_is_told(agent):
    async with following(Feed()) as a_feed:
        agent.happen(events.FAILOVER_STARTED)
        await until(lambda: a_feed.heard)
        agent.stop()
        agent.happen(events.FAILOVER_FAILED)
        agent.start()
        await until(lambda: a_feed.heard == 2)
        assert [event.code for _, event in a_feed.events_since(1)] == ["failover.failed"]


async def test_nobody_listens_without_a_login(agent, users):
    from django.contrib.auth.models import AnonymousUser

    async with following(feed):
        communicator = await socket_of(AnonymousUser())
        assert (await communicator.receive_output())["text"] == '{"type":"bye","reason":"login"}'
        assert (await communicator.receive_output())["code"] == 4401


async def test_a_user_without_a_role_does_not_listen(agent, users):
    stranger = await sync_to_async(get_user_model().objects.create_user)("stranger", password="correct horse battery")
    async with following(feed):
        communicator = await socket_of(stranger)
        assert (await communicator.receive_output())["text"] == '{"type":"bye","reason":"login"}'
        assert (await communicator.receive_output())["code"] == 4401


async def test_another_site_cannot_listen(agent, users):
    async with following(feed):
        communicator = await socket_of(users["viewer"], origin=b"http://evil")
        assert (await communicator.receive_output())["code"] == 4403


async def test_a_job_moves_in_every_browser(agent, users):
    from webui.models import Job

    job = await sync_to_async(Job.objects.create)(key="j1", kind="fence", user="operator", at_ms=1)
    async with following(feed):
        communicator = await socket_of(users["viewer"])
        await heard(communicator, "snapshot")
        await asyncio.to_thread(relay.publish, job.key)
        assert (await heard(communicator, "job"))["state"] == "queued"
        await leave(communicator)
