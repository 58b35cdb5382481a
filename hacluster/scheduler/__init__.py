"""(Cib, now) → TransitionGraph: what should run where, what has to be done for it, in which order, and why."""
