"""The page about a fit: the answer in words, what to doubt, the numbers, the checks, pictures, how it was made.

One file that needs no network and no script, for the screen (light and dark, a phone too) and for paper; also Markdown and
JSON; in English and Chinese. It never holds a row of the data.
"""

from torchlogit.report.origin import Origin
from torchlogit.report.report import Report, report

__all__ = ["Origin", "Report", "report"]
