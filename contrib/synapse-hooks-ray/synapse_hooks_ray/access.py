"""Whether a cluster lets this process in: a question to its head node, and the token of a cluster of this machine.

Ray requires a token where `RAY_AUTH_MODE` is `token`. A process has it from `RAY_AUTH_TOKEN`, the file that
`RAY_AUTH_TOKEN_PATH` names, or `~/.ray/auth_token`. A client that has none, or another one, is refused; Ray then tries
for 20 seconds, and reports that it cannot connect. So one call of gRPC to the head node comes first.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from synapse_hooks.errors import LaunchError
from synapse_hooks.storage import read_file

_SECONDS: Final = 10.0
"""To wait for an answer of the head node. Ray itself waits for two minutes."""
_MODE: Final = 'RAY_AUTH_MODE'
_TOKEN: Final = 'RAY_AUTH_TOKEN'
_PATH: Final = 'RAY_AUTH_TOKEN_PATH'
_PREFACE: Final = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
"""How a client of HTTP/2, which gRPC is, begins: RFC 9113, section 3.4."""
_DATA, _HEADERS, _RESET, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
"""Types of frames: RFC 9113, section 6."""
_END_STREAM, _END_HEADERS = 1, 4
_CALL: Final = '/ray.rpc.NodeInfoGcsService/GetClusterId'
_CALL_OF_CLIENT: Final = '/ray.rpc.RayletDriver/ClusterInfo'
_REFUSED: Final = b'grpc-status\x0216'
"""The header with the code UNAUTHENTICATED, as servers of gRPC encode it."""
_LONGEST: Final = 1 << 16

_own_token: Final = secrets.token_hex(32)


def require_access(address: str, environ: Mapping[str, str] = os.environ) -> None:
    """Raise an error unless a head node answers at an address, and lets this process in.

    Args:
        address: `HOST:PORT`, or `ray://HOST:PORT` for the server of Ray Client.
        environ: The variables that say which token this process has.

    Raises:
        LaunchError: There is no head node, or it requires another token.
    """
    scheme, _, place = address.rpartition('://')
    host, _, port = place.rpartition(':')
    hint = 'check the address, and that the cluster is up: `ray status --address=HOST:PORT`'
    token = token_of(environ)
    try:
        with socket.create_connection((host.strip('[]'), int(port)), timeout=_SECONDS) as connection:
            if environ.get('RAY_USE_TLS', '0') != '0':
                return
            connection.settimeout(_SECONDS)
            is_head, is_refused = _ask(connection, _request(_CALL_OF_CLIENT if scheme else _CALL, place, token))
    except OSError as error:
        raise LaunchError(f'the Ray cluster at {address} cannot be reached: {error}', hint=hint) from error
    if not is_head:
        raise LaunchError(f'what answers at {address} is not the head node of a Ray cluster', hint=hint)
    if is_refused:
        raise refusal(address, 'has none' if token is None else 'has another one')


def refusal(address: str, why: str) -> LaunchError:
    """The error for a cluster that requires a token which this process does not have.

    Args:
        address: That of the cluster.
        why: What the process has instead.
    """
    return LaunchError(
        f'the Ray cluster at {address} requires a token, and this process {why}',
        hint=f'set {_MODE}=token, and {_TOKEN} to what `ray get-auth-token` prints on the head node '
        '(or write it into ~/.ray/auth_token)',
    )


def token_of(environ: Mapping[str, str] = os.environ) -> str | None:
    """The token that Ray would send from this process; None where it sends none."""
    if environ.get(_MODE, '').lower() != 'token':
        return None
    if environ.get(_TOKEN):
        return environ[_TOKEN].strip()
    with suppress(OSError, UnicodeDecodeError):
        path = environ.get(_PATH) or Path(environ.get('HOME', '~')).expanduser() / '.ray' / 'auth_token'
        return read_file(path, limit=_LONGEST).decode().strip() or None
    return None


@contextmanager
def own_token() -> Iterator[None]:
    """While the block runs, a cluster that starts gets a token of this process, which no file has.

    Without one, every user of the machine could run code in the cluster; and Ray would leave one in the home folder. A
    token that the environment names is used as it is, and so is `RAY_AUTH_MODE=disabled`. Where no mode is set, Ray
    sets it: it must do so itself, as it has read the environment when it was imported.
    """
    before = {name: os.environ.get(name) for name in (_MODE, _TOKEN)}
    if not (os.environ.get(_TOKEN) or os.environ.get(_PATH)):
        os.environ[_TOKEN] = _own_token
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _ask(connection: socket.socket, request: bytes) -> tuple[bool, bool]:
    """Whether the other side speaks HTTP/2, and whether it refuses the token."""
    is_head = False
    # It may close the connection at once, or be silent.
    with suppress(OSError), connection.makefile('rb') as stream:
        connection.sendall(_PREFACE + _frame(_SETTINGS, 0, 0) + request)
        while len(head := stream.read(9)) == 9:
            size, kind, flags, number = int.from_bytes(head[:3]), head[3], head[4], int.from_bytes(head[5:])
            if not is_head and kind != _SETTINGS:
                break
            is_head = True
            content = stream.read(min(size, _LONGEST))
            if number == 1 and _REFUSED in content:
                return True, True
            if kind in (_RESET, _GOAWAY) or (kind in (_DATA, _HEADERS) and flags & _END_STREAM):
                break
    return is_head, False


def _request(call: str, address: str, token: str | None) -> bytes:
    headers = {
        ':method': 'POST',
        ':scheme': 'http',
        ':path': call,
        ':authority': address,
        'te': 'trailers',
        'content-type': 'application/grpc',
    }
    if token is not None:
        headers['authorization'] = f'Bearer {token}'
    block = b''.join(b'\0' + _text(name) + _text(value) for name, value in headers.items())
    # The message is empty: it is not compressed, and has 0 bytes.
    return _frame(_HEADERS, _END_HEADERS, 1, block) + _frame(_DATA, _END_STREAM, 1, bytes(5))


def _frame(kind: int, flags: int, stream: int, content: bytes = b'') -> bytes:
    return len(content).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + content


def _text(value: str) -> bytes:
    """A literal of HPACK: its length with a prefix of seven bits, and its bytes; RFC 7541, section 5."""
    data = value.encode()
    if len(data) < 127:
        return bytes((len(data),)) + data
    rest, length = len(data) - 127, b'\x7f'
    while rest >= 128:
        length += bytes((rest % 128 + 128,))
        rest //= 128
    return length + bytes((rest,)) + data
