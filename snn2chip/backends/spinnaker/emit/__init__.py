"""Programs as sPyNNaker takes them: unrolled, and with a script that runs them."""
