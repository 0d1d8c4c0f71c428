"""The trials, a file a class of the catalogue; each file offers `TRIALS`."""
