"""Keys and routing tables of SpiNNaker's multicast packets, on a hexagonal mesh of chips."""

from snn2chip.backends.multicast.compress import compressed
from snn2chip.backends.multicast.document import ROUTING, routing
from snn2chip.backends.multicast.keys import Part, parts_of
from snn2chip.backends.multicast.mesh import Chip, Mesh, boards
from snn2chip.backends.multicast.rules import LIMITS, seats_of, violations
from snn2chip.backends.multicast.tables import Entry, routing_tables

__all__ = [
    "LIMITS",
    "ROUTING",
    "Chip",
    "Entry",
    "Mesh",
    "Part",
    "boards",
    "compressed",
    "parts_of",
    "routing",
    "routing_tables",
    "seats_of",
    "violations",
]
