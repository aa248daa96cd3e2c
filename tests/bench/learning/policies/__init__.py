"""Who decides when to send. Each policy is made by NAMES[name](scenario, provider, random)."""

from .aws_adaptive import AwsAdaptive
from .driver import Driver
from .oracle import Oracle, Unbounded
from .reference import Reference

NAMES = {"unbounded": Unbounded, "oracle": Oracle, "aws": AwsAdaptive, "reference": Reference, "ours": Driver}
