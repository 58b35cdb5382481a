"""The cluster information base: one frozen XML document, and the rules for changing it."""
