"""sPyNNaker's firmware as a witness: it runs the same network, and must give the same words."""

from snn2chip.backends.spinnaker.witness.networks import (
    FirmwareNetwork,
    FirmwarePopulation,
    FirmwareProjection,
    network_arrays,
    network_json,
)
from snn2chip.backends.spinnaker.witness.running import (
    SPINNAKER_PYTHON,
    FirmwareRecordings,
    environment,
    found_engine,
    map_network,
    run_firmware,
    spinnaker_engine,
)

__all__ = [
    "SPINNAKER_PYTHON",
    "FirmwareNetwork",
    "FirmwarePopulation",
    "FirmwareProjection",
    "FirmwareRecordings",
    "environment",
    "found_engine",
    "map_network",
    "network_arrays",
    "network_json",
    "run_firmware",
    "spinnaker_engine",
]
