"""What has happened: journals, the state they fold to, and claims."""

from colabctl.ledger.sweep_state import Book, Proposal, Writer, params_of
from colabctl.ledger.events import OUTCOME_KINDS, Event
from colabctl.ledger.ledger import Claim, Ledger, open_ledger
from colabctl.ledger.plan import (
    FORMAT,
    Kind,
    Plan,
    TaskFiles,
    TaskLine,
    read_plan,
    task_name,
    write_tasks,
)
from colabctl.ledger.task_state import TaskState

__all__ = [
    "FORMAT",
    "OUTCOME_KINDS",
    "Book",
    "Claim",
    "Event",
    "Kind",
    "Ledger",
    "Plan",
    "Proposal",
    "TaskFiles",
    "TaskLine",
    "TaskState",
    "Writer",
    "open_ledger",
    "params_of",
    "read_plan",
    "task_name",
    "write_tasks",
]
