"""The types of feedback: one file each, each offering one `KIND`."""
