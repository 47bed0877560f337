"""What the report says of the chip: cores, limits, links, steps and prices."""
