"""What may come next in the crm shell: the words so far give the candidates.

Reads the words typed (the last one is the beginning of the next) and the names that the cluster knows; gives the words
that fit. The table is also the list of commands of each level.
"""

from __future__ import annotations

import msgspec

STATEMENTS = ("node", "primitive", "rsc_template", "group", "clone", "ms", "bundle", "location", "colocation", "order",
              "rsc_ticket", "property", "rsc_defaults", "op_defaults", "fencing_topology", "tag", "alert", "role",
              "acl_target", "acl_group", "user", "monitor", "xml")  # fmt: skip
_SETTING = ("resource", "set|show|delete")
_NODE_SETTING = ("node", "set|show|delete")
COMMANDS: dict[str, dict[str, tuple[str, ...]]] = {
    "": {"configure": (), "resource": (), "node": (), "ra": (), "cluster": (), "status": ("full",), "help": (),
         "quit": ()},
    "configure": {
        "show": ("object...",), "edit": ("object...",), "load": ("update|replace|push", "file"), "save": ("file",),
        "delete": ("object...",), "rename": ("object", "new"), "modgroup": ("group", "add|remove", "resource",
        "before|after", "resource"), "verify": (), "commit": ("force",), "refresh": (), "erase": (), "upgrade": (),
        "schema": (), "get-property": ("new",), "ptest": (),
    },
    "resource": {
        "status": ("resource",), "locate": ("resource",), "start": ("resource...",), "stop": ("resource...",),
        "restart": ("resource",), "promote": ("resource",), "demote": ("resource",), "manage": ("resource",),
        "unmanage": ("resource",), "maintenance": ("resource", "on|off"), "move": ("resource", "node"),
        "unmove": ("resource",), "ban": ("resource", "node"), "clear": ("resource",),
        "cleanup": ("resource", "node"), "refresh": ("resource", "node"), "param": _SETTING, "meta": _SETTING,
        "utilization": _SETTING, "failcount": ("resource", "set|show|delete", "node"),
        "trace": ("resource", "operation"), "untrace": ("resource", "operation"), "constraints": ("resource",),
        "operations": ("resource", "node"), "scores": (),
    },
    "node": {
        "status": ("node",), "show": ("node",), "standby": ("node", "forever|reboot"), "online": ("node",),
        "maintenance": ("node",), "ready": ("node",), "fence": ("node",), "clearstate": ("node",),
        "delete": ("node",), "attribute": _NODE_SETTING, "utilization": _NODE_SETTING, "status-attr": _NODE_SETTING,
    },
    "ra": {"classes": (), "list": ("class",), "info": ("agent",), "meta": ("agent",), "providers": ("type",)},
    "cluster": {"start": (), "stop": ("node",), "status": (), "restart": ()},
}  # fmt: skip
"""level -> command -> what its words are; `a|b` is a choice, `x...` repeats"""
_ALWAYS = ("help", "up", "quit")
_OPERATIONS = ("start", "stop", "monitor", "promote", "demote", "notify", "migrate_to", "migrate_from")
_INSIDE = {
    "primitive": ("params", "meta", "op", "utilization", "operations"),
    "rsc_template": ("params", "meta", "op", "utilization", "operations"),
    "group": ("params", "meta"),
    "clone": ("params", "meta"),
    "ms": ("params", "meta"),
}
"""statement -> the keywords that begin its parts"""
_REFERRING = ("group", "clone", "ms", "location", "colocation", "order", "rsc_ticket", "tag")
"""statements that name resources behind their id"""


class Names(msgspec.Struct, frozen=True):
    """What the cluster knows by name."""

    resources: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """names of cluster options that are set"""


def candidates(words: list[str], names: Names, level: str = "") -> list[str]:
    """The words that can take the place of the last one, in their order for reading."""
    *before, prefix = words or [""]
    if not level and before and before[0] in COMMANDS and before[0]:
        level, before = before[0], before[1:]
    return sorted({word for word in _possible(before, names, level) if word.startswith(prefix)})


def _possible(before: list[str], names: Names, level: str) -> list[str]:
    if not before:
        commands = [*COMMANDS.get(level, {}), *_ALWAYS]
        return [*commands, *STATEMENTS] if level == "configure" else commands
    command = before[0]
    kinds = COMMANDS.get(level, {}).get(command)
    if kinds is not None:
        return _of_kind(_kind_at(kinds, len(before) - 1), names)
    return _in_statement(before, names) if level == "configure" and command in STATEMENTS else []


def _kind_at(kinds: tuple[str, ...], position: int) -> str:
    if kinds and kinds[-1].endswith("...") and position >= len(kinds) - 1:
        return kinds[-1].removesuffix("...")
    return kinds[position] if position < len(kinds) else ""


def _of_kind(kind: str, names: Names) -> list[str]:
    match kind:
        case "resource":
            return list(names.resources)
        case "node":
            return list(names.nodes)
        case "group":
            return list(names.groups)
        case "object":
            return list(names.objects)
        case "agent":
            return list(names.agents)
        case "class":
            return sorted({agent.split(":")[0] for agent in names.agents})
        case "type":
            return sorted({agent.rpartition(":")[2] for agent in names.agents})
        case "operation":
            return list(_OPERATIONS)
        case "full" | "force":
            return [kind]
    return kind.split("|") if "|" in kind else []


def _in_statement(before: list[str], names: Names) -> list[str]:
    """Inside a statement: the agent, the names it can refer to, the keywords of its parts."""
    keyword = before[0]
    if keyword == "property":
        return [f"{option}=" for option in names.options]
    if len(before) == 1:
        return []
    if keyword in ("primitive", "rsc_template") and len(before) == 2:
        return list(names.agents)
    if before[-1] == "op":
        return list(_OPERATIONS)
    found = list(_INSIDE.get(keyword, ()))
    if keyword in _REFERRING and not any(word in ("params", "meta") for word in before):
        found += [name for name in names.resources if name not in before[1:]]
        found += names.nodes if keyword == "location" else ()
    return found
