"""The states of the random generators of Python, NumPy and torch: training continues with them."""

import random
import sys
from collections.abc import Mapping
from typing import Any


def random_states() -> dict[str, Any]:
    """Return the states of the global generators, of the libraries that are imported."""
    states: dict[str, Any] = {"python": random.getstate()}
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None:
        name, keys, *rest = numpy.random.get_state()
        states["numpy"] = (str(name), keys.tolist(), *rest)
    if torch is not None:
        states["torch"] = torch.get_rng_state()
        if torch.cuda.is_available():
            states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def set_random_states(states: Mapping[str, Any]) -> None:
    """Set the global generators, as far as their libraries and devices are here."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if "python" in states:
        version, numbers, gauss = states["python"]
        random.setstate((version, tuple(numbers), gauss))
    if numpy is not None and "numpy" in states:
        numpy.random.set_state(tuple(states["numpy"]))
    if torch is not None and "torch" in states:
        torch.set_rng_state(states["torch"].cpu())
        cuda = states.get("cuda", ())
        if len(cuda) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([state.cpu() for state in cuda])
