"""The ledger of a sweep: its plan, tasks and journals, the state they lead to, and claims."""

from colabctl.ledger.approval import changed_keys, check_approved, program_of
from colabctl.ledger.extensions.numbering import Numbering, view_of
from colabctl.ledger.extensions.record import (
    Extension,
    cell_key,
    cells_of,
    extended,
    extensions_in,
    latest_version,
    names_in,
    same_limits,
    versions,
)
from colabctl.ledger.extensions.stretches import Stretches, stretches
from colabctl.ledger.extensions.task_files import ExtendedTaskFiles
from colabctl.ledger.fitting import (
    able_of,
    capacity_of,
    gpu_memories,
    gpu_name,
    most_needed,
    needs_of,
    waiting_needs,
)
from colabctl.ledger.journals.events import OUTCOME_KINDS, Event
from colabctl.ledger.journals.shared_log import ClaimsStore
from colabctl.ledger.ledger import Claim, Ledger
from colabctl.ledger.opening import open_journals, open_ledger
from colabctl.ledger.plan import FORMAT, Kind, Plan, names_apart, read_plan
from colabctl.ledger.proposals import Proposal
from colabctl.ledger.state.attempts import params_of, proposal_of, reports_of
from colabctl.ledger.state.cache import cache_of
from colabctl.ledger.state.ends import ENDED, is_over, seconds_running, started
from colabctl.ledger.state.machine import Accelerator, Machine, read_machine
from colabctl.ledger.state.writer import Writer
from colabctl.ledger.sweep_state import SweepState
from colabctl.ledger.task_state import STATUSES, Status, TaskState
from colabctl.ledger.tasks import TaskFiles, TaskLine, contents, task_name, write_tasks
from colabctl.ledger.unreported import lack, listed, meant
from colabctl.ledger.waiting import Waiting, long_leases, waiting

__all__ = [
    "ENDED",
    "FORMAT",
    "OUTCOME_KINDS",
    "STATUSES",
    "Accelerator",
    "Claim",
    "ClaimsStore",
    "Event",
    "ExtendedTaskFiles",
    "Extension",
    "Kind",
    "Ledger",
    "Machine",
    "Numbering",
    "Plan",
    "Proposal",
    "Status",
    "Stretches",
    "SweepState",
    "TaskFiles",
    "TaskLine",
    "TaskState",
    "Waiting",
    "Writer",
    "able_of",
    "cache_of",
    "capacity_of",
    "cell_key",
    "cells_of",
    "changed_keys",
    "check_approved",
    "contents",
    "extended",
    "extensions_in",
    "gpu_memories",
    "gpu_name",
    "is_over",
    "lack",
    "latest_version",
    "listed",
    "long_leases",
    "meant",
    "most_needed",
    "names_apart",
    "names_in",
    "needs_of",
    "open_journals",
    "open_ledger",
    "params_of",
    "program_of",
    "proposal_of",
    "read_machine",
    "read_plan",
    "reports_of",
    "same_limits",
    "seconds_running",
    "started",
    "stretches",
    "task_name",
    "versions",
    "view_of",
    "waiting",
    "waiting_needs",
    "write_tasks",
]
