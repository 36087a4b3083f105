"""Turns notebooks into pages that open anywhere: one file each, nothing fetched, and nothing in it that must stay."""

from toolkit.share import gate
from toolkit.share.pages import NotAllWrittenError, notebook_page, write_pages
from toolkit.share.quotations import misquotes
from toolkit.share.run import CellFailedError, refresh

__all__ = ["CellFailedError", "NotAllWrittenError", "gate", "misquotes", "notebook_page", "refresh", "write_pages"]
