"""What holds in one place of the document and not in another.

Reads a version; gives names that some pairs may not have, and the parts that some sections got later than others.
"""

from __future__ import annotations

import functools

from hacluster.cib.schemas.parts import Version

_OPTIONS = ("crm_config", "rsc_defaults", "op_defaults")
LATER_IN: dict[tuple[str, str, str], Version] = {
    **{(section, "nvpair", "id-ref"): (3, 0) for section in _OPTIONS},
    **{(section, "expression", "value-source"): (3, 0) for section in _OPTIONS},
    **{
        (section, "rule", tag): (3, 5)
        for section in ("constraints", "alerts")
        for tag in ("rsc_expression", "op_expression")
    },
}
"""(section, element, its attribute or child) -> the schema in which that section got it."""

_OPTIONS_GONE = frozenset((
    "cluster_recheck_interval", "dc_deadtime", "default-action-timeout", "default_action_timeout",
    "default-migration-threshold", "default_migration_threshold", "default-resource-failure-stickiness",
    "default_resource_failure_stickiness", "default-resource-stickiness", "default_resource_stickiness",
    "election_timeout", "expected-quorum-votes", "is-managed-default", "is_managed_default", "no_quorum_policy",
    "notification-agent", "notification-recipient", "remove_after_stop", "shutdown_escalation", "startup_fencing",
    "stonith_action", "stonith_enabled", "stop_orphan_actions", "stop_orphan_resources", "symmetric_cluster",
    "transition_idle_timeout",
))  # fmt: skip
_ISOLATION_GONE = frozenset(("isolation", "isolation-host", "isolation-instance", "isolation-wrapper"))
_COMMANDS_GONE = frozenset(
    ("pcmk_arg_map", *(f"pcmk_{action}_cmd" for action in ("list", "monitor", "off", "on", "reboot", "status")))
)
_OF_AN_OPERATION = frozenset(
    ("interval-origin", "start-delay", "enabled", "on-fail", "record-pending", "role", "timeout", "requires")
)
STACKS_GONE = frozenset(("heartbeat", "openais", "classic openais", "classic openais (with plugin)", "cman"))


@functools.cache
def names_gone(version: Version) -> dict[tuple[str, str], frozenset[str]]:
    """(owner, set) -> names that no pair of the set may have: what an upgrade to 3.0 takes out."""
    gone: dict[tuple[str, str], frozenset[str]] = {}
    if version >= (3, 0):
        gone["crm_config", "cluster_property_set"] = _OPTIONS_GONE
        gone["op", "meta_attributes"] = frozenset(("requires",))
        gone |= {(owner, "meta_attributes"): _ISOLATION_GONE for owner in ("primitive", "template")}
    if version == (3, 0):
        gone["op", "instance_attributes"] = _OF_AN_OPERATION
        gone |= {(owner, "instance_attributes"): _COMMANDS_GONE for owner in ("primitive", "template")}
    return gone
