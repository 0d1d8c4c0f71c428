"""Formats of training sets: one file each, each offering one `EXPORTER`."""
