"""A launch season around the day it is seeded, in the order in which it was announced."""

from services.content.seed.demo.data_analysis import DATA_ANALYSIS
from services.content.seed.demo.podcasting import PODCASTING
from services.content.seed.demo.portraits import PORTRAITS
from services.content.seed.demo.sourdough import SOURDOUGH
from services.content.seed.demo.watercolour import WATERCOLOUR

SEASON = (WATERCOLOUR, SOURDOUGH, PORTRAITS, DATA_ANALYSIS, PODCASTING)
