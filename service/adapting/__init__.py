"""Feedback of other systems on its way to the bus: read, kept, said in our words, published."""
