"""gunicorn's threaded worker, which also takes its hands off the door when it is told to stop."""

from __future__ import annotations

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Closes its listeners at once: gunicorn 27 does so after the last answer.

    Until then the kernel would go on taking connections, which wait for nobody and are reset in the end; when
    they are refused, a proxy goes elsewhere.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take connections or no more."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                listener.close()
