"""The rim: the bus, the processes, the clock, the wiring, the command line's root."""
