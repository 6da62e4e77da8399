"""Quizzes for the launch season of content's samples."""

from services.quiz.seed.demo.data_analysis import DATA_ANALYSIS
from services.quiz.seed.demo.portraits import PORTRAITS
from services.quiz.seed.demo.sourdough import SOURDOUGH
from services.quiz.seed.demo.watercolour import WATERCOLOUR

SEASON = (*WATERCOLOUR, *SOURDOUGH, *PORTRAITS, *DATA_ANALYSIS)
