"""Constraints, and the rules that they and attribute sets have."""

from __future__ import annotations

from hacluster.cib.schemas.parts import (
    ID,
    REFERENCE,
    ROLES,
    SCORE,
    TRUTH,
    Alternative,
    Attribute,
    Shape,
    either,
    many,
    may,
    must,
    optional,
    some,
    words,
)

_ACTIONS = words("start promote demote stop")
_KINDS = words("Optional Mandatory Serialize")
_SCORE_OR_KIND = either(Alternative(("score",)), Alternative(("kind",)), is_needed=False)
_SETS_OF_RESOURCES = Alternative(("resource_set",))
_OLD_SCORES = ("score-attribute", "score-attribute-mangle")

CONSTRAINTS: dict[str, Shape] = {
    "constraints": Shape(
        children=(
            *(many(tag) for tag in ("rsc_location", "rsc_colocation", "rsc_order")),
            many("rsc_ticket", since=(1, 2)),
        )
    ),
    "rsc_location": Shape(
        attributes=(
            must("id", ID),
            may("rsc", REFERENCE),
            may("rsc-pattern", since=(2, 6)),
            may("role", ROLES, since=(1, 2)),
            may("score", SCORE),
            may("node"),
            may("resource-discovery", words("always never exclusive"), since=(2, 2)),
        ),
        children=(many("resource_set", rank=1, since=(1, 2)), many("rule", rank=2), optional("lifetime", rank=3)),
        choices=(
            either(
                Alternative(("rsc",), ("role",)),
                Alternative(("rsc-pattern",), ("role",), since=(2, 6)),
                Alternative(("resource_set",), since=(1, 2)),
            ),
            either(Alternative(("score", "node")), Alternative(("rule",))),
        ),
    ),
    "rsc_colocation": Shape(
        attributes=(
            must("id", ID),
            may("score", SCORE),
            *(may(name, until=(3, 0)) for name in _OLD_SCORES),
            may("influence", since=(3, 6)),
            *(may(name, REFERENCE) for name in ("rsc", "with-rsc")),
            may("node-attribute"),
            *(may(name, ROLES) for name in ("rsc-role", "with-rsc-role")),
        ),
        children=(optional("lifetime", rank=1), many("resource_set", rank=2)),
        choices=(
            either(
                _SETS_OF_RESOURCES, Alternative(("rsc", "with-rsc"), ("node-attribute", "rsc-role", "with-rsc-role"))
            ),
            either(*(Alternative((name,)) for name in ("score", *_OLD_SCORES)), is_needed=False),
        ),
    ),
    "rsc_order": Shape(
        attributes=(
            must("id", ID),
            may("symmetrical", TRUTH),
            may("require-all", TRUTH, since=(2, 3)),
            may("score", SCORE),
            may("kind", _KINDS),
            *(may(name, REFERENCE) for name in ("first", "then")),
            *(may(name, _ACTIONS) for name in ("first-action", "then-action")),
        ),
        children=(optional("lifetime", rank=1), many("resource_set", rank=2)),
        choices=(
            either(_SETS_OF_RESOURCES, Alternative(("first", "then"), ("first-action", "then-action"))),
            _SCORE_OR_KIND,
        ),
    ),
    "rsc_ticket": Shape(
        attributes=(
            must("id", ID),
            may("rsc", REFERENCE),
            may("rsc-role", ROLES),
            must("ticket"),
            may("loss-policy", words("stop demote fence freeze")),
        ),
        children=(many("resource_set"),),
        choices=(either(_SETS_OF_RESOURCES, Alternative(("rsc",), ("rsc-role",))),),
    ),
    "resource_set": Shape(
        attributes=(
            may("id", ID),
            may("id-ref", REFERENCE),
            may("sequential", TRUTH),
            may("require-all", TRUTH, since=(1, 2)),
            may("ordering", words("group listed"), since=(2, 1)),
            may("action", _ACTIONS),
            may("role", ROLES),
            may("score", SCORE),
            may("kind", _KINDS, since=(3, 0)),
        ),
        children=(many("resource_ref"),),
        choices=(
            either(
                Alternative(("id-ref",)),
                Alternative(
                    ("id", "resource_ref"),
                    ("sequential", "require-all", "ordering", "action", "role", "score", "kind"),
                ),
            ),
            _SCORE_OR_KIND,
        ),
    ),
    "resource_ref": Shape(attributes=(must("id", REFERENCE),)),
    "lifetime": Shape(children=(some("rule"),)),
}

_EXPRESSIONS = ("expression", "date_expression", "rule", "rsc_expression", "op_expression")
_SCORES = (Alternative(("score",)), Alternative(("score-attribute",)))
_TIMES = ("start", "end", "duration", "date_spec")
_DATE_PARTS = ("years", "months", "monthdays", "hours", "weekyears", "weeks", "weekdays", "moon", "yearsdays")


def _date_parts(*later: str) -> tuple[Attribute, ...]:
    return (must("id", ID), *(may(name) for name in _DATE_PARTS), *(may(name, since=(3, 9)) for name in later))


RULES: dict[str, Shape] = {
    "rule": Shape(
        attributes=(
            may("id", ID),
            may("id-ref", REFERENCE),
            may("score", SCORE),
            *(may(name) for name in ("score-attribute", "role")),
            may("boolean-op", words("or and")),
        ),
        children=(
            *(many(tag) for tag in _EXPRESSIONS[:3]),
            *(many(tag, since=(3, 4)) for tag in _EXPRESSIONS[3:]),
        ),
        choices=(
            either(
                Alternative(("id-ref",)),
                Alternative(("id",), ("score", "score-attribute", "boolean-op", "role", *_EXPRESSIONS)),
            ),
            either(*_SCORES, when=("id", ""), until=(3, 9)),
            either(*_SCORES, is_needed=False, when=("id", ""), since=(3, 9)),
            either(*(Alternative((tag,), _EXPRESSIONS) for tag in _EXPRESSIONS), when=("id", "")),
        ),
    ),
    "expression": Shape(
        attributes=(
            must("id", ID),
            must("attribute"),
            must("operation", words("lt gt lte gte eq ne defined not_defined")),
            may("value"),
            may("type", words("string number version", later={(3, 5): "integer"})),
            may("value-source", words("literal param meta"), since=(2, 9)),
        )
    ),
    "date_expression": Shape(
        attributes=(must("id", ID), must("operation", words("in_range gt lt date_spec")), may("start"), may("end")),
        children=(optional("duration"), optional("date_spec")),
        choices=(
            either(
                Alternative(("end",), ("start",)),
                Alternative(("start", "duration")),
                when=("operation", "in_range"),
                also=_TIMES,
                until=(3, 9),
            ),
            either(
                Alternative(("start",), ("end", "duration")),
                Alternative(("end",), ("start", "duration")),
                when=("operation", "in_range"),
                also=_TIMES,
                since=(3, 9),
            ),
            either(Alternative(("start",)), when=("operation", "gt"), also=_TIMES),
            either(Alternative(("end",)), when=("operation", "lt"), also=_TIMES),
            either(Alternative(("date_spec",)), when=("operation", "date_spec"), also=_TIMES),
        ),
    ),
    "duration": Shape(attributes=_date_parts("days", "minutes", "seconds")),
    "date_spec": Shape(attributes=_date_parts("minutes", "seconds", "yeardays")),
    "rsc_expression": Shape(attributes=(must("id", ID), *(may(name) for name in ("class", "provider", "type")))),
    "op_expression": Shape(attributes=(must("id", ID), must("name"), may("interval"))),
}
