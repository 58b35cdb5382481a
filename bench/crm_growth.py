"""Does reading and printing crm text take time in proportion to its length?

`python -m bench.crm_growth` makes texts of 625 to 5,000 statements, parses and prints each, and shows the time for one
statement beside that of the shortest text. A ratio that stays near 1 is linear growth.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from hacluster.cib.model import Cib
from hacluster.crm.apply import Mode, load
from hacluster.crm.parser import parse
from hacluster.crm.printer import show

SIZES = (625, 1250, 2500, 5000)
ROUNDS = 3
LINEAR = 1.5
"""A ratio up to here is called linear: more is the noise of a shared machine's caches."""


def text_of(statements: int) -> str:
    """One service is 5 statements: two resources, their group, its place and its order."""
    lines = []
    for n in range(statements // 5):
        lines += [
            f'primitive ip{n} IPaddr2 params ip="10.0.{n // 250}.{n % 250}" op monitor interval=10s timeout=60s',
            f"primitive fs{n} Filesystem params device=/dev/vd{n} directory=/d{n} op stop timeout=60s on-fail=fence",
            f"group grp{n} ip{n} fs{n} meta target-role=Started",
            f"location l{n} grp{n} rule 200: #uname eq pm01 and defined ping",
            f"order o{n} Mandatory: grp{n} grp{n - 1}" if n else f"order o{n} Mandatory: ip{n} fs{n}",
        ]
    return "\n".join(lines) + "\n"


def _best_s(work: Callable[[], object]) -> float:
    """The processor time of the shortest of a few rounds: what the machine does beside it only ever adds."""
    taken = []
    for _ in range(ROUNDS):
        gc.collect()
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


def measured(size: int) -> dict[str, float]:
    text = text_of(size)
    loaded = load(Cib.empty(), text, Mode.UPDATE)
    assert loaded.is_loaded, loaded.problems[:3]
    one_more = "location extra grp0 10: pm02\n"
    return {
        "parse": _best_s(lambda: parse(text)),
        "print": _best_s(lambda: show(loaded.cib.configuration)),
        "load": _best_s(lambda: load(Cib.empty(), text, Mode.UPDATE)),
        "load one more": _best_s(lambda: load(loaded.cib, one_more, Mode.UPDATE)),
    }


def main() -> int:
    first: dict[str, float] = {}
    worst = 0.0
    print(f"{'statements':>10}  {'work':<14} {'ms':>8} {'us/statement':>13} {'ratio':>6}")
    for size in SIZES:
        for work, seconds in measured(size).items():
            each = seconds / size
            ratio = each / first.setdefault(work, each)
            worst = max(worst, ratio)
            print(f"{size:>10}  {work:<14} {seconds * 1e3:>8.1f} {each * 1e6:>13.1f} {ratio:>6.2f}")
    verdict = "linear" if worst <= LINEAR else "MORE THAN LINEAR"
    print(f"growth: {verdict} (worst ratio {worst:.2f}, bound {LINEAR})")
    return 0 if worst <= LINEAR else 1


if __name__ == "__main__":
    raise SystemExit(main())
