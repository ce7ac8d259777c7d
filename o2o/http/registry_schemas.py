"""The JSON of the publisher's side: campaigns, creatives, destinations and rules."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import UUID, Boolean, Date, File, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range, Regexp
from marshmallow import RAISE

from o2o.http.fields import MediaUrl, Moment, Money, Number, PhotoUrl, ShortLink, WatermarkId, Whole
from o2o.http.schemas import Content
from o2o.integrations.storage import NAME as STORED
from o2o.models import DestinationState
from o2o.services import creatives
from o2o.services.checks import LANGUAGE_TAG, LINK, MAX_IMAGES, MAX_LINK_LENGTH, MAX_PAGES
from o2o.services.countries import COUNTRIES
from o2o.services.routing import Device

MAX_PAGE = 100
MAX_RULES = 50
MAX_COUNT = 2**31 - 1

NOT_BLANK = Regexp(r"^(?=[\s\S]*\S)[^\x00-\x1f\x7f-\x9f]*\Z", error="Not only spaces, no control characters.")


class Strict(Schema):
    """A request's body: a field that it doesn't know is a mistake, and not ignored."""

    class Meta:
        """How marshmallow treats it."""

        unknown = RAISE


class PageQuery(Schema):
    """Which page of a list."""

    limit = Integer(load_default=50, validate=Range(1, MAX_PAGE))
    cursor = String(
        load_default=None, validate=Length(1, 200), metadata={"description": "A page's `next_cursor`."}
    )


class CampaignFields(Strict):
    """A campaign: a magazine's issue, a catalogue."""

    title = String(required=True, validate=[Length(1, 200), NOT_BLANK])
    page_count = Whole(load_default=None, allow_none=True, validate=Range(1, MAX_PAGES))
    on_sale_on = Date(load_default=None, allow_none=True, metadata={"description": "The first day."})
    off_sale_on = Date(load_default=None, allow_none=True, metadata={"description": "The last day."})


class Campaign(Schema):
    """A campaign as it is."""

    id = UUID(required=True)
    title = String(required=True)
    page_count = Integer(required=True, allow_none=True)
    on_sale_on = Date(required=True, allow_none=True)
    off_sale_on = Date(required=True, allow_none=True)
    version = Integer(required=True)
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


class CampaignPage(Schema):
    """A page of campaigns, the newest first."""

    items = List(Nested(Campaign), required=True)
    next_cursor = String(required=True, allow_none=True)


class DestinationFields(Strict):
    """What a reader gets; the lengths are those that pins allow."""

    title = String(required=True, validate=[Length(1, 100), NOT_BLANK])
    state = String(
        load_default=DestinationState.DRAFT.value,
        validate=OneOf([each.value for each in DestinationState]),
    )
    starts_at = Moment(load_default=None, allow_none=True)
    ends_at = Moment(load_default=None, allow_none=True)
    description = String(load_default="", validate=Length(0, 800))
    link = String(
        load_default=None,
        allow_none=True,
        validate=[
            Length(1, MAX_LINK_LENGTH),
            Regexp(rf"^{LINK.pattern}\Z", error="A link is an http(s) address, in ASCII."),
        ],
    )
    images = List(
        String(
            validate=Regexp(rf"^{STORED.pattern}\Z", error="This is no name that `POST /v1/pictures` gave.")
        ),
        load_default=list,
        validate=Length(0, MAX_IMAGES),
    )
    alt_text = String(load_default="", validate=Length(0, 500))
    price_amount = Money(load_default=None, allow_none=True, metadata={"pattern": Money.PATTERN.pattern})
    price_currency = String(load_default=None, allow_none=True, validate=Regexp(r"^[A-Z]{3}\Z"))
    call_to_action = String(load_default="", validate=Length(0, 30))
    master_pin = String(load_default=None, allow_none=True, validate=Regexp(r"^[0-9]{1,20}\Z"))
    locale = String(
        load_default=None,
        allow_none=True,
        validate=[
            Length(1, 35),
            Regexp(rf"^{LANGUAGE_TAG.pattern}\Z", error="A language tag is like en or pt-BR."),
        ],
    )


