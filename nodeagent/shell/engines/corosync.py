"""The door to Corosync's totem ring, for three and more nodes.

Not built yet: `engine corosync` in ha.cf is refused with a sentence before anything starts.
"""

from __future__ import annotations

from hacluster.cib.problems import ProblemKind, Severity

NOT_BUILT = ProblemKind(
    "config.engine-corosync",
    Severity.ERROR,
    "engine corosync is not available in this version",
    "engine corosync はこの版では使用できません",
    "use engine heartbeat, which carries up to 16 nodes",
    "engine heartbeat を使用してください（16 ノードまで対応）",
)
