"""CentralNotice banners and Growth homepage modules: from exports to funnels, engagement, charts and shared pages."""

from importlib.metadata import version

from toolkit import chart, decode, errors, explore, keep, load, measure, reference, share
from toolkit.errors import ToolkitError

__version__ = version("wikimedia-event-toolkit")
__all__ = [
    "ToolkitError",
    "__version__",
    "chart",
    "decode",
    "errors",
    "explore",
    "keep",
    "load",
    "measure",
    "reference",
    "share",
]
