"""The answer of a study on a terminal, as JSON, as CSV and as a web page."""
