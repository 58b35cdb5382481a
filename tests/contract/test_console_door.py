"""What the console asks of an agent: one suite on the fake that its tests use, and on two real agents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib, Element
from hacluster.cib.patch import apply
from hacluster.protocol.client import AsyncClient
from hacluster.protocol.messages import (
    AgentInfo,
    AgentInfoQuery,
    Beat,
    CibChange,
    CibChanged,
    CibDocument,
    CibOperationKind,
    CibPatched,
    CibQuery,
    Cleaned,
    Events,
    EventsQuery,
    FenceConfirm,
    JournalAppend,
    JournalAppended,
    JournalEntries,
    JournalGrew,
    JournalProof,
    JournalProofQuery,
    JournalQuery,
    Message,
    Refused,
    Reply,
    ResourceCleanup,
    Snapshot,
    Subscribe,
)
from tests.contract.test_agent_pair import DUMMY, NO_FENCING, NODES, Pair, is_together
from tests.fake_agent import FakeAgent


@dataclass
class Door:
    path: Path

    async def ask(self, message: Message) -> Reply:
        async with AsyncClient(self.path) as client:
            return await client.request(message, 30)

    async def cib(self) -> Cib:
        document = await self.ask(CibQuery())
        assert isinstance(document, CibDocument)
        cib = parse_cib(document.xml)
        assert isinstance(cib, Cib)
        return cib

    async def replace(self, changed: Cib) -> Reply:
        """As webui.commands does it."""
        return await self.ask(
            CibChange(
                kind=CibOperationKind.REPLACE,
                section="configuration",
                xml=to_xml(changed.configuration),
                based_on=changed.version,
                client="hacluster-console",
                user="operator",
            )
        )


def with_default(cib: Cib, value: str) -> Cib:
    pair = Element("nvpair", {"id": "d-threshold", "name": "migration-threshold", "value": value})
    block = Element("meta_attributes", {"id": "rsc-options"}, (pair,))
    return cib.with_section(Element("rsc_defaults", {}, (block,)))


@pytest.fixture(params=["fake", "real"])
async def door(request, tmp_path) -> AsyncIterator[Door]:
    if request.param == "fake":
        with FakeAgent(tmp_path / "agent.sock"):
            yield Door(tmp_path / "agent.sock")
        return
    pair = Pair(tmp_path)
    for node in NODES:
        await pair.start(node)
    await pair.until("pm01", is_together)
    await pair.change("pm01", "crm_config", NO_FENCING)
    await pair.change("pm01", "resources", DUMMY)
    yield Door(pair.door("pm01"))
    for node in NODES:
        await pair.kill(node)


async def test_the_agent_says_who_it_is_and_who_is_with_it(door):
    info = await door.ask(AgentInfoQuery())
    assert isinstance(info, AgentInfo)
    assert info.node == "pm01"
    assert info.dc in NODES
    assert {member.name for member in info.members if member.is_member} == set(NODES)


async def test_a_configuration_is_replaced_once_and_an_old_base_is_refused(door):
    before = await door.cib()
    answer = await door.replace(with_default(before, "3"))
    assert isinstance(answer, CibChanged), answer
    after = await door.cib()
    assert after.section("rsc_defaults").by_id("d-threshold") is not None
    assert (after.version.admin_epoch, after.version.epoch) > (before.version.admin_epoch, before.version.epoch)
    refused = await door.replace(with_default(before, "4"))
    assert isinstance(refused, Refused)
    assert refused.code == "cib.version"


async def test_a_subscriber_gets_a_snapshot_and_patches_that_lead_to_the_present(door):
    updates = AsyncClient(door.path).subscribe(Subscribe(cib=True, events=True, journal=True))
    snapshot = await anext(updates)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.cib is not None
    known = parse_cib(snapshot.cib.xml)
    assert isinstance(known, Cib)
    answer = await door.replace(with_default(known, "5"))
    assert isinstance(answer, CibChanged), answer
    seen: set[type] = set()
    async for update in updates:
        seen.add(type(update))
        if isinstance(update, CibPatched):
            known = apply(known, update.patch)
            assert isinstance(known, Cib), known
        if known.version >= answer.version and Beat in seen:
            break
    assert known.section("rsc_defaults").by_id("d-threshold") is not None


async def test_the_journal_gives_back_what_it_was_given_and_tells_its_listeners(door):
    updates = AsyncClient(door.path).subscribe(Subscribe(cib=False, events=False, journal=True))
    assert isinstance(await anext(updates), Snapshot)
    appended = await door.ask(JournalAppend(kind="audit", payload=json.dumps({"key": "k"}).encode()))
    assert isinstance(appended, JournalAppended)
    async for update in updates:
        if isinstance(update, JournalGrew) and any(entry.kind == "audit" for entry in update.entries):
            break
    have = {appended.origin: appended.seq - 1}
    entries = await door.ask(JournalQuery(have=have))
    assert isinstance(entries, JournalEntries)
    mine = [entry for entry in entries.entries if (entry.origin, entry.seq) == (appended.origin, appended.seq)]
    assert [json.loads(entry.payload) for entry in mine] == [{"key": "k"}]
    proof = await door.ask(JournalProofQuery())
    assert isinstance(proof, JournalProof)
    assert proof.heads[appended.origin] >= appended.seq
    assert proof.broken == {}


async def test_a_node_that_is_heard_cannot_be_confirmed_off(door):
    answer = await door.ask(FenceConfirm(node="pm02", user="operator", reason="test"))
    assert isinstance(answer, Refused)
    assert answer.code == "fence.node-is-heard"


async def test_a_cleanup_names_what_it_cleaned(door):
    resource = (await door.cib()).section("resources").children[-1].id
    answer = await door.ask(ResourceCleanup(resource=resource, user="operator"))
    assert isinstance(answer, Cleaned), answer


async def test_events_come_oldest_first(door):
    events = await door.ask(EventsQuery(limit=50))
    assert isinstance(events, Events)
    assert [event.at_ms for event in events.events] == sorted(event.at_ms for event in events.events)
