"""What every folder command shares: find the photos, know which are done, keep a row for each, survive a bad one.

Knows nothing of models: the work on one photo is a function that the command brings.
"""

from workbench.batch.files import held, shown, write_atomically
from workbench.batch.listing import Listing, listed, photos
from workbench.batch.loop import Account, run
from workbench.batch.names import cell, escaped, plain, unescaped
from workbench.batch.record import Record
from workbench.batch.stamp import Stamp
from workbench.batch.table import Table, as_csv

__all__ = [
    "Account",
    "Listing",
    "Record",
    "Stamp",
    "Table",
    "as_csv",
    "cell",
    "escaped",
    "held",
    "listed",
    "photos",
    "plain",
    "run",
    "shown",
    "unescaped",
    "write_atomically",
]
