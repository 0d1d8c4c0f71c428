"""What a store in rows does, whatever its engine: take, log, count, find, read, verify."""