class Destination(Schema):
    """A destination as it is."""

    id = UUID(required=True)
    creative_id = WatermarkId(required=True, allow_none=True, attribute="watermark_id")
    campaign_id = UUID(required=True, allow_none=True)
    state = String(required=True, validate=OneOf([each.value for each in DestinationState]))
    status = String(
        required=True,
        validate=OneOf(["draft", "scheduled", "live", "expired"]),
        metadata={"description": "What its state and its schedule come to now."},
    )
    starts_at = Moment(required=True, allow_none=True)
    ends_at = Moment(required=True, allow_none=True)
    title = String(required=True)
    description = String(required=True)
    link = String(required=True, allow_none=True)
    images = List(String(), required=True)
    image_urls = List(MediaUrl(), required=True)
    alt_text = String(required=True)
    price_amount = Money(required=True, allow_none=True)
    price_currency = String(required=True, allow_none=True)
    call_to_action = String(required=True)
    master_pin = String(required=True, allow_none=True)
    locale = String(required=True, allow_none=True)
    version = Integer(required=True)
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


class DestinationList(Schema):
    """A creative's destinations, the oldest first."""

    items = List(Nested(Destination), required=True)


class Held(Schema):
    """What a version held: times and amounts as they were written."""

    title = String(required=True)
    state = String(required=True, validate=OneOf([each.value for each in DestinationState]))
    starts_at = String(required=True, allow_none=True, metadata={"format": "date-time"})
    ends_at = String(required=True, allow_none=True, metadata={"format": "date-time"})
    description = String(required=True)
    link = String(required=True, allow_none=True)
    images = List(String(), required=True)
    alt_text = String(required=True)
    price_amount = String(required=True, allow_none=True)
    price_currency = String(required=True, allow_none=True)
    call_to_action = String(required=True)
    master_pin = String(required=True, allow_none=True)
    locale = String(required=True, allow_none=True)


class Revision(Schema):
    """One version of a destination."""

    version = Integer(required=True)
    changed_by = String(required=True)
    changed_at = Moment(required=True)
    content = Nested(Held, required=True)


class RevisionPage(Schema):
    """A page of a destination's versions, the newest first."""

    items = List(Nested(Revision), required=True)
    next_cursor = String(required=True, allow_none=True)


class CreativeFields(Strict):
    """A picture that is to be marked."""

    title = String(required=True, validate=[Length(1, 100), NOT_BLANK])
    campaign_id = UUID(load_default=None, allow_none=True)
    page = Whole(load_default=None, allow_none=True, validate=Range(1, MAX_PAGES))
    print_width_in = Number(
        load_default=None, allow_none=True, validate=Range(0, creatives.MAX_PRINT_IN, min_inclusive=False)
    )
    print_height_in = Number(
        load_default=None, allow_none=True, validate=Range(0, creatives.MAX_PRINT_IN, min_inclusive=False)
    )


class Creative(Schema):
    """A creative as it is."""

    id = WatermarkId(required=True, attribute="watermark_id", metadata={"description": "The mark's."})
    campaign_id = UUID(required=True, allow_none=True)
    title = String(required=True)
    page = Integer(required=True, allow_none=True)
    print_width_in = Number(required=True, allow_none=True)
    print_height_in = Number(required=True, allow_none=True)
    fingerprint = String(required=True, allow_none=True)
    picture_url = MediaUrl(required=True, allow_none=True, attribute="picture")
    thumbnail_url = MediaUrl(required=True, allow_none=True, attribute="thumbnail")
    short_link = ShortLink(required=True, metadata={"description": "Relative to the API."})
    withdrawn_at = Moment(
        required=True, allow_none=True, metadata={"description": "From when on it leads to its fallback."}
    )
    version = Integer(required=True)
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


class KeptPhoto(Schema):
    """A photo that its reader lets the publisher keep."""

    scan_id = UUID(required=True)
    url = PhotoUrl(required=True, metadata={"description": "Relative to the API; with the key."})
    created_at = Moment(required=True)
    kept_until = Moment(required=True)


