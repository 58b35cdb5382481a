"""The fence devices of a CIB, and the order in which they are tried against a node.

Reads the resources of class stonith, their parameters and the fencing topology; gives devices, and for a target its
steps (reference/stonith, 3 and 4). A topology decides where there is one; else `priority`, then the order in the CIB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from hacluster.cib.model import Cib, Element

_SEPARATORS = re.compile(r"[\s,;]+")
_SPECIAL = ("stonith-timeout", "priority", "provides")
_UNITS_MS = {"": 1000, "s": 1000, "sec": 1000, "ms": 1, "msec": 1, "m": 60_000, "min": 60_000, "h": 3_600_000}


@dataclass(frozen=True, slots=True)
class Device:
    """One fence device as configured."""

    id: str
    agent: str
    targets: tuple[str, ...] | None
    """Whom it can fence; None when only the device itself could tell, so it counts for every node."""
    parameters: dict[str, str] = field(default_factory=dict)
    """All of them, the special ones included."""

    @property
    def priority(self) -> int:
        text = self.parameters.get("priority", "0")
        return int(text) if text.lstrip("-").isdigit() else 0

    def can_fence(self, target: str) -> bool:
        return self.targets is None or target.lower() in (name.lower() for name in self.targets)

    def own_parameters(self) -> dict[str, str]:
        """What the device itself is told."""
        return {
            name: value
            for name, value in self.parameters.items()
            if not name.startswith("pcmk_") and name not in _SPECIAL
        }

    def port(self, target: str) -> str:
        return host_map(self.parameters.get("pcmk_host_map", "")).get(target, target)

    def renamed(self, action: str) -> str:
        return self.parameters.get(f"pcmk_{action}_action", action)

    def timeout_ms(self, action: str, default_ms: int) -> int:
        text = self.parameters.get(f"pcmk_{action}_timeout") or self.parameters.get("stonith-timeout") or ""
        return time_ms(text, default_ms)

    def retries(self, action: str) -> int:
        text = self.parameters.get(f"pcmk_{action}_retries", "1")
        return max(1, int(text)) if text.isdigit() else 1

    def delays_ms(self, target: str) -> tuple[int, int]:
        """(least, most) delay before it acts; the base may differ from node to node."""
        base_text = self.parameters.get("pcmk_delay_base", "0")
        base = time_ms(host_map(base_text).get(target, base_text if ":" not in base_text else "0"), 0)
        return base, max(base, time_ms(self.parameters.get("pcmk_delay_max", "0"), 0))


def host_map(text: str) -> dict[str, str]:
    """`node1:1;node2:2,3`"""
    pairs = (part.partition(":") for part in re.split(r"[\s;]+", text) if ":" in part)
    return {name: port for name, _, port in pairs}


def time_ms(text: str, default: int) -> int:
    found = re.fullmatch(r"\s*(\d+)\s*([a-z]*)\s*", text.lower())
    return int(found[1]) * _UNITS_MS[found[2]] if found and found[2] in _UNITS_MS else default


def devices(cib: Cib) -> list[Device]:
    """Every enabled device, in the order of the CIB."""
    return [_device(primitive) for primitive in _primitives(cib.section("resources")) if _is_enabled(primitive)]


def _primitives(section: Element) -> Iterator[Element]:
    return (element for element in section.walk() if element.tag == "primitive" and element.get("class") == "stonith")


def _is_enabled(primitive: Element) -> bool:
    return _pairs(primitive, "meta_attributes").get("target-role", "Started").lower() != "stopped"


def _pairs(element: Element, tag: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for block in element.all(tag):
        for pair in block.all("nvpair"):
            pairs.setdefault(pair.get("name"), pair.get("value"))
    return pairs


def _device(primitive: Element) -> Device:
    parameters = _pairs(primitive, "instance_attributes")
    text = parameters.get("pcmk_host_list") or parameters.get("hostlist") or ""
    targets = tuple(name for name in _SEPARATORS.split(text) if name) or tuple(
        host_map(parameters.get("pcmk_host_map", ""))
    )
    return Device(primitive.id, primitive.get("type"), targets or None, parameters)


Step = tuple[Device, ...]
"""Devices that must all succeed."""


def steps_for(cib: Cib, target: str) -> list[Step]:
    """What to try against a node, best first; the first step that succeeds has fenced it."""
    known = {device.id: device for device in devices(cib)}
    levels = _levels(cib, target)
    if levels:
        return [
            tuple(known[name] for name in names) for _, names in sorted(levels) if all(name in known for name in names)
        ]
    usable = [device for device in known.values() if device.can_fence(target)]
    return [(device,) for device in sorted(usable, key=lambda device: device.priority)]


def _levels(cib: Cib, target: str) -> list[tuple[int, tuple[str, ...]]]:
    levels = []
    for level in cib.section("fencing-topology").all("fencing-level"):
        pattern = level.get("target-pattern")
        if level.get("target") == target or (pattern and re.fullmatch(pattern, target)):
            names = tuple(name for name in _SEPARATORS.split(level.get("devices")) if name)
            levels.append((int(level.get("index") or 1), names))
    return levels
