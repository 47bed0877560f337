"""A compiled program runs in the numbers it was made in, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snn2chip.errors import InputFileError
from snn2chip.pipeline import Options, check, compile_network, open_network, run


@pytest.mark.parametrize("arithmetic", ["nope", "float64"])
def test_a_program_of_another_arithmetic_is_refused(network, data, arithmetic):
    options = Options(data=str(data))
    opened = open_network(network, options)
    program = replace(check(opened, options).program, arithmetic=arithmetic)
    folder = replace(opened, program=program, target="loihi2")
    for verb in (check, run, compile_network):
        with pytest.raises(InputFileError, match=arithmetic) as caught:
            verb(folder, options)
        assert caught.value.remedy == "compile the network again"
