"""Turns notebooks into pages that open anywhere: one file each, nothing fetched, charts alive."""

from toolkit.share.page import notebook_page
from toolkit.share.pages import write_pages
from toolkit.share.run import refresh

__all__ = ["notebook_page", "refresh", "write_pages"]
