"""Whatever happens in whatever order, what was painted and rendered step by step equals what is made afresh."""

import random
from dataclasses import replace

import pytest
from django.utils import translation

from hacluster.cib import patch as patches
from hacluster.cib import status as status_of
from hacluster.cib.model import Cib, Element
from hacluster.protocol.messages import AgentInfo, MemberInfo, TransitionProgress
from tests.fake_agent import FakeAgent, joined, left, operation, pair
from webui import wording
from webui.feed import View
from webui.painter import Painter, picture_of
from webui.rendering import Rendering

NODES = ("pm01", "pm02", "pm03")
RESOURCES = ("prmEx", "prmFs", "prmIp", "prmPg", "prmPingd", "prmDiskd1", "prmStonith1", "prmStonith2")
OPERATIONS = (("start", 0), ("stop", 0), ("stop", 1), ("monitor", 0), ("monitor", 7), ("monitor", 1), ("promote", 0))


class Day:
    """A cluster to which something happens at each step."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.cib = pair()
        self.info: AgentInfo | None = FakeAgent("").info()
        self.transition: TransitionProgress | None = None
        self.seen: frozenset[str] = frozenset()

    def step(self) -> None:
        happen = self.luck.choice(
            [self._operates] * 6
            + [self._counts, self._attribute, self._node, self._moves, self._agent, self._configures, self._replaces]
        )
        happen()

    def _operates(self) -> None:
        for _ in range(self.luck.randrange(1, 4)):
            name, rc = self.luck.choice(OPERATIONS)
            status, rc = self.luck.choice([(0, rc)] * 4 + [(-1, 193), (2, 1)])
            node, resource = self.luck.choice(NODES[:2]), self.luck.choice(RESOURCES)
            if self.cib.section("resources").by_id(resource) is not None:
                self.cib = operation(self.cib, node, resource, name, rc=rc, status=status)

    def _counts(self) -> None:
        name = f"fail-count-{self.luck.choice(RESOURCES)}#monitor_10000"
        self._sets(name, self.luck.choice(["1", "3", "INFINITY", None]))

    def _attribute(self) -> None:
        name = self.luck.choice(["default_ping_set", "diskcheck_status", "standby", "maintenance", "terminate"])
        self._sets(name, self.luck.choice(["0", "100", "normal", "ERROR", "true", None]))

    def _sets(self, name: str, value: str | None) -> None:
        self.cib = status_of.with_attributes(self.cib, self.luck.choice(NODES[:2]), {name: value})

    def _node(self) -> None:
        node = self.luck.choice(NODES)
        happen = self.luck.choice([joined, left, lambda cib, name: left(cib, name, cleanly=True), status_of.erased])
        self.cib = happen(self.cib, node)

    def _moves(self) -> None:
        state = self.luck.choice(["running", "waiting", "done"])
        lines = tuple(f"Move {each} (Started pm01 -> pm02)" for each in self.luck.sample(RESOURCES, 3))
        self.transition = TransitionProgress(number=1, state=state, done=1, total=4, summary=lines, started_at_ms=1)

    def _agent(self) -> None:
        links = {"eth1": self.luck.random() < 0.5}
        members = tuple(
            MemberInfo(name=name, node_id=name, is_member=self.luck.random() < 0.7, links=links)
            for name in self.luck.sample(NODES, 2)
        )
        fake = FakeAgent("")
        fake.members = list(members)
        self.info = self.luck.choice([fake.info(), None])

    def _configures(self) -> None:
        """A constraint, a property or a resource comes or goes."""
        configuration = self.cib.configuration
        constraints = configuration.find("constraints") or Element("constraints")
        score = self.luck.choice(["-INFINITY", "INFINITY"])
        ban = {
            "id": f"cli-{self.luck.randrange(3)}",
            "rsc": self.luck.choice(RESOURCES),
            "node": "pm02",
            "score": score,
        }
        known = next((each for each in constraints.children if each.id == ban["id"]), None)
        changed = constraints.replacing(known, None) if known else constraints.with_child(Element("rsc_location", ban))
        if self.luck.random() < 0.3:
            resources = configuration.find("resources")
            configuration = configuration.replacing(
                resources, resources.with_children(self.luck.sample(resources.children, len(resources.children) - 1))
            )
            configuration = self.luck.choice([configuration, pair().configuration])
            constraints = changed = configuration.find("constraints")
        self.cib = self.cib.with_configuration(configuration.replacing(constraints, changed))

    def _replaces(self) -> None:
        """As an agent's patch brings it: nothing of the configuration is the same object any more."""
        patched = patches.apply(pair(), patches.diff(pair(), self.cib))
        assert isinstance(patched, Cib)
        self.cib = patched


@pytest.mark.parametrize("seed", range(12))
def test_what_is_painted_step_by_step_equals_a_fresh_picture(seed):
    day, painter = Day(seed), Painter()
    renderings = {language: Rendering(language) for language in ("ja", "en")}
    known = {language: {} for language in renderings}
    known_seq = 0
    for seq in range(1, 60):
        day.step()
        picture = painter.paint(day.cib, day.info, day.transition)
        assert picture == picture_of(day.cib, day.info, day.transition)
        if picture.problems and day.luck.random() < 0.1:
            day.seen = day.seen ^ {picture.problems[0].key}
        view = View(seq=seq, live=day.luck.random() < 0.9, picture=picture)
        told = day.luck.random() < 0.5
        for language, rendering in renderings.items():
            entities = rendering.entities(view, day.seen)
            with translation.override(language):
                assert entities == wording.entities_of(picture, (), day.seen, view.live)
            if told:
                _goes_on(known[language], entities, rendering.touched(known_seq))
        known_seq = seq if told else known_seq


def _goes_on(known, entities, touched):
    """What a browser that has heard nothing for a while makes of the keys that may differ."""
    for key in {*known, *entities} if touched is None else touched:
        known.pop(key, None)
        if key in entities:
            known[key] = entities[key]
    assert known == entities


def test_a_change_of_one_resource_repaints_its_service_and_no_other():
    painter, cib = Painter(), pair()
    before = painter.paint(cib, None)
    after = painter.paint(operation(cib, "pm01", "prmPg", "monitor", rc=1, interval_ms=10_000), None)
    assert [root for root, part in after.parts.items() if part is not before.parts[root]] == ["grpPg"]
    assert before.cells["prmPg", "pm01"].state == "running"


def test_an_attribute_that_no_rule_is_about_repaints_nothing():
    painter, cib = Painter(), pair()
    before = painter.paint(cib, None)
    after = painter.paint(status_of.with_attributes(cib, "pm01", {"weather": "fine"}), None)
    assert after.cells is before.cells
    assert ("weather", "fine") in after.nodes["pm01"].attributes


def test_only_the_entities_of_what_changed_are_touched():
    painter, rendering, cib = Painter(), Rendering("en"), pair()
    rendering.entities(View(seq=1, live=True, picture=painter.paint(cib, None)), frozenset())
    picture = painter.paint(operation(cib, "pm02", "prmStonith1", "stop", rc=193, status=-1), None)
    rendering.entities(View(seq=2, live=True, picture=replace(picture, version=picture.version)), frozenset())
    stonith = {f"{kind}:prmStonith1{at}" for kind, at in (("row", ""), ("cell", "@pm01"), ("cell", "@pm02"))}
    touched = rendering.touched(1)
    assert stonith <= touched
    assert not [key for key in touched if "prmPg" in key or "grpPg" in key]
