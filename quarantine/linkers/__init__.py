"""Reasons to count several sources as one voice: one file each, each offering one `LINKER`."""
