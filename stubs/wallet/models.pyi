# wallet-py3k 0.0.4, as far as we build on it.
# ruff: noqa: A002, N802, N803, N815 - the names are the library's

from collections.abc import Sequence
from typing import IO, Any

class Field:
    key: str
    value: str
    label: str
    changeMessage: str
    textAlignment: str
    def __init__(self, key: str, value: str, label: str = "") -> None: ...
    def json_dict(self) -> dict[str, Any]: ...

class Barcode:
    format: str
    message: str
    messageEncoding: str
    altText: str
    def __init__(self, message: str, format: str = ..., altText: str = "") -> None: ...
    def json_dict(self) -> dict[str, Any]: ...

class PassInformation:
    jsonname: str
    headerFields: Sequence[Field]
    primaryFields: Sequence[Field]
    secondaryFields: Sequence[Field]
    auxiliaryFields: Sequence[Field]
    backFields: Sequence[Field]
    def addHeaderField(self, key: str, value: str, label: str) -> None: ...
    def addSecondaryField(self, key: str, value: str, label: str) -> None: ...
    def addAuxiliaryField(self, key: str, value: str, label: str) -> None: ...
    def addBackField(self, key: str, value: str, label: str) -> None: ...
    def json_dict(self) -> dict[str, Any]: ...

class StoreCard(PassInformation):
    def __init__(self) -> None: ...

class Pass:
    passTypeIdentifier: str
    teamIdentifier: str
    organizationName: str
    serialNumber: str
    description: str
    formatVersion: int
    backgroundColor: str | None
    foregroundColor: str | None
    labelColor: str | None
    logoText: str | None
    barcode: Barcode | None
    webServiceURL: str | None
    authenticationToken: str | None
    voided: bool | None
    passInformation: PassInformation
    def __init__(
        self,
        passInformation: PassInformation,
        json: str = "",
        passTypeIdentifier: str = "",
        organizationName: str = "",
        teamIdentifier: str = "",
    ) -> None: ...
    def addFile(self, name: str, fd: IO[bytes]) -> None: ...
    def create(
        self,
        certificate: str,
        key: str,
        wwdr_certificate: str,
        password: str,
        zip_file: IO[bytes] | None = None,
    ) -> IO[bytes]: ...
    def json_dict(self) -> dict[str, Any]: ...
    def _createPassJson(self) -> bytes: ...
    def _createManifest(self, pass_json: bytes) -> bytes: ...
    def _createSignature(
        self, manifest: bytes, certificate: str, key: str, wwdr_certificate: str, password: str
    ) -> bytes: ...
    def _createZip(
        self,
        pass_json: bytes,
        manifest: bytes,
        signature: bytes,
        zip_file: IO[bytes] | None = None,
    ) -> None: ...
