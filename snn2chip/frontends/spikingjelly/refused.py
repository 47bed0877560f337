"""SpikingJelly's modules that NIR cannot hold, by class name, and what to do instead."""

from __future__ import annotations

_QUADRATIC = "use LIFNode: NIR's neurons are linear below their threshold"
_MEMORY = "use LIFNode: NIR's neurons have a membrane and one current, no other state"
_PARALLEL = "use LIFNode: its neurons see the whole sequence at once"
_COUNT = "use IFNode or LIFNode: its spikes count more than one"
_SIGNED = "use IFNode or LIFNode: its spikes have a sign"
_NOISE = "use CUBALIFNode: its neurons draw noise"
_LEARNING = "copy its parameters into a LIFNode, which computes the same in evaluation"
_INTERLAYER = "use IFNode, LIFNode or CUBALIFNode, which keep no connection between time steps"
_MAXIMUM = "use AvgPool2d: a maximum is no linear operator of spikes"
_VOLUME = "NIR has convolutions and pools of one and two axes"
_ADAPTIVE = "use AvgPool1d or AdaptiveAvgPool2d"
_UPWARD = "NIR has no layer that enlarges an image"
_TIMED_NORM = "use BatchNorm1d or BatchNorm2d: its factors change from step to step"
_SLOTS = "use IFNode or LIFNode alone: it changes the number of steps"
_ATTENTION = "NIR has no product of two inputs"
_BASE = "use one of SpikingJelly's own neurons: a base class has no dynamics"
_GATED = "use LIFNode or a LinearRecurrentContainer: NIR has no gates"

REFUSED: dict[str, str] = {
    "BaseNode": _BASE,
    "SimpleBaseNode": _BASE,
    "NonSpikingBaseNode": _BASE,
    "AdaptBaseNode": _BASE,
    "QIFNode": _QUADRATIC,
    "EIFNode": _QUADRATIC,
    "IzhikevichNode": _QUADRATIC,
    "RAFNode": _MEMORY,
    "ComplementaryLIFNode": _MEMORY,
    "GatedLIFNode": "use LIFNode: its leak, input and reset change from step to step",
    "KLIFNode": "use LIFNode: its membrane is scaled and rectified at every step",
    "LIAFNode": "use LIFNode: it sends values, not spikes",
    "HalfThresholdIFNode": "use IFNode: its membrane starts at half the threshold",
    "ActivationAwareIFNode": "use IFNode: it shifts what it compares with the threshold",
    "NonSpikingIFNode": "use NonSpikingLIFNode: NIR has no integrator without spikes",
    "MPBNBaseNode": "use LIFNode: its membrane is normalized at every step",
    "MPBNLIFNode": "use LIFNode: its membrane is normalized at every step",
    "ILIFNode": _COUNT,
    "STBIFNode": _SIGNED,
    "TernaryIFNode": _SIGNED,
    "TernaryLIFNode": _SIGNED,
    "FewSpikeNode": "use IFNode: its threshold and weight change from step to step",
    "OutlierAwareThresholdNode": "use IFNode: its threshold and weight change from step to step",
    "HGNode": "use IFNode: its threshold and weight change from step to step",
    "DSRIFNode": _PARALLEL,
    "DSRLIFNode": _PARALLEL,
    "PSN": _PARALLEL,
    "MaskedPSN": _PARALLEL,
    "SlidingPSN": _PARALLEL,
    "FlexSN": "use LIFNode: its dynamics are any function",
    "OTTTLIFNode": _LEARNING,
    "SLTTLIFNode": _LEARNING,
    "ILCBaseNode": _INTERLAYER,
    "ILCIFNode": _INTERLAYER,
    "ILCLIFNode": _INTERLAYER,
    "ILCCUBALIFNode": _INTERLAYER,
    "NoisyBaseNode": _NOISE,
    "NoisyCUBALIFNode": _NOISE,
    "NoisyILCBaseNode": _NOISE,
    "NoisyILCCUBALIFNode": _NOISE,
    "NoisyNonSpikingBaseNode": _NOISE,
    "NoisyNonSpikingIFNode": _NOISE,
    "MaxPool1d": "use AvgPool1d: a maximum is no linear operator of spikes",
    "MaxPool2d": _MAXIMUM,
    "MaxPool3d": _MAXIMUM,
    "MaxUnpool1d": _MAXIMUM,
    "MaxUnpool2d": _MAXIMUM,
    "MaxUnpool3d": _MAXIMUM,
    "Conv3d": _VOLUME,
    "AvgPool3d": _VOLUME,
    "AdaptiveAvgPool1d": _ADAPTIVE,
    "AdaptiveAvgPool3d": _VOLUME,
    "Upsample": _UPWARD,
    "ConvTranspose1d": _UPWARD,
    "ConvTranspose2d": _UPWARD,
    "ConvTranspose3d": _UPWARD,
    "GroupNorm": "use BatchNorm2d: its statistics depend on the input",
    "NeuNorm": "use BatchNorm2d: its statistics depend on the input",
    "BatchNorm3d": _VOLUME,
    "ThresholdDependentBatchNorm3d": _VOLUME,
    "TemporalEffectiveBatchNorm1d": _TIMED_NORM,
    "TemporalEffectiveBatchNorm2d": _TIMED_NORM,
    "TemporalEffectiveBatchNorm3d": _TIMED_NORM,
    "BatchNormThroughTime1d": _TIMED_NORM,
    "BatchNormThroughTime2d": _TIMED_NORM,
    "BatchNormThroughTime3d": _TIMED_NORM,
    "DropConnectLinear": "use Linear: it draws random weights in evaluation too",
    "SynapseFilter": "use CUBALIFNode, whose current decays whether spikes come or not",
    "VotingLayer": "end the network with its neurons and vote over their spike counts",
    "SpikeCountToBinary": _SLOTS,
    "TemporalBinSum": _SLOTS,
    "TLastMultiStepContainer": "use MultiStepContainer: here time is the last axis",
    "TLastSeqToANNContainer": "use SeqToANNContainer: here time is the last axis",
    "OTTTSequential": "put its layers into a Sequential, with LIFNode: it hands traces on",
    "GradwithTrace": "use the module that it wraps",
    "SpikeTraceOp": "use the module that it wraps",
    "TemporalWiseAttention": _ATTENTION,
    "MultiDimensionalAttention": _ATTENTION,
    "SpikingSelfAttention": _ATTENTION,
    "QKAttention": _ATTENTION,
    "TokenQKAttention": _ATTENTION,
    "ChannelQKAttention": _ATTENTION,
    "SpikeDrivenSelfAttention": _ATTENTION,
    "SpikingRNNBase": _GATED,
    "SpikingRNNCellBase": _GATED,
    "SpikingLSTM": _GATED,
    "SpikingLSTMCell": _GATED,
    "SpikingGRU": _GATED,
    "SpikingGRUCell": _GATED,
    "SpikingVanillaRNN": _GATED,
    "SpikingVanillaRNNCell": _GATED,
}
"""Class name -> what to do instead."""
