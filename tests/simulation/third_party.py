"""What is asked in an even split: a ping node, or a disk that one host at a time has reserved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodeagent.machines import events as fact

if TYPE_CHECKING:
    from tests.simulation.host import Host

LEASE_MS, RENEW_MS = 3_000, 1_000


class ThirdParty:
    """Answers after a while; tells the holder of the disk when it has lost it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.unreachable: set[str] = set()
        """Hosts that reach neither the ping node nor the disk."""
        self.holder: tuple[str, int] | None = None
        """Host and life."""
        self.lease_until_ms = 0
        self.told: dict[str, bool] = {}
        """Host -> the last answer it got."""

    def ask(self, host: Host, token: int) -> None:
        host.later(host.world.faults.tie_breaker_ms(host), lambda: self._answer(host, token))

    def _answer(self, host: Host, token: int) -> None:
        is_won = host.name not in self.unreachable and (self.kind == "ping" or self._reserve(host))
        self._tell(host, token, is_won)
        if is_won and self.kind == "disk":
            host.later(RENEW_MS, lambda: self._renew(host, token))

    def _tell(self, host: Host, token: int, is_won: bool) -> None:
        self.told[host.name] = is_won
        host.step(fact.TieBreakerAnswered(token, is_won))

    def _reserve(self, host: Host) -> bool:
        me = host.name, host.life
        if self.holder not in (None, me) and host.world.now_ms < self.lease_until_ms:
            return False
        self.holder, self.lease_until_ms = me, host.world.now_ms + LEASE_MS
        return True

    def _renew(self, host: Host, token: int) -> None:
        """A host that cannot renew says so before anybody else may take the disk."""
        if host.name not in self.told:
            # It has given the disk back meanwhile.
            return
        if self.holder != (host.name, host.life) or host.name in self.unreachable:
            self.release(host)
            self._tell(host, token, False)
            return
        self.lease_until_ms = host.world.now_ms + LEASE_MS
        host.later(RENEW_MS, lambda: self._renew(host, token))

    def release(self, host: Host) -> None:
        self.told.pop(host.name, None)
        if self.holder == (host.name, host.life):
            self.holder = None
