"""Our decisions and those of Debian's crm_simulate on random clusters with remote nodes, guests and bundles."""

from __future__ import annotations

import pytest

from tests.property.scheduler.against_peer import PEER
from tests.property.scheduler.far_clusters import difference

SEEDS = range(1, 31)
UNEXPLAINED = 4
"""So many of them may differ without an explanation (docs/scheduler.md). Lower it with the scheduler."""


@pytest.mark.skipif(PEER is None, reason="crm_simulate (pacemaker-cli-utils) is not installed")
def test_few_far_clusters_are_decided_otherwise_than_the_peer_decides_them() -> None:
    found = {seed: words for seed in SEEDS for words, why in [difference(seed)] if words and why is None}
    assert len(found) <= UNEXPLAINED, found
