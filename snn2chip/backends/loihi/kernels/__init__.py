"""The quick way through CUBA layers, compiled: the same integers as the models' own modules."""
