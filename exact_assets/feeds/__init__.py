"""How a table is read: each feed turns a client and a stream's state into steps. Knows neither SQL nor Dagster."""

from exact_assets.feeds.missing import seek
from exact_assets.feeds.read import read
from exact_assets.feeds.request import ReadRequest, Source
from exact_assets.feeds.sweep import can_be_swept
from exact_assets.feeds.sweep import read as sweep

__all__ = ["ReadRequest", "Source", "can_be_swept", "read", "seek", "sweep"]
