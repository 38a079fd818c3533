"""GPUs that a plan may be made for, with the figures of their makers' data sheets."""

from dataclasses import dataclass
from enum import StrEnum

from agent.operations.serving import Generation, ServingProfile

GENERATIONS = (Generation.AMPERE, Generation.ADA, Generation.HOPPER)
"""Oldest first."""


class Card(StrEnum):
    """Names for `--card`."""

    L4 = "l4"
    A10 = "a10"
    A40 = "a40"
    L40S = "l40s"
    A100 = "a100"
    H100 = "h100"


@dataclass(frozen=True, slots=True)
class CardFigures:
    """One card.

    Attributes:
        memory_gb: as it is sold, in 10^9 bytes; cards have a little more.
        bandwidth_gb_s: of its memory.
        bf16_tflops: dense, without sparsity.
        fp8_tflops: the same in FP8; that of bf16 where the card has none and the weights are unpacked.
        source: where the figures stand.
    """

    memory_gb: int
    generation: Generation
    bandwidth_gb_s: float
    bf16_tflops: float
    fp8_tflops: float
    source: str

    def tflops(self, profile: ServingProfile) -> float:
        """Peak for a checkpoint's arithmetic: only FP8 weights are computed with in fewer bits than 16."""
        return self.fp8_tflops if profile.quantisation == "fp8" else self.bf16_tflops

    def is_old_for(self, profile: ServingProfile) -> bool:
        """Whether vLLM unpacks the weights on this card: the memory counts, the speed doesn't."""
        return GENERATIONS.index(self.generation) < GENERATIONS.index(profile.gpu)


_SPARSE = "data sheet; its tensor figures are with sparsity, halved here"
CARDS: dict[Card, CardFigures] = {
    Card.L4: CardFigures(24, Generation.ADA, 300, 121, 242, f"NVIDIA L4 {_SPARSE}"),
    Card.A10: CardFigures(24, Generation.AMPERE, 600, 125, 125, "NVIDIA A10 data sheet"),
    Card.A40: CardFigures(48, Generation.AMPERE, 696, 149.7, 149.7, "NVIDIA A40 data sheet"),
    Card.L40S: CardFigures(48, Generation.ADA, 864, 362, 733, "NVIDIA L40S data sheet"),
    Card.A100: CardFigures(80, Generation.AMPERE, 1935, 312, 312, "NVIDIA A100 80GB data sheet, PCIe"),
    Card.H100: CardFigures(80, Generation.HOPPER, 2000, 756, 1513, f"NVIDIA H100 PCIe {_SPARSE}"),
}
CAREFUL = {24: Card.L4, 48: Card.A40, 80: Card.A100}
"""For each size the one with the slowest memory, so that a plan without `--card` promises no more than any has."""
