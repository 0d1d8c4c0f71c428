"""Who said yes, to what, why; and what left because of it."""
