"""The attack catalogue run against this very build, in a private place, and its scorecard."""
