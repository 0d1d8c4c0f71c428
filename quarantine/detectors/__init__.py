"""Ways to see poisoning: one file each, each offering one `DETECTOR`."""
