"""A `.pkpass` opened as a phone opens it: zip, manifest, signature and rules, all of them told."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from webhooks.simulators.findings import Finding
from webhooks.simulators.signature import signature_findings
from webhooks.simulators.strict import rule_findings

MEDIA_TYPE = "application/vnd.apple.pkpass"

_MAX_FILES = 500
_MAX_BYTES = 50 << 20  # unpacked
_OUTSIDE_MANIFEST = frozenset({"manifest.json", "signature"})


@dataclass(frozen=True, slots=True, eq=False)
class Package:
    """The files of a pass that could be opened, and its pass.json."""

    files: Mapping[str, bytes] = field(repr=False)
    document: Mapping[str, object] = field(repr=False)

    @property
    def serial_number(self) -> str:
        return self._text("serialNumber")

    @property
    def pass_type(self) -> str:
        return self._text("passTypeIdentifier")

    @property
    def organization_name(self) -> str:
        return self._text("organizationName")

    @property
    def description(self) -> str:
        return self._text("description")

    @property
    def token(self) -> str:
        """The authentication token; empty when the pass has no web service."""
        return self._text("authenticationToken")

    @property
    def web_service_url(self) -> str:
        """Without a slash at its end; empty when the pass never updates."""
        return self._text("webServiceURL").rstrip("/")

    @property
    def voided(self) -> bool:
        return self.document.get("voided") is True

    @property
    def code(self) -> str:
        """The message of the first barcode, which tills read; empty without one."""
        codes = self.document.get("barcodes")
        first = codes[0] if isinstance(codes, list) and codes else None
        return str(first.get("message", "")) if isinstance(first, dict) else ""

    @property
    def edition(self) -> str:
        """A short name of exactly this version of the pass."""
        return hashlib.sha256(self.manifest).hexdigest()[:12]

    @property
    def manifest(self) -> bytes:
        """What tells two packages apart."""
        return self.files.get("manifest.json", b"")

    def picture(self, kind: str) -> bytes | None:
        """The sharpest PNG of a kind: icon, logo or strip."""
        names = (f"{kind}@3x.png", f"{kind}@2x.png", f"{kind}.png")
        return next((self.files[name] for name in names if name in self.files), None)

    def _text(self, key: str) -> str:
        value = self.document.get(key)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of opening a pass; `package` is None when it cannot even be read."""

    package: Package | None
    findings: tuple[Finding, ...]

    @property
    def objections(self) -> tuple[Finding, ...]:
        """Those for which a phone refuses the pass."""
        return tuple(one for one in self.findings if one.fatal)


def examine(data: bytes, roots: Sequence[x509.Certificate], now: datetime) -> Examined:
    """Open a pass and tell everything wrong with it; `roots` are those the phone trusts."""
    try:
        files = _unzip(data)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        return Examined(None, (Finding("zip_unreadable", "pkpass", f"It is no zip: {error}."),))
    document, findings = _document(files)
    findings += _manifest_findings(files)
    if "signature" not in files:
        findings.append(Finding("file_missing", "signature", "The pass is not signed."))
    else:
        findings += signature_findings(
            files["signature"],
            files.get("manifest.json", b""),
            roots,
            document.get("passTypeIdentifier") if document else None,
            document.get("teamIdentifier") if document else None,
            now,
        )
    if document is None:
        return Examined(None, tuple(findings))
    return Examined(Package(files, document), (*findings, *rule_findings(document, files)))


def _unzip(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = [one for one in archive.infolist() if not one.is_dir()]
        if len(entries) > _MAX_FILES or sum(one.file_size for one in entries) > _MAX_BYTES:
            raise zipfile.BadZipFile("it holds more than any pass does")
        return {_name(one.filename): archive.read(one) for one in entries}


def _name(name: str) -> str:
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise zipfile.BadZipFile(f"it holds a file named {name!r}")
    return name


def _document(files: Mapping[str, bytes]) -> tuple[dict[str, object] | None, list[Finding]]:
    if "pass.json" not in files:
        detail = "The files must lie at the top of the zip, not in a folder."
        return None, [Finding("file_missing", "pass.json", detail)]
    document = _json_object(files["pass.json"])
    if document is None:
        return None, [Finding("json_unreadable", "pass.json", "It is no JSON object in UTF-8.")]
    return document, []


def _manifest_findings(files: Mapping[str, bytes]) -> Iterator[Finding]:
    if "manifest.json" not in files:
        yield Finding("file_missing", "manifest.json", "Every pass lists its files there.")
        return
    manifest = _json_object(files["manifest.json"])
    if manifest is None:
        yield Finding("json_unreadable", "manifest.json", "It is no JSON object in UTF-8.")
        return
    for name in sorted(manifest.keys() - files.keys()):
        yield Finding("file_missing", name, "The manifest lists it, and it is not there.")
    for name in sorted(files.keys() - manifest.keys() - _OUTSIDE_MANIFEST):
        yield Finding("file_unlisted", name, "It is there, and the manifest does not list it.")
    for name in sorted(manifest.keys() & files.keys()):
        sha1 = hashlib.sha1(files[name], usedforsecurity=False).hexdigest()
        if manifest[name] != sha1:
            detail = f"The manifest says {manifest[name]}, the file's SHA-1 is {sha1}."
            yield Finding("manifest_hash_mismatch", name, detail)


def _json_object(data: bytes) -> dict[str, object] | None:
    try:
        document = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
