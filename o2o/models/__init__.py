"""The tables, one to a file; invariants are constraints, not hopes."""

from o2o.models.api_key import ApiKey
from o2o.models.board import Board
from o2o.models.campaign import Campaign
from o2o.models.creative import WATERMARK_ID_BITS, Creative
from o2o.models.creative_rollup import CreativeRollup, Shown
from o2o.models.destination import Destination, DestinationState
from o2o.models.destination_revision import DestinationRevision
from o2o.models.idempotency_key import IdempotencyKey
from o2o.models.job import Job, JobState
from o2o.models.kept_photo import KeptPhoto
from o2o.models.login import Login
from o2o.models.login_link import LoginLink
from o2o.models.member import Member
from o2o.models.photo_rollup import PhotoRollup
from o2o.models.pin import Pin, PinStatus
from o2o.models.publisher import Publisher
from o2o.models.reader import Reader
from o2o.models.reader_sketch import ReaderSketch
from o2o.models.rollup_day import RollupDay
from o2o.models.rule import Rule
from o2o.models.rule_revision import RuleRevision
from o2o.models.scan import Outcome, Scan
from o2o.models.scan_detection import ScanDetection
from o2o.models.stored_answer import StoredAnswer
from o2o.models.webhook_delivery import DeliveryStatus, WebhookDelivery
from o2o.models.webhook_endpoint import WebhookEndpoint

__all__ = [
    "WATERMARK_ID_BITS",
    "ApiKey",
    "Board",
    "Campaign",
    "Creative",
    "CreativeRollup",
    "DeliveryStatus",
    "Destination",
    "DestinationRevision",
    "DestinationState",
    "IdempotencyKey",
    "Job",
    "JobState",
    "KeptPhoto",
    "Login",
    "LoginLink",
    "Member",
    "Outcome",
    "PhotoRollup",
    "Pin",
    "PinStatus",
    "Publisher",
    "Reader",
    "ReaderSketch",
    "RollupDay",
    "Rule",
    "RuleRevision",
    "Scan",
    "ScanDetection",
    "Shown",
    "StoredAnswer",
    "WebhookDelivery",
    "WebhookEndpoint",
]
