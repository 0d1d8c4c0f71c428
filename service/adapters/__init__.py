"""The systems whose feedback we take: one file each, one `ADAPTER` each."""