class KeptPhotoPage(Schema):
    """A page of them, the newest first."""

    items = List(Nested(KeptPhoto), required=True)
    next_cursor = String(required=True, allow_none=True)


class PictureIn(Schema):
    """A picture to keep."""

    picture = File(  # type: ignore[no-untyped-call]
        required=True, metadata={"description": "JPEG, PNG, WebP, HEIC, AVIF or TIFF."}
    )


class StoredPicture(Schema):
    """A picture that is kept."""

    name = String(required=True, metadata={"description": "What `images` of a destination takes."})
    url = MediaUrl(required=True, metadata={"description": "Relative to the API."})


class CreativePage(Schema):
    """A page of creatives, the newest first."""

    items = List(Nested(Creative), required=True)
    next_cursor = String(required=True, allow_none=True)


class CreativeQuery(PageQuery):
    """Which creatives."""

    campaign_id = UUID(load_default=None)
    page = Integer(load_default=None, validate=Range(1, MAX_PAGES))
    title = String(load_default=None, validate=Length(1, 100), metadata={"description": "A part of it."})
    withdrawn = Boolean(
        load_default=False, metadata={"description": "Those that are withdrawn, in place of the others."}
    )


class RuleFields(Strict):
    """One rule; a condition that is null or empty holds for everyone."""

    destination_id = UUID(required=True)
    since = Moment(load_default=None, allow_none=True)
    until = Moment(load_default=None, allow_none=True)
    countries = List(
        String(validate=OneOf(COUNTRIES, error="A country is two capitals of ISO 3166-1, like FR or GB.")),
        load_default=list,
        validate=Length(0, 250),
    )
    languages = List(
        String(validate=Regexp(r"^[a-z]{2,3}\Z", error="A language is small letters, like fr (BCP 47).")),
        load_default=list,
        validate=Length(0, 100),
    )
    devices = List(String(validate=OneOf([each.value for each in Device])), load_default=list)
    min_scans = Whole(load_default=None, allow_none=True, validate=Range(0, MAX_COUNT))
    max_scans = Whole(load_default=None, allow_none=True, validate=Range(0, MAX_COUNT))
    share_percent = Whole(load_default=None, allow_none=True, validate=Range(1, 100))


class RuleList(Strict):
    """A creative's rules, in order: the first that holds wins."""

    rules = List(Nested(RuleFields), required=True, validate=Length(0, MAX_RULES))


class RuleRevision(Schema):
    """One list of rules; its version is the creative's."""

    version = Integer(required=True)
    changed_by = String(required=True)
    changed_at = Moment(required=True)
    rules = List(Nested(RuleFields), required=True)


class RuleRevisionPage(Schema):
    """A page of the lists of rules that a creative has had, the newest first."""

    items = List(Nested(RuleRevision), required=True)
    next_cursor = String(required=True, allow_none=True)


class DryRunQuery(Schema):
    """Whom to take the reader for."""

    at = Moment(load_default=None, metadata={"description": "When; now if it isn't given."})
    country = String(load_default=None, validate=Regexp(r"^[A-Z]{2}\Z"))
    language = String(load_default=None, validate=Regexp(r"^[a-z]{2,3}\Z"))
    device = String(load_default=Device.OTHER.value, validate=OneOf([each.value for each in Device]))
    scans = Integer(
        load_default=None,
        validate=Range(0, MAX_COUNT),
        metadata={"description": "Scans before this one; the true number if it isn't given."},
    )
    bucket = Integer(
        load_default=0, validate=Range(0, 99), metadata={"description": "The reader's place among 100."}
    )


class Step(Schema):
    """What became of one thing that could have been the answer."""

    subject = String(required=True)
    destination_id = UUID(required=True, allow_none=True)
    wins = Boolean(required=True)
    why = String(required=True)


class DryRun(Schema):
    """Which answer a reader would get, and why; nothing is counted."""

    content = Nested(Content, required=True)
    steps = List(Nested(Step), required=True)
