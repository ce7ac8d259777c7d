"""The JSON of the publisher itself, its members and their keys."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import UUID, Boolean, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range, Regexp

from o2o.http.fields import Moment, Whole
from o2o.http.registry_schemas import NOT_BLANK, Strict
from o2o.models.publisher import MAX_KEEP_PHOTOS_DAYS
from o2o.roles import Role, Scope
from o2o.services.checks import EMAIL, MAX_EMAIL_LENGTH

MAX_OVERLAP_HOURS = 24 * 30

ROLES = OneOf([each.value for each in Role])
SCOPES = OneOf([each.value for each in Scope])


class PublisherFields(Strict):
    """What a publisher decides about itself."""

    name = String(required=True, validate=[Length(1, 200), NOT_BLANK])
    keep_photos_days = Whole(
        load_default=None,
        allow_none=True,
        validate=Range(1, MAX_KEEP_PHOTOS_DAYS),
        metadata={"description": "How long photos are kept whose readers agree to it; null: none is."},
    )


class Publisher(Schema):
    """A publisher."""

    id = UUID(required=True)
    name = String(required=True)
    keep_photos_days = Integer(required=True, allow_none=True)
    version = Integer(required=True)
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


class MemberFields(Strict):
    """Someone to take in."""

    email = String(
        required=True,
        validate=[
            Length(3, MAX_EMAIL_LENGTH),
            Regexp(rf"^{EMAIL.pattern}\Z", error="This is no mail address."),
        ],
    )
    name = String(required=True, validate=[Length(1, 100), NOT_BLANK])
    role = String(required=True, validate=ROLES)


class MemberChanges(Strict):
    """What is to change about a member."""

    name = String(validate=[Length(1, 100), NOT_BLANK])
    role = String(validate=ROLES)


class Member(Schema):
    """A member."""

    id = UUID(required=True)
    email = String(required=True)
    name = String(required=True)
    role = String(required=True, validate=ROLES)
    version = Integer(required=True)
    created_at = Moment(required=True)


class MemberPage(Schema):
    """A page of members, the newest first."""

    items = List(Nested(Member), required=True)
    next_cursor = String(required=True, allow_none=True)


class KeyFields(Strict):
    """A key to make."""

    label = String(required=True, validate=[Length(1, 100), NOT_BLANK], metadata={"description": "What for."})
    scopes = List(String(validate=SCOPES), required=True, validate=Length(1, len(Scope)))
    expires_in_days = Whole(
        load_default=None,
        allow_none=True,
        validate=Range(1, 3650),
        metadata={"description": "null: never."},
    )
    member_id = UUID(
        load_default=None, allow_none=True, metadata={"description": "Whose; the asker's own by default."}
    )


class RotationFields(Strict):
    """How a key is to be replaced."""

    overlap_hours = Whole(
        required=True,
        validate=Range(0, MAX_OVERLAP_HOURS),
        metadata={"description": "For how long the old one goes on."},
    )


class Key(Schema):
    """A key, without its secret."""

    id = UUID(required=True)
    member_id = UUID(required=True)
    public_id = String(required=True, metadata={"description": "The part between `o2o_` and the secret."})
    label = String(required=True)
    scopes = List(String(validate=SCOPES), required=True)
    created_at = Moment(required=True)
    expires_at = Moment(required=True, allow_none=True)
    revoked_at = Moment(required=True, allow_none=True)
    is_valid = Boolean(required=True)


class NewKey(Key):
    """A key as it is shown this once."""

    key = String(required=True, metadata={"description": "Send it as `Authorization: Bearer KEY`."})


class KeyPage(Schema):
    """A page of keys, the newest first."""

    items = List(Nested(Key), required=True)
    next_cursor = String(required=True, allow_none=True)
