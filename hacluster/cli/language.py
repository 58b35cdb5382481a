"""A problem in the language of whoever called the command."""

from __future__ import annotations

import os

from hacluster.cib.problems import Problem, language_of


def line_of(problem: Problem) -> str:
    """`place: sentence (cure)`, Japanese or English as the locale says."""
    return problem.line(language_of(os.environ))
