"""The JSON of whole issues: what comes in at once, and what tells which picture gets which mark."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import UUID, Date, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range

from o2o.http.registry_schemas import (
    NOT_BLANK,
    Campaign,
    CampaignFields,
    CreativeFields,
    DestinationFields,
    Strict,
)
from o2o.http.schemas import CREATIVE_ID
from o2o.models import DestinationState
from o2o.services.checks import MAX_PAGES
from o2o.services.imports import MAX_ROWS


class ImportRow(CreativeFields, DestinationFields):
    """A picture that is to be marked, and what is behind it."""

    class Meta(Strict.Meta):
        """It lies in the campaign that comes with it."""

        exclude = ("campaign_id",)

    destination_title = String(
        validate=[Length(1, 100), NOT_BLANK],
        metadata={"description": "What readers see first, if it isn't the title."},
    )
    state = String(
        load_default=DestinationState.LIVE.value,
        validate=OneOf([each.value for each in DestinationState]),
    )


class ImportFields(Strict):
    """A whole issue."""

    campaign = Nested(CampaignFields, required=True)
    rows = List(Nested(ImportRow), required=True, validate=Length(1, MAX_ROWS))


class FormatQuery(Schema):
    """In which form a manifest is to come."""

    format = String(
        validate=OneOf(["json", "csv"]),
        metadata={"description": "By default what `Accept` prefers, else JSON."},
    )


class ImportQuery(FormatQuery):
    """The campaign, where the body is CSV and can't tell."""

    title = String(validate=[Length(1, 200), NOT_BLANK])
    page_count = Integer(validate=Range(1, MAX_PAGES))
    on_sale_on = Date()
    off_sale_on = Date()


class ExportHeaders(Schema):
    """What an export says of itself."""

    missing = Integer(
        data_key="X-Missing-Pictures",
        metadata={"description": "Pictures that it names and the media folder lacks."},
    )


class ManifestLine(Schema):
    """A picture, and what its designer needs to know."""

    id = String(required=True, metadata={"description": "The mark's.", "pattern": CREATIVE_ID})
    page = Integer(required=True, allow_none=True)
    title = String(required=True)
    print_width_in = Float(required=True, allow_none=True)
    print_height_in = Float(required=True, allow_none=True)
    short_link = String(required=True, metadata={"description": "Whole, to be printed beside the picture."})
    destination_id = UUID(required=True, allow_none=True)


class Manifest(Schema):
    """Which picture of an issue gets which mark, in the order of its pages."""

    campaign = Nested(Campaign, required=True)
    rows = List(Nested(ManifestLine), required=True)
