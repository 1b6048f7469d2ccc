"""The least an HTTP server in Python can do: one epoll loop, one canned answer, nothing parsed.

`python -m bench.canned PORT` serves until it is ended.
"""

from __future__ import annotations

import select
import socket
import sys

BODY = b'{"message":"hello"}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
ANSWER = HEAD % len(BODY) + BODY
RECEIVE_BYTES = 65536
BACKLOG = 512


def serve(port: int) -> None:
    """Answer whatever comes, until the process is ended."""
    listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    clients: dict[int, socket.socket] = {}
    while True:
        for number, _mask in poll.poll():
            if number == listener.fileno():
                client, _address = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[client.fileno()] = client
                poll.register(client.fileno(), select.EPOLLIN)
            elif _receive(clients[number]):
                clients[number].send(ANSWER)
            else:
                poll.unregister(number)
                clients.pop(number).close()


def _receive(client: socket.socket) -> bytes:
    try:
        return client.recv(RECEIVE_BYTES)
    except ConnectionError:
        return b""


if __name__ == "__main__":
    serve(int(sys.argv[1]))
