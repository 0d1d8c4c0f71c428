"""Where held feedback is kept: one file or folder each, each offering one `STORE`."""
