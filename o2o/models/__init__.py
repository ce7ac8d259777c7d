"""The tables, one to a file; invariants are constraints, not hopes."""

from o2o.models.board import Board
from o2o.models.campaign import Campaign
from o2o.models.creative import WATERMARK_ID_BITS, Creative
from o2o.models.idempotency_key import IdempotencyKey
from o2o.models.job import Job, JobState
from o2o.models.pin import Pin, PinStatus
from o2o.models.publisher import Publisher
from o2o.models.reader import Reader
from o2o.models.scan import Outcome, Scan
from o2o.models.scan_detection import ScanDetection
from o2o.models.webhook_delivery import DeliveryStatus, WebhookDelivery
from o2o.models.webhook_endpoint import WebhookEndpoint

__all__ = [
    "WATERMARK_ID_BITS",
    "Board",
    "Campaign",
    "Creative",
    "DeliveryStatus",
    "IdempotencyKey",
    "Job",
    "JobState",
    "Outcome",
    "Pin",
    "PinStatus",
    "Publisher",
    "Reader",
    "Scan",
    "ScanDetection",
    "WebhookDelivery",
    "WebhookEndpoint",
]
