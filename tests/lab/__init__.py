"""Hosts on one machine: namespaces joined by LANs, with shared disks and a power switch."""
