"""What one run was given and has made, and the same as JSON."""

from playground.transcript.checked import check_schema, checked, only_known
from playground.transcript.kept_events import KeptEvents
from playground.transcript.model_facts import ModelFacts
from playground.transcript.shortened import leave_out
from playground.transcript.transcript import SCHEMA, Transcript

__all__ = [
    "SCHEMA",
    "KeptEvents",
    "ModelFacts",
    "Transcript",
    "check_schema",
    "checked",
    "leave_out",
    "only_known",
]
