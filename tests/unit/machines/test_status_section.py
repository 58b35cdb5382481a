"""The status section as Pacemaker's tools read it."""

from __future__ import annotations

from hacluster.cib.model import Cib
from hacluster.protocol.peers import AttributeRow, HistoryEntry, LrmResource
from nodeagent.machines import status_section as status


def with_node() -> Cib:
    return status.with_node_state(Cib.empty(), "1", "pm01", {"in_ccm": "true"})


def entry(operation: str, interval_ms: int = 0, rc: int = 0) -> HistoryEntry:
    return HistoryEntry(
        resource="prmPg",
        standard="ocf",
        provider="heartbeat",
        type="pgsql",
        operation=operation,
        interval_ms=interval_ms,
        call_id=4,
        rc=rc,
        op_status=0,
        transition_key="3:1:0:uuid",
    )


def memory(*entries: HistoryEntry) -> LrmResource:
    return LrmResource(resource="prmPg", standard="ocf", provider="heartbeat", type="pgsql", entries=entries)


def test_a_recurring_operation_has_an_entry_of_its_own():
    tree = status.with_lrm(with_node(), "pm01", [memory(entry("start"), entry("monitor", 10_000, 7))])
    found = {e.id: e for e in tree.status.walk() if e.tag == "lrm_rsc_op"}
    assert set(found) == {"prmPg_last_0", "prmPg_monitor_10000"}
    assert found["prmPg_monitor_10000"].get("transition-magic") == "0:7;3:1:0:uuid"


def test_what_a_node_tells_replaces_what_was_known():
    tree = status.with_lrm(with_node(), "pm01", [memory(entry("start"))])
    tree = status.with_lrm_resource(tree, "pm01", "prmPg", memory(entry("stop")))
    operations = [e.get("operation") for e in tree.status.walk() if e.tag == "lrm_rsc_op"]
    assert operations == ["stop"]
    tree = status.with_lrm_resource(tree, "pm01", "prmPg", None)
    assert not [e for e in tree.status.walk() if e.tag == "lrm_resource"]


def test_the_same_attribute_again_is_the_same_tree():
    row = AttributeRow(name="default_ping_set", node="pm01", value="100")
    tree = status.with_attributes(with_node(), [row])
    assert status.attributes_of(tree, "pm01") == {"default_ping_set": "100"}
    assert status.with_attributes(tree, [row]) is tree


def test_a_private_attribute_never_reaches_the_cib():
    row = AttributeRow(name="secret", node="pm01", value="1", private=True)
    assert status.attributes_of(status.with_attributes(with_node(), [row]), "pm01") == {}


def test_characters_that_no_id_may_have_become_dots():
    tree = status.with_attributes(with_node(), [AttributeRow(name="#health disk", node="pm01", value="red")])
    (pair,) = [e for e in tree.status.walk() if e.tag == "nvpair"]
    assert pair.id == "status-1-.health.disk"


def test_erasing_a_node_leaves_its_state():
    tree = status.with_lrm(with_node(), "pm01", [memory(entry("start"))])
    tree = status.with_attributes(tree, [AttributeRow(name="a", node="pm01", value="1")])
    tree = status.without_history_of(tree, "pm01")
    (state,) = tree.status.children
    assert state.children == ()
    assert state.get("in_ccm") == "true"


def test_only_a_later_life_of_a_node_that_is_down_counts_as_expected():
    down = status.with_node_state(Cib.empty(), "1", "pm01", {**status.DOWN, status.INCARNATION: "3"})
    ids = {"pm01": "1", "pm02": "2"}
    assert status.with_expected(down, ids, {"pm01": 3}) is down
    expected = status.with_expected(down, ids, {"pm01": 4, "pm02": 1})
    assert status.expected_in(expected) == {"pm01": 4, "pm02": 1}
    assert status.with_expected(expected, ids, {"pm01": 9}) is expected
