"""What a network's metadata may name as its data: data sets, never a file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.errors import ConfigError
from snn2chip.pipeline import Options, compile_network, open_network, run


@pytest.fixture
def opened(network, data):
    net = open_network(network, Options())
    return replace(net, graph=replace(net.graph, data=str(data)))


def test_a_file_that_metadata_name_is_not_opened(opened, data):
    for verb in (run, compile_network):
        with pytest.raises(ConfigError, match="metadata") as caught:
            verb(opened, Options())
        assert caught.value.remedy == "--data FILE"
        assert str(data) in str(caught.value)


def test_data_of_the_user_stand_above_the_metadata(opened, data, tmp_path):
    other = tmp_path / "other.npz"
    np.savez(other, x=np.zeros((3, 6)))
    assert run(opened, Options(data=str(other))).data == "other.npz"
    assert run(opened, Options(data=str(data))).data == "data.npz"
