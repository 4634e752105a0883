"""A stand-in for Google Wallet that takes everything: HTTP/1.1 over kept connections, one answer.

Run: python -m benchmarks.google_sink; prints its port. Ends with its standard input.
"""

import asyncio
import json
import re
import sys

_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
_BODY = json.dumps(
    {
        "access_token": "ya29.of-the-sink",
        "expires_in": 3599,
        "kind": "walletobjects#loyaltyObject",
        "state": "active",
        "hasUsers": True,
        "textModulesData": [{"id": "reward", "header": "Reward", "body": "A free coffee"}] * 10,
    }
).encode()
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(_ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_main())
