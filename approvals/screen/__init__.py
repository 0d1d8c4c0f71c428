"""The reviewers' screen: what waits, shown one thing at a time, decided by single keys."""
