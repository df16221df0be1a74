"""Round trips: a small request, answered before the next one, over one TCP connection.

``python -m bench.pingpong serve PORT`` answers until it is ended; ``ask ADDRESS PORT SECONDS`` prints as JSON the
microseconds that half and 99 % of the round trips took at most, and their number.
"""

from __future__ import annotations

import json
import socket
import sys
import time

BYTES = 64
_WARM_UP = 200
"""Round trips that do not count."""


def serve(port: int) -> None:
    with socket.create_server(("", port)) as listener:
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while request := connection.recv(BYTES):
                    connection.sendall(request)


def ask(address: str, port: int, seconds: float) -> dict[str, float]:
    """Raises OSError, ConnectionError when the other end closes."""
    took: list[float] = []
    with socket.create_connection((address, port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = bytes(BYTES)
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end or len(took) <= _WARM_UP:
            connection.sendall(request)
            left = BYTES
            while left:
                answer = connection.recv(left)
                if not answer:
                    raise ConnectionError("the server closed the connection")
                left -= len(answer)
            took.append(time.perf_counter() - start)
    took = sorted(took[_WARM_UP:])
    share = {name: round(1e6 * took[int(part * (len(took) - 1))], 1) for name, part in (("p50", 0.5), ("p99", 0.99))}
    return {**share, "count": len(took)}


def main() -> int:
    try:
        if sys.argv[1] == "serve":
            serve(int(sys.argv[2]))
        else:
            print(json.dumps(ask(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
    except OSError as error:
        print(f"pingpong: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
