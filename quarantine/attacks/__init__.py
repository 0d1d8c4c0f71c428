"""Ways to poison feedback, seeded and documented: one file each, each offering one `ATTACK`."""
