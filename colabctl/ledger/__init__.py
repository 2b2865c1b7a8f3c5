"""What has happened: journals, the state they fold to, and claims."""

from colabctl.ledger.book import Book, Writer
from colabctl.ledger.events import Event
from colabctl.ledger.ledger import Claim, Ledger, open_ledger
from colabctl.ledger.plan import (
    FORMAT,
    Plan,
    TaskFiles,
    TaskLine,
    read_plan,
    task_name,
    write_tasks,
)
from colabctl.ledger.state import TaskState

__all__ = [
    "FORMAT",
    "Book",
    "Claim",
    "Event",
    "Ledger",
    "Plan",
    "TaskFiles",
    "TaskLine",
    "TaskState",
    "Writer",
    "open_ledger",
    "read_plan",
    "task_name",
    "write_tasks",
]
