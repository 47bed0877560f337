"""The commands: each parses what it was given, calls the library, and prints."""
