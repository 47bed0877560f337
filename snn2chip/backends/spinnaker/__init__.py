"""The SpiNNaker family: sPyNNaker's firmware on SpiNNaker 1, as it computes.

No target is simulated by it yet: what stands here are the numbers of the firmware, an oracle in
plain numpy, and the firmware itself in an emulator, by which the oracle is confirmed.
"""
