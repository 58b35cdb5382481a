"""Resources, their sets and operations."""

from __future__ import annotations

from hacluster.cib.schemas.parts import (
    ATTRIBUTE_SETS,
    DESCRIPTION,
    ID,
    REFERENCE,
    ROLES,
    TRUTH,
    WHOLE,
    Alternative,
    Shape,
    Value,
    either,
    many,
    may,
    must,
    optional,
    some,
    words,
)

_CLASSES = "ocf lsb heartbeat stonith upstart"
_NEW_CLASSES = "service systemd nagios"
_ON_FAIL = words("ignore block stop restart standby fence", later={(1, 2): "restart-container", (3, 4): "demote"})
_PORTS = Value("ports", pattern=r"[0-9\-]+")

_PROVIDER = (
    either(Alternative(("provider",)), when=("class", "ocf")),
    either(is_needed=False, when=("class", ""), unless=("class", "ocf"), also=("provider",)),
)
_OF_A_PRIMITIVE = (*ATTRIBUTE_SETS, optional("operations"), many("utilization", since=(1, 2)))
_CLONE = Shape(
    attributes=(must("id", ID), DESCRIPTION),
    children=(*ATTRIBUTE_SETS, optional("primitive"), optional("group")),
    choices=(either(Alternative(("primitive",)), Alternative(("group",))),),
)
_CONTAINER = Shape(
    attributes=(
        must("image"),
        *(may(name, WHOLE) for name in ("replicas", "replicas-per-host", "masters")),
        may("promoted-max", WHOLE, since=(3, 0)),
        *(may(name) for name in ("run-command", "network", "options")),
    ),
    choices=(either(Alternative(("masters",)), Alternative(("promoted-max",)), is_needed=False),),
)

RESOURCES: dict[str, Shape] = {
    "resources": Shape(
        children=(
            *(many(tag) for tag in ("primitive", "group", "clone", "master")),
            many("template", since=(1, 2)),
            many("bundle", since=(2, 8)),
        )
    ),
    "primitive": Shape(
        attributes=(
            must("id", ID),
            may("class", words(_CLASSES, later={(1, 2): _NEW_CLASSES})),
            *(may(name) for name in ("provider", "type")),
            may("template", REFERENCE, since=(1, 2)),
            DESCRIPTION,
        ),
        children=_OF_A_PRIMITIVE,
        choices=(
            either(Alternative(("class", "type"), ("provider",)), Alternative(("template",), since=(1, 2))),
            *_PROVIDER,
        ),
    ),
    "template": Shape(
        attributes=(
            must("id", ID),
            must("class", words(_CLASSES, later={(2, 7): _NEW_CLASSES})),
            may("provider"),
            must("type"),
            DESCRIPTION,
        ),
        children=_OF_A_PRIMITIVE,
        choices=_PROVIDER,
    ),
    "operations": Shape(attributes=(may("id", ID), may("id-ref", REFERENCE)), children=(many("op"),)),
    "op": Shape(
        attributes=(
            must("id", ID),
            *(must(name) for name in ("name", "interval")),
            *(may(name) for name in ("start-delay", "interval-origin", "timeout")),
            *(may(name, TRUTH) for name in ("enabled", "record-pending")),
            may("role", ROLES),
            may("requires", words("nothing quorum fencing", later={(1, 3): "unfencing"}), until=(3, 0)),
            may("on-fail", _ON_FAIL),
            DESCRIPTION,
        ),
        children=ATTRIBUTE_SETS,
        choices=(either(Alternative(("start-delay",)), Alternative(("interval-origin",)), is_needed=False),),
    ),
    "group": Shape(attributes=(must("id", ID), DESCRIPTION), children=(*ATTRIBUTE_SETS, some("primitive"))),
    "clone": _CLONE,
    "master": _CLONE,
    "bundle": Shape(
        attributes=(must("id", ID), DESCRIPTION),
        children=(
            *ATTRIBUTE_SETS,
            *(optional(tag) for tag in ("docker", "network", "storage", "primitive")),
            optional("rkt", since=(2, 10)),
            optional("podman", since=(3, 2)),
        ),
        choices=(
            either(
                Alternative(("docker",)), Alternative(("rkt",), since=(2, 10)), Alternative(("podman",), since=(3, 2))
            ),
        ),
    ),
    **dict.fromkeys(("docker", "rkt", "podman"), _CONTAINER),
    "network": Shape(
        attributes=(
            *(may(name) for name in ("ip-range-start", "host-interface")),
            *(may(name, WHOLE) for name in ("control-port", "host-netmask")),
            may("add-host", TRUTH, since=(3, 0)),
        ),
        children=(many("port-mapping"),),
    ),
    "port-mapping": Shape(
        attributes=(must("id", ID), *(may(name, WHOLE) for name in ("port", "internal-port")), may("range", _PORTS)),
        choices=(either(Alternative(("port",), ("internal-port",)), Alternative(("range",))),),
    ),
    "storage": Shape(children=(many("storage-mapping"),)),
    "storage-mapping": Shape(
        attributes=(must("id", ID), may("source-dir"), may("source-dir-root"), must("target-dir"), may("options")),
        choices=(either(Alternative(("source-dir",)), Alternative(("source-dir-root",))),),
    ),
}
