"""What the console keeps beside its users: a view of the journal, which each node can rebuild from the journal alone.

`JournalItem` is the copy of the journal; the other tables are written by `webui.journal` when an item is applied.
"""

from __future__ import annotations

from django.db import models


class JournalItem(models.Model):
    """One entry of the journal, as it came from its origin."""

    origin = models.CharField(max_length=255)
    seq = models.BigIntegerField()
    clock_ms = models.BigIntegerField()
    clock_counter = models.IntegerField(default=0)
    kind = models.CharField(max_length=64)
    payload = models.JSONField()
    is_pending = models.BooleanField(default=False)
    """Written here while no agent took it; it is handed to the agent's journal as soon as one answers."""

    class Meta:
        ordering = ["clock_ms", "clock_counter", "origin", "seq"]
        constraints = [models.UniqueConstraint(fields=["origin", "seq"], name="one_item_for_each_seq")]


class AuditEntry(models.Model):
    """Who did what, from where, what the preview said, and how it ended."""

    key = models.CharField(max_length=64, unique=True)
    at_ms = models.BigIntegerField(db_index=True)
    node = models.CharField(max_length=255)
    user = models.CharField(max_length=150)
    address = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=255, blank=True)
    detail = models.JSONField(default=dict)
    preview = models.JSONField(default=list)
    result = models.CharField(max_length=32)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-at_ms", "-id"]


class Upload(models.Model):
    """A sheet somebody uploaded."""

    key = models.CharField(max_length=64, primary_key=True)
    at_ms = models.BigIntegerField()
    user = models.CharField(max_length=150)
    name = models.CharField(max_length=255)
    sheet = models.CharField(max_length=255, blank=True)
    content = models.BinaryField()

    class Meta:
        ordering = ["-at_ms"]


class SheetResult(models.Model):
    """What the check of a worksheet has found; kept here only, and made again where it is missing."""

    upload_key = models.CharField(max_length=64)
    sheet = models.CharField(max_length=255, blank=True)
    """The worksheet that was asked for; "" is the one that is filled."""
    chosen = models.CharField(max_length=255, blank=True)
    at_ms = models.BigIntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ["-at_ms", "-id"]
        constraints = [models.UniqueConstraint(fields=["upload_key", "sheet"], name="one_result_for_each_sheet")]


class Revision(models.Model):
    """A configuration that was applied through the console."""

    key = models.CharField(max_length=64, unique=True)
    at_ms = models.BigIntegerField()
    user = models.CharField(max_length=150)
    node = models.CharField(max_length=255)
    source = models.CharField(max_length=255)
    upload_key = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    version_before = models.CharField(max_length=64)
    version_after = models.CharField(max_length=64)
    crm_text = models.TextField(blank=True)
    xml = models.TextField()
    summary = models.JSONField(default=list)

    class Meta:
        ordering = ["-at_ms"]

    @property
    def number(self) -> int:
        """Counts the revisions from the first one on; the same on every node, because the journal orders them."""
        return Revision.objects.filter(at_ms__lte=self.at_ms).count()


class AlertMark(models.Model):
    """Somebody has seen this problem."""

    problem = models.CharField(max_length=255, unique=True)
    user = models.CharField(max_length=150)
    at_ms = models.BigIntegerField()


class Placement(models.Model):
    """A temporary placement: the location constraint that a move leaves until its resource has arrived."""

    constraint = models.CharField(max_length=255, unique=True)
    resource = models.CharField(max_length=255)
    node = models.CharField(max_length=255)
    user = models.CharField(max_length=150)
    at_ms = models.BigIntegerField()
    expires_at_ms = models.BigIntegerField()


class Job(models.Model):
    """Long work and its progress; kept here only."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    key = models.CharField(max_length=64, primary_key=True)
    kind = models.CharField(max_length=32)
    user = models.CharField(max_length=150)
    address = models.CharField(max_length=64, blank=True)
    at_ms = models.BigIntegerField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    request = models.JSONField(default=dict)
    steps = models.JSONField(default=list)
    """What has happened so far: {code, fields}."""
    result = models.JSONField(default=dict)
    owner = models.CharField(max_length=64, blank=True)
    """The process that does it (owners.py); "" while it waits in a queue that outlives every process."""

    class Meta:
        ordering = ["-at_ms"]


class Once(models.Model):
    """An idempotency key and what was answered: a double click and a resend act once."""

    key = models.CharField(max_length=64, primary_key=True)
    user = models.CharField(max_length=150)
    at_ms = models.BigIntegerField()
    answer = models.JSONField(null=True)


class Token(models.Model):
    """An API token; only its digest is kept."""

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.CharField(max_length=150)
    name = models.CharField(max_length=64)
    at_ms = models.BigIntegerField()
