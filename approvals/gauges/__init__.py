"""How families of feedback are measured before they leave: one file each, offering one `GAUGE`."""
