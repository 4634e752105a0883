# The part of pycurl that the courier to Apple uses; pycurl itself declares no types.

from typing import Final, Generic, TypeVar

_Handle = TypeVar("_Handle", bound=Curl)

class Curl:
    def __init__(self) -> None: ...
    def setopt(self, option: int, value: object) -> None: ...
    def getinfo(self, info: int) -> int: ...  # of the numbers below
    def close(self) -> None: ...

class CurlMulti(Generic[_Handle]):
    def __init__(self) -> None: ...
    def setopt(self, option: int, value: int) -> None: ...
    def add_handle(self, curl: _Handle) -> None: ...
    def remove_handle(self, curl: _Handle) -> None: ...
    def perform(self) -> tuple[int, int]: ...
    def info_read(self) -> tuple[int, list[_Handle], list[tuple[_Handle, int, str]]]: ...
    def fdset(self) -> tuple[list[int], list[int], list[int]]: ...
    def timeout(self) -> int: ...
    def close(self) -> None: ...

BUFFERSIZE: Final[int]
CAINFO: Final[int]
HTTPHEADER: Final[int]
HTTP_VERSION: Final[int]
NOSIGNAL: Final[int]
OPENSOCKETFUNCTION: Final[int]
PIPEWAIT: Final[int]
POSTFIELDS: Final[int]
PROTOCOLS: Final[int]
PROXY: Final[int]
REQUEST_TARGET: Final[int]
SSLCERT_BLOB: Final[int]
SSLKEY_BLOB: Final[int]
SSLVERSION: Final[int]
TIMEOUT_MS: Final[int]
UPLOAD_BUFFERSIZE: Final[int]
URL: Final[int]
WRITEFUNCTION: Final[int]

M_MAX_CONCURRENT_STREAMS: Final[int]
M_MAX_HOST_CONNECTIONS: Final[int]
M_PIPELINING: Final[int]
PIPE_MULTIPLEX: Final[int]

CURL_HTTP_VERSION_2TLS: Final[int]
CURL_HTTP_VERSION_2_0: Final[int]
PROTO_HTTPS: Final[int]
SSLVERSION_TLSv1_2: Final[int]

INFO_HTTP_VERSION: Final[int]
QUEUE_TIME_T: Final[int]
REQUEST_SIZE: Final[int]
RESPONSE_CODE: Final[int]
RETRY_AFTER: Final[int]

E_COULDNT_CONNECT: Final[int]
E_COULDNT_RESOLVE_HOST: Final[int]
E_OPERATION_TIMEDOUT: Final[int]
E_PEER_FAILED_VERIFICATION: Final[int]
E_SSL_CACERT_BADFILE: Final[int]
E_SSL_CERTPROBLEM: Final[int]
E_SSL_CONNECT_ERROR: Final[int]
E_UNSUPPORTED_PROTOCOL: Final[int]
E_URL_MALFORMAT: Final[int]
