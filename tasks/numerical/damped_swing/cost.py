"""A least-squares fit with first-order feedback: torch differentiates the cost, and the slopes are what is said."""

import math
from typing import Any

import agentopt as ao

TIMES_S = [0.25 * number for number in range(12)]
READINGS_MM = [2.5 * math.exp(-0.4 * t) * math.cos(1.7 * t + 0.3) for t in TIMES_S]


def misfit(amplitude_mm: Any, decay_per_s: Any, speed_per_s: Any, phase: Any) -> Any:
    """Mean square of what the swing misses the readings by, for tensors."""
    import torch

    times, readings = torch.tensor(TIMES_S, dtype=torch.float64), torch.tensor(READINGS_MM, dtype=torch.float64)
    swing = amplitude_mm * torch.exp(-decay_per_s * times) * torch.cos(speed_per_s * times + phase)
    return torch.mean((swing - readings) ** 2)


@ao.bundle
def measured_misfit(amplitude_mm: float, decay_per_s: float, speed_per_s: float, phase: float) -> float:
    """Mean square of what this swing misses twelve readings by, in square mm."""
    return float(misfit(*_tensors(amplitude_mm, decay_per_s, speed_per_s, phase)))


def cost(amplitude_mm: Any, decay_per_s: Any, speed_per_s: Any, phase: Any) -> Any:
    """The misfit."""
    return measured_misfit(amplitude_mm, decay_per_s, speed_per_s, phase)


def slopes(**values: float) -> dict[str, float]:
    """Partial derivatives of the cost, by automatic differentiation."""
    tensors = _tensors(*values.values())
    for tensor in tensors:
        tensor.requires_grad_()
    misfit(*tensors).backward()
    return {name: float(tensor.grad) for name, tensor in zip(values, tensors)}


def _tensors(*numbers: float) -> list[Any]:
    import torch

    return [torch.tensor(number, dtype=torch.float64) for number in numbers]
