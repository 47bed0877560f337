"""Norse's modules that no graph holds, and what to do instead."""

_REFRACTORY = (
    "LIFCell or LIFRecurrentCell: the graph has no neuron that counts a refractory time, "
    "which would have to stop the membrane for some steps after a spike"
)
_ADAPTIVE = "LIFCell: the graph has no neuron whose threshold or current adapts"
_EXPONENTIAL = "LIFCell: the graph has no neuron with an exponential term"
_QUADRATIC = "LIFCell: the graph has no neuron with a quadratic term and a recovery variable"
_CONDUCTANCE = "LIFCell: the graph has no neuron whose conductances depend on its input"
_COMPARTMENTS = "LIFRecurrentCell: the graph has no neuron whose compartments share their current"
_ENCODER = "encode before the module: --encoding, or spikes in the data"

REFUSED: dict[str, str] = {
    **dict.fromkeys(
        (
            "LIFRefracCell", "LIFRefracRecurrentCell", "LIFRefracRecurrent",
            "LIFAdExRefracCell", "LIFAdExRefracRecurrentCell", "LIFAdExRefracRecurrent",
            "LIFMCRefracRecurrentCell",
        ),
        _REFRACTORY,
    ),
    **dict.fromkeys(("LSNNCell", "LSNNRecurrentCell", "LSNN", "LSNNRecurrent"), _ADAPTIVE),
    **dict.fromkeys(
        ("LIFAdExCell", "LIFAdExRecurrentCell", "LIFAdEx", "LIFAdExRecurrent"), _EXPONENTIAL
    ),
    **dict.fromkeys(("LIFExCell", "LIFExRecurrentCell", "LIFEx", "LIFExRecurrent"), _EXPONENTIAL),
    **dict.fromkeys(
        ("IzhikevichCell", "IzhikevichRecurrentCell", "Izhikevich", "IzhikevichRecurrent"),
        _QUADRATIC,
    ),
    "CobaLIFCell": _CONDUCTANCE,
    "LIFMCRecurrentCell": _COMPARTMENTS,
    "LIFCorrelation": "LIFRecurrentCell: the graph has no neuron that measures correlations",
    "LILinearCell": "a Linear without bias, and an LICell",
    "LConv2d": "a Lift of a Conv2d without bias",
    "RegularizationCell": "leave it out of the module that is exported: it only counts",
    **dict.fromkeys(
        (
            "ConstantCurrentLIFEncoder", "PoissonEncoder", "PopulationEncoder",
            "SignedPoissonEncoder", "SpikeLatencyEncoder", "SpikeLatencyLIFEncoder",
        ),
        _ENCODER,
    ),
    "SpikesToTimesDecoder": "leave it out: the readout is chosen with --readout",
    "TemporalReceptiveField": "leave it out, or filter the data before",
}  # fmt: skip
"""Class name -> what to use instead, and why."""
