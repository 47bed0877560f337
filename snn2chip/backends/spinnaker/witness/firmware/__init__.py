"""The real binaries of sPyNNaker in an emulated chip, as a witness of what we compute.

``run_firmware.py`` and the modules that it imports run in an environment of their own, without
snn2chip: sPyNNaker maps the network and makes the memory image of every core, Unicorn executes the
ARM code of its wheel. Everything else of the chip is modelled in ``core`` and ``board``.
"""
