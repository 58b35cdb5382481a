"""What nodes, console and command line say to one another."""
