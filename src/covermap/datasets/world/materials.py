"""Materials that generated ground is made of, and what mixtures of them reflect in ten bands.

The bands are those of Sentinel-2 at 10 and 20 m, at the ground: without atmosphere or optics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")

# Typical summer spectra of central Europe in the order of BANDS, reflectance 0..1: drawn by hand
# after the general shape of such covers (green peak, red edge, water absorption), not measured.
MATERIALS = {
    "broadleaved": (0.024, 0.045, 0.026, 0.075, 0.225, 0.285, 0.300, 0.325, 0.165, 0.075),
    "conifer": (0.019, 0.031, 0.020, 0.047, 0.125, 0.155, 0.168, 0.182, 0.090, 0.042),
    "thicket": (0.030, 0.060, 0.036, 0.098, 0.260, 0.325, 0.350, 0.370, 0.195, 0.098),
    "green crop": (0.030, 0.063, 0.035, 0.100, 0.310, 0.400, 0.425, 0.445, 0.205, 0.105),
    "ripe crop": (0.066, 0.098, 0.128, 0.168, 0.215, 0.240, 0.260, 0.285, 0.320, 0.230),
    "meadow": (0.039, 0.072, 0.050, 0.112, 0.255, 0.310, 0.335, 0.355, 0.235, 0.135),
    "soil": (0.074, 0.098, 0.124, 0.148, 0.165, 0.180, 0.196, 0.212, 0.290, 0.250),
    "gravel": (0.108, 0.136, 0.164, 0.182, 0.194, 0.203, 0.214, 0.224, 0.292, 0.262),
    "earth": (0.070, 0.092, 0.120, 0.142, 0.156, 0.170, 0.184, 0.198, 0.282, 0.246),
    "tiles": (0.082, 0.098, 0.140, 0.162, 0.174, 0.184, 0.198, 0.208, 0.245, 0.215),
    "concrete": (0.150, 0.165, 0.178, 0.187, 0.194, 0.200, 0.208, 0.215, 0.238, 0.215),
    "asphalt": (0.070, 0.079, 0.087, 0.093, 0.100, 0.106, 0.112, 0.117, 0.138, 0.124),
    "garden": (0.036, 0.062, 0.047, 0.095, 0.205, 0.250, 0.270, 0.288, 0.180, 0.105),
    "deep water": (0.028, 0.024, 0.013, 0.011, 0.009, 0.008, 0.007, 0.006, 0.004, 0.003),
    "turbid water": (0.052, 0.066, 0.052, 0.044, 0.028, 0.026, 0.022, 0.018, 0.008, 0.005),
}
# Relative change of each band with greenness (visible down, near infrared up) and with moisture.
GREENNESS = np.array((-0.6, -0.3, -0.8, -0.2, 0.5, 0.7, 0.8, 0.8, -0.1, -0.3), np.float32)
MOISTURE = np.array((-0.2, -0.2, -0.3, -0.2, -0.1, -0.1, -0.1, -0.1, -0.7, -1.0), np.float32)
_DARKEST, _BRIGHTEST = 0.001, 1.0


@dataclass(frozen=True)
class Mixture:
    """What each pixel is made of, arrays (H, W).

    Attributes
    ----------
    first, second : ndarray of int
        Rows of the table of spectra.
    share : ndarray of float32
        0..1 of the second.
    brightness : ndarray of float32
        What all bands are multiplied by.
    greenness, moisture : ndarray of float32
        Relative; they change each band as `GREENNESS` and `MOISTURE` say.
    """

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray
    brightness: np.ndarray
    greenness: np.ndarray
    moisture: np.ndarray

    def reflectance(self, spectra: np.ndarray) -> np.ndarray:
        """Reflectance 0..1, float32 (10, H, W), given spectra (materials, 10) of all materials."""
        values = np.empty((len(BANDS), *self.first.shape), np.float32)
        for band, column in enumerate(spectra.T):
            one, other = column[self.first], column[self.second]
            values[band] = (one + (other - one) * self.share) * self.brightness
            values[band] *= 1 + self.greenness * GREENNESS[band] + self.moisture * MOISTURE[band]
        return np.clip(values, _DARKEST, _BRIGHTEST, out=values)
