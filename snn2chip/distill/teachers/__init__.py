"""Teachers: conventional networks whose answers and features students learn from."""
