"""The codec's one error tree: broken contracts only, an unreadable capture is a value."""


class WatermarkError(ValueError):
    """An argument breaks the codec's contract; the message says which and how to mend it."""


class HostTooSmall(WatermarkError):
    """The host holds too few chips for a mark at this dpi."""
