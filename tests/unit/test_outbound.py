"""Requests to addresses that users gave: where they go, and where they never do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from o2o.errors import TargetRefused
from o2o.integrations.outbound import Outbound, Unreachable

GIVE_UP_S = 20.0

INSIDE = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fd00::1]/",
    "https://[fe80::1]/",
    "https://224.0.0.1/",
    "https://0.0.0.0/",
]
MISSHAPEN = [
    "http://hooks.example/",
    "file:///etc/passwd",
    "gopher://hooks.example/",
    "https://user:word@hooks.example/",
    "https://hooks.example:22/",
    "https:///nowhere",
    "not an address",
]


def outbound(*, allow_private: bool = False, timeout_s: float = 5.0, **options: object) -> Outbound:
    return Outbound(allow_private=allow_private, timeout_s=timeout_s, **options)  # type: ignore[arg-type]


@contextmanager
def server(reply: bytes, *, drip_s: float | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """A TCP server that answers one connection with fixed bytes, or drips them until it is closed."""
    received: list[bytes] = []
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(GIVE_UP_S)

        def serve() -> None:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                return  # nobody came: what the test awaits fails by itself
            with connection:
                received.append(connection.recv(65536))
                try:
                    for byte in reply if drip_s else ():
                        connection.sendall(bytes([byte]))
                        if closing.wait(drip_s):
                            return
                    connection.sendall(reply)
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/", received
        finally:
            closing.set()
            thread.join()


@pytest.mark.parametrize("url", INSIDE)
def test_addresses_inside_are_refused(url: str) -> None:
    with pytest.raises(Unreachable, match=r"refused|InvalidURL"):
        outbound().post(url, b"{}", {})


@pytest.mark.parametrize("url", MISSHAPEN)
def test_misshapen_addresses_are_refused_when_used(url: str) -> None:
    with pytest.raises(Unreachable):
        outbound(resolver=lambda *_, **__: [_answer("93.184.216.34")]).post(url, b"{}", {})


@pytest.mark.parametrize("url", MISSHAPEN)
def test_misshapen_addresses_are_refused_when_given(url: str) -> None:
    with pytest.raises(TargetRefused):
        outbound().check(url)


def test_a_proper_address_passes_the_check() -> None:
    outbound().check("https://hooks.example/print-to-pin?x=1")
    outbound().check("https://hooks.example:8443/")


def test_a_name_that_points_inside_is_refused() -> None:
    with pytest.raises(Unreachable, match="refused"):
        outbound(resolver=lambda *_, **__: [_answer("10.1.2.3")]).post("https://hooks.example/", b"{}", {})


def test_a_name_is_resolved_once_and_one_answer_inside_spoils_it() -> None:
    asked: list[object] = []

    def rebind(host: object, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [_answer("93.184.216.34"), _answer("127.0.0.1")]

    with pytest.raises(Unreachable, match="refused"):
        outbound(resolver=rebind).post("https://hooks.example/", b"{}", {})
    assert len(asked) == 1


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """A name that turns inside after the check gets no second look-up to profit from."""
    with server(b"HTTP/1.1 204 No Content\r\n\r\n") as (url, received):
        port = int(url.rsplit(":", 1)[1].rstrip("/"))
        answers = iter([[_answer("127.0.0.1", port)]])
        reply = outbound(allow_private=True, resolver=lambda *_, **__: next(answers)).post(
            f"http://hooks.example:{port}/", b"{}", {"x-test": "1"}
        )
    assert reply.status == 204
    assert b"host: hooks.example" in received[0].lower()
    assert b"x-test: 1" in received[0].lower()


def test_redirects_are_not_followed() -> None:
    with server(b"HTTP/1.1 302 Found\r\nLocation: https://hooks.example/\r\nContent-Length: 0\r\n\r\n") as (
        url,
        received,
    ):
        reply = outbound(allow_private=True).post(url, b"{}", {})
    assert reply.status == 302
    assert len(received) == 1


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (url, _):
        assert outbound(allow_private=True).post(url, b"{}", {}).status == 200


def test_a_reply_that_drips_is_cut_off() -> None:
    """Each byte comes in time, all of them together never would."""
    reply = b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1000
    with server(reply, drip_s=0.05) as (url, _), pytest.raises(Unreachable, match="no answer within"):
        outbound(allow_private=True, timeout_s=0.4).post(url, b"{}", {})


def test_an_endless_reply_is_not_read() -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 100_000
    with server(reply) as (url, _):
        assert outbound(allow_private=True).post(url, b"{}", {}).status == 200


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable):
        outbound(allow_private=True).post(f"http://127.0.0.1:{port}/", b"{}", {})


def _answer(address: str, port: int = 443) -> tuple[object, ...]:
    """What `socket.getaddrinfo` gives for an IPv4 address."""
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
