"""Hosts on one machine: network, mount, pid, uts and ipc namespaces joined by LANs, with shared disks and a power switch."""
