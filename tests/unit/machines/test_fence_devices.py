"""Which devices are tried against a node, in which order, and with what."""

from __future__ import annotations

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from nodeagent.machines.fence_devices import devices, steps_for


def device(name: str, agent: str = "external/ssh", meta: str = "", **parameters: str) -> str:
    pairs = "".join(
        f'<nvpair id="{name}-{key}" name="{key.replace("stonith_", "stonith-")}" value="{value}"/>'
        for key, value in parameters.items()
    )
    return (
        f'<primitive id="{name}" class="stonith" type="{agent}"><instance_attributes id="{name}-p">{pairs}'
        f"</instance_attributes>{meta}</primitive>"
    )


def cib(*resources: str, topology: str = "") -> Cib:
    parsed = parse_cib(
        f"<cib><configuration><crm_config/><nodes/><resources>{''.join(resources)}</resources><constraints/>"
        f"<fencing-topology>{topology}</fencing-topology></configuration><status/></cib>"
    )
    assert isinstance(parsed, Cib)
    return parsed


def ids(steps: list) -> list[list[str]]:
    return [[one.id for one in step] for step in steps]


def test_devices_are_tried_by_priority_then_in_the_order_of_the_cib():
    tree = cib(
        device("meat", "meatware", hostlist="pm01", priority="3"),
        device("helper", "external/stonith-helper", hostlist="pm01", priority="1"),
        device("ssh", hostlist="pm01", priority="2"),
        device("ssh-b", hostlist="pm01", priority="2"),
    )
    assert ids(steps_for(tree, "pm01")) == [["helper"], ["ssh"], ["ssh-b"], ["meat"]]


def test_a_device_that_does_not_list_the_target_is_not_tried():
    tree = cib(device("a", hostlist="pm02 pm03"), device("b", pcmk_host_list="pm01,PM09"), device("c"))
    assert ids(steps_for(tree, "pm01")) == [["b"], ["c"]]
    assert ids(steps_for(tree, "pm09")) == [["b"], ["c"]]


def test_a_topology_decides_where_there_is_one():
    tree = cib(
        device("a", hostlist="pm01"),
        device("b", hostlist="pm01"),
        device("c", hostlist="pm01"),
        topology='<fencing-level id="2" target="pm01" index="2" devices="a"/>'
        '<fencing-level id="1" target="pm01" index="1" devices="b,c"/>',
    )
    assert ids(steps_for(tree, "pm01")) == [["b", "c"], ["a"]]


def test_devices_inside_a_group_count_and_stopped_ones_do_not():
    stopped = '<meta_attributes id="m"><nvpair id="t" name="target-role" value="Stopped"/></meta_attributes>'
    tree = cib(f'<group id="g">{device("a", hostlist="pm01")}</group>', device("b", meta=stopped, hostlist="pm01"))
    assert ids(steps_for(tree, "pm01")) == [["a"]]


def test_special_parameters_are_read_and_not_passed_on():
    (one,) = devices(
        cib(
            device(
                "a",
                "fence_ipmilan",
                pcmk_host_map="pm01:1;pm02:2",
                pcmk_reboot_action="off",
                pcmk_reboot_timeout="70s",
                pcmk_delay_base="pm01:5s;pm02:0s",
                stonith_timeout="300s",
                ip="192.0.2.1",
            )
        )
    )
    assert one.own_parameters() == {"ip": "192.0.2.1"}
    assert one.targets == ("pm01", "pm02")
    assert one.port("pm02") == "2"
    assert one.renamed("reboot") == "off"
    assert one.timeout_ms("reboot", 60_000) == 70_000
    assert one.timeout_ms("off", 60_000) == 300_000
    assert one.delays_ms("pm01") == (5_000, 5_000)
    assert one.delays_ms("pm02") == (0, 0)
