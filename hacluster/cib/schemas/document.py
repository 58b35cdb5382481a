"""The document, its options and nodes, and the sections of fencing levels, access, tags and alerts."""

from __future__ import annotations

from hacluster.cib.schemas.parts import (
    ATTRIBUTE_SETS,
    DESCRIPTION,
    ID,
    POSITIVE,
    REFERENCE,
    SCORE,
    TRUTH,
    UNSIGNED,
    Alternative,
    Shape,
    Value,
    either,
    many,
    may,
    must,
    one,
    optional,
    some,
    words,
)

_NODE_TYPES = words("member ping", later={(1, 3): "remote"}, gone={(3, 0): "normal"})
_DEVICES = Value("devices", pattern=r"[a-zA-Z0-9_.\-]+(,[a-zA-Z0-9_.\-]+)*")

_SETS = Shape(
    attributes=(may("id", ID), may("id-ref", REFERENCE), may("score", SCORE)),
    children=(optional("rule"), many("nvpair")),
    choices=(either(Alternative(("id-ref",)), Alternative(("id",), ("score", "rule", "nvpair"))),),
)
_NVPAIR = Shape(
    attributes=(may("id", ID), may("id-ref", REFERENCE, since=(1, 3)), may("name"), may("value")),
    choices=(either(Alternative(("id-ref",), ("name",), since=(1, 3)), Alternative(("id", "name"), ("value",))),),
)

DOCUMENT: dict[str, Shape] = {
    "cib": Shape(
        attributes=(
            *(must(name, UNSIGNED) for name in ("admin_epoch", "epoch", "num_updates")),
            *(may(name, UNSIGNED) for name in ("remote-tls-port", "remote-clear-port")),
            *(may(name, TRUTH) for name in ("have-quorum", "no-quorum-panic")),
            *(may(name) for name in ("validate-with", "crm_feature_set", "dc-uuid", "cib-last-written")),
            *(may(name, since=(1, 2)) for name in ("update-origin", "update-client", "update-user", "execution-date")),
        ),
        children=(one("configuration", rank=1), optional("status", rank=2)),
    ),
    "configuration": Shape(
        children=(
            *(one(tag) for tag in ("crm_config", "nodes", "resources", "constraints")),
            *(optional(tag) for tag in ("rsc_defaults", "op_defaults")),
            *(optional(tag, since=(1, 2)) for tag in ("fencing-topology", "acls")),
            optional("tags", since=(1, 3)),
            optional("alerts", since=(2, 5)),
        ),
    ),
    "crm_config": Shape(children=(many("cluster_property_set"),)),
    "rsc_defaults": Shape(children=(many("meta_attributes"),)),
    "op_defaults": Shape(children=(many("meta_attributes"),)),
    **dict.fromkeys(("cluster_property_set", "meta_attributes", "instance_attributes", "utilization"), _SETS),
    "nvpair": _NVPAIR,
    "nodes": Shape(children=(many("node"),)),
    "node": Shape(
        attributes=(
            must("id"),
            must("uname"),
            must("type", _NODE_TYPES, until=(1, 2)),
            may("type", _NODE_TYPES, since=(1, 2)),
            DESCRIPTION,
            may("score", SCORE, since=(1, 2)),
        ),
        children=(many("instance_attributes"), many("utilization", since=(1, 2))),
    ),
}

# ---------------------------------------------------------------- fencing, access, tags, alerts

_OLD_PERMISSIONS = ("read", "write", "deny")
_OLD_PERMISSION = Shape(
    attributes=(must("id", ID), may("ref", REFERENCE), *(may(name) for name in ("tag", "xpath", "attribute"))),
    choices=(either(Alternative(("tag",), ("ref",)), Alternative(("ref",)), Alternative(("xpath",))),),
)

OTHERS: dict[str, Shape] = {
    "fencing-topology": Shape(children=(many("fencing-level"),)),
    "fencing-level": Shape(
        attributes=(
            must("id", ID),
            *(may(name) for name in ("target", "target-pattern")),
            *(may(name, since=(2, 4)) for name in ("target-attribute", "target-value")),
            must("index", POSITIVE),
            must("devices", _DEVICES),
        ),
        choices=(
            either(
                Alternative(("target",)),
                Alternative(("target-pattern",)),
                Alternative(("target-attribute", "target-value"), since=(2, 4)),
            ),
        ),
    ),
    "acls": Shape(
        children=(
            many("acl_role"),
            many("acl_user", until=(2, 0)),
            *(many(tag, since=(2, 0)) for tag in ("acl_target", "acl_group")),
        )
    ),
    "acl_user": Shape(
        attributes=(must("id", ID),),
        children=tuple(many(tag) for tag in ("role_ref", *_OLD_PERMISSIONS)),
        choices=(
            either(
                Alternative(("role_ref",)),
                *(Alternative((tag,), _OLD_PERMISSIONS) for tag in _OLD_PERMISSIONS),
                is_needed=False,
            ),
        ),
    ),
    "role_ref": Shape(attributes=(must("id", REFERENCE),)),
    **dict.fromkeys(_OLD_PERMISSIONS, _OLD_PERMISSION),
    "acl_target": Shape(attributes=(must("id"), may("name", since=(3, 8))), children=(many("role"),)),
    "acl_group": Shape(attributes=(must("id", ID), may("name", since=(3, 8))), children=(many("role"),)),
    "role": Shape(attributes=(must("id", REFERENCE),)),
    "acl_role": Shape(
        attributes=(must("id", ID), may("description", since=(2, 0))),
        children=(*(many(tag, until=(2, 0)) for tag in _OLD_PERMISSIONS), many("acl_permission", since=(2, 0))),
    ),
    "acl_permission": Shape(
        attributes=(
            must("id", ID),
            must("kind", words("read write deny")),
            may("reference", REFERENCE),
            *(may(name) for name in ("xpath", "object-type", "attribute", "description")),
        ),
        choices=(
            either(Alternative(("xpath",)), Alternative(("reference",)), Alternative(("object-type",), ("attribute",))),
        ),
    ),
    "tags": Shape(children=(many("tag"),)),
    "tag": Shape(attributes=(must("id", ID),), children=(some("obj_ref"),)),
    "obj_ref": Shape(attributes=(must("id", REFERENCE, until=(3, 3)), must("id", since=(3, 3)))),
    "alerts": Shape(children=(many("alert"),)),
    "alert": Shape(
        attributes=(must("id", ID), must("path"), DESCRIPTION),
        children=(*ATTRIBUTE_SETS, optional("select", since=(2, 10)), many("recipient")),
    ),
    "recipient": Shape(attributes=(must("id", ID), must("value"), DESCRIPTION), children=ATTRIBUTE_SETS),
    "select": Shape(
        children=tuple(optional(f"select_{what}") for what in ("attributes", "fencing", "nodes", "resources"))
    ),
    "select_attributes": Shape(children=(many("attribute"),)),
    "attribute": Shape(attributes=(must("id", ID), must("name"))),
    **dict.fromkeys(("select_fencing", "select_nodes", "select_resources"), Shape()),
}
