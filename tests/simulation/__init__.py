"""Whole clusters in one thread: virtual clock, seeded faults, and judges that look after every event."""
