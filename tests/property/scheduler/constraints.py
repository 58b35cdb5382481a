"""Random constraints for a random cluster: locations with rules, colocations, orders, sets, tickets, tags.

Gives XML text. Dependents always stand after what they depend on, so that constraints never go round in a circle.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

SCORES = ("INFINITY", "INFINITY", "-INFINITY", "100", "50", "-50", "1000", "10")


@dataclass(frozen=True, slots=True)
class Named:
    """What a constraint may name."""

    id: str
    primitives: tuple[str, ...]
    is_clone: bool = False
    is_promotable: bool = False


class Constraints:
    def __init__(self, luck: Random, nodes: list[str], tops: list[Named]) -> None:
        self._luck = luck
        self._nodes = nodes
        self._tops = tops
        self._pairs: set[tuple[str, str, str]] = set()
        self._tickets: set[str] = set()
        self._tagged: list[str] = []
        kinds = (
            self._location,
            self._location,
            self._colocation,
            self._colocation,
            self._order,
            self._order,
            self._set,
        )
        self._found = [luck.choice(kinds)(number) for number in range(luck.randint(0, 6))]
        if luck.random() < 0.08:
            self._found.append(self._ticket())

    def text(self) -> str:
        return "".join(self._found)

    def tags(self) -> str:
        if not self._tagged:
            return ""
        refs = "".join(f'<obj_ref id="{name}"/>' for name in self._tagged)
        return f'<tags><tag id="some">{refs}</tag></tags>'

    def tickets(self) -> str:
        states = []
        for name in sorted(self._tickets):
            granted, standby = self._luck.choice(("true", "false")), self._luck.choice(("false", "false", "true"))
            states.append(f'<ticket_state id="{name}" granted="{granted}" standby="{standby}"/>')
        return f"<tickets>{''.join(states)}</tickets>" if states else ""

    # ------------------------------------------------------------ one resource

    def _location(self, number: int) -> str:
        target = self._luck.choice(self._tops)
        score, ident = self._luck.choice(SCORES), f"loc{number}"
        role = ' role="Promoted"' if target.is_promotable and self._luck.random() < 0.3 else ""
        named = f'rsc="{target.id}"'
        if self._luck.random() < 0.05:
            self._tagged = [one.id for one in self._luck.sample(self._tops, min(2, len(self._tops)))]
            named, role = 'rsc="some"', ""
        elif self._luck.random() < 0.05:
            named, role = f'rsc-pattern="^{target.id[:2]}"', ""
        if self._luck.random() < 0.6:
            node = self._luck.choice(self._nodes)
            found = "" if self._luck.random() < 0.9 else ' resource-discovery="never"'
            return f'<rsc_location id="{ident}" {named} node="{node}" score="{score}"{role}{found}/>'
        return f'<rsc_location id="{ident}" {named}>{self._rule(ident, score, role)}</rsc_location>'

    def _rule(self, ident: str, score: str, role: str) -> str:
        def expression(name: str, operation: str, value: str = "", kind: str = "") -> str:
            more = f' value="{value}"' if value else ""
            more += f' type="{kind}"' if kind else ""
            named = f'id="{ident}-{name.strip("#")}-{operation}" attribute="{name}"'
            return f'<expression {named} operation="{operation}"{more}/>'

        inside = self._luck.choice(
            (
                expression("ping", "not_defined") + expression("ping", "lt", "150", "number"),
                expression("ping", "gte", "100", "number"),
                expression("site", "eq", "east"),
                expression("site", "defined") + expression("#uname", "ne", self._luck.choice(self._nodes)),
                expression("#uname", "eq", self._luck.choice(self._nodes)),
                f'<date_expression id="{ident}-date" operation="gt" start="{self._luck.choice((2020, 2030))}-01-01"/>',
            )
        )
        how = self._luck.choice(("or", "and"))
        return f'<rule id="{ident}-rule" score="{score}" boolean-op="{how}"{role}>{inside}</rule>'

    def _ticket(self) -> str:
        target = self._luck.choice(self._tops)
        role = f' rsc-role="{self._luck.choice(("Promoted", "Started"))}"' if target.is_promotable else ""
        policy = self._luck.choice(("", "stop", "fence", "freeze", *(("demote",) if target.is_promotable else ())))
        policy = f' loss-policy="{policy}"' if policy else ""
        self._tickets.add("permit")
        return f'<rsc_ticket id="tick" rsc="{target.id}" ticket="permit"{role}{policy}/>'

    # ------------------------------------------------------------ two resources

    def _two(self, kind: str) -> tuple[Named, Named] | None:
        """(the later, the earlier); each pair once for each kind of constraint."""
        if len(self._tops) < 2:
            return None
        one, other = sorted(self._luck.sample(range(len(self._tops)), 2))
        pair = kind, self._tops[other].id, self._tops[one].id
        if pair in self._pairs:
            return None
        self._pairs.add(pair)
        return self._tops[other], self._tops[one]

    def _colocation(self, number: int) -> str:
        pair = self._two("colocation")
        if pair is None:
            return ""
        dependent, primary = pair
        role = ' with-rsc-role="Promoted"' if primary.is_promotable and self._luck.random() < 0.5 else ""
        role += ' rsc-role="Promoted"' if dependent.is_promotable and self._luck.random() < 0.3 else ""
        more = ' influence="false"' if self._luck.random() < 0.05 else ""
        more += ' node-attribute="site"' if self._luck.random() < 0.04 else ""
        score = self._luck.choice(SCORES)
        named = f'rsc="{dependent.id}" with-rsc="{primary.id}"'
        return f'<rsc_colocation id="col{number}" {named} score="{score}"{role}{more}/>'

    def _order(self, number: int) -> str:
        pair = self._two("order")
        if pair is None:
            return ""
        then, first = pair
        action = ""
        if first.is_promotable and self._luck.random() < 0.5:
            then_action = "promote" if then.is_promotable and self._luck.random() < 0.5 else "start"
            action = f' first-action="promote" then-action="{then_action}"'
        how = self._luck.choice(("Mandatory", "Mandatory", "Mandatory", "Optional", "Serialize"))
        more = ' symmetrical="false"' if how == "Mandatory" and self._luck.random() < 0.15 else ""
        if first.is_clone and how == "Mandatory" and not action and self._luck.random() < 0.1:
            more += ' require-all="false"'
        return f'<rsc_order id="ord{number}" first="{first.id}" then="{then.id}" kind="{how}"{action}{more}/>'

    def _set(self, number: int) -> str:
        """A chain of sets: in an order the earlier ones first, in a colocation the later ones depend on them."""
        if len(self._tops) < 3 or self._luck.random() < 0.4:
            return ""
        chosen = [self._tops[place] for place in sorted(self._luck.sample(range(len(self._tops)), 3))]
        names = {one.id for one in chosen}
        if any(later in names and earlier in names for _, later, earlier in self._pairs):
            return ""
        self._pairs |= {(kind, b.id, a.id) for kind in ("order", "colocation") for a in chosen for b in chosen}
        is_order, ident = self._luck.random() < 0.6, f"set{number}"
        cut = self._luck.choice((1, 2, 3))
        parts = [part for part in (chosen[:cut], chosen[cut:]) if part]
        if not is_order:
            parts = parts[::-1]
        sets = []
        for place, part in enumerate(parts):
            refs = "".join(f'<resource_ref id="{one.id}"/>' for one in part)
            more = self._luck.choice(("", ' sequential="true"', ' sequential="false"'))
            if is_order and 'false"' in more and len(parts) > 1 and place == 0 and self._luck.random() < 0.4:
                more += ' require-all="false"'
            sets.append(f'<resource_set id="{ident}-{place}"{more}>{refs}</resource_set>')
        if is_order:
            kind = self._luck.choice(("Mandatory", "Optional"))
            return f'<rsc_order id="{ident}" kind="{kind}">{"".join(sets)}</rsc_order>'
        score = self._luck.choice(("INFINITY", "100"))
        return f'<rsc_colocation id="{ident}" score="{score}">{"".join(sets)}</rsc_colocation>'
