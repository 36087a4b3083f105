"""How readers with less colour vision see colours: the matrices of Machado, Oliveira and Fernandes (2009), severity 1.

https://doi.org/10.1109/TVCG.2009.113, as tabulated at https://www.inf.ufrgs.br/~oliveira/pubs_files/CVD_Simulation.
They apply to linear light. Differences are distances in CIELAB (CIE 1976): 2.3 is just noticeable side by side.
"""

from itertools import combinations

import numpy as np

SIGHTS = {
    "full": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(colour: str, sight: str = "full") -> np.ndarray:
    """Where a colour such as ``#0072b2`` lies in CIELAB, as it is seen."""
    coded = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(SIGHTS[sight] @ light, 0, 1)
    part = TO_XYZ @ seen / (TO_XYZ @ np.ones(3))
    x, y, z = np.where(part > (6 / 29) ** 3, np.cbrt(part), part * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def is_grey(colour: str) -> bool:
    """Whether a colour has no hue."""
    return bool(np.hypot(*lab(colour)[1:]) < 5)


def nearest(colours: list[str], sight: str) -> tuple[float, tuple[str, str]]:
    """How far the two colours are apart that are the most alike, and which they are."""
    return min(
        (float(np.linalg.norm(lab(one, sight) - lab(other, sight))), (one, other))
        for one, other in combinations(dict.fromkeys(colours), 2)
    )
