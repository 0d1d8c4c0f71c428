"""What an operator sees of the running service: is it alive, is it ready, and in what figures."""
