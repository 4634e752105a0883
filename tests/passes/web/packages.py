"""A downloaded `.pkpass`, opened as Wallet opens it."""

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any
from zipfile import ZipFile

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
from werkzeug.test import TestResponse

from tests.certs.test_signing import verify


@dataclass(frozen=True)
class Package:
    """The files of a package whose every hash and whose signature are right."""

    files: dict[str, bytes]

    @classmethod
    def of(cls, answer: TestResponse) -> "Package":
        assert answer.status_code == 200, answer.text
        assert answer.content_type == "application/vnd.apple.pkpass"
        return cls.read(answer.data)

    @classmethod
    def read(cls, data: bytes) -> "Package":
        with ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            files = {name: archive.read(name) for name in archive.namelist()}
        package = cls(files)
        told = json.loads(files["manifest.json"])
        found = {
            name: hashlib.sha1(content, usedforsecurity=False).hexdigest()
            for name, content in files.items()
            if name not in {"manifest.json", "signature"}
        }
        assert told == found
        verify(files["signature"], files["manifest.json"], package.leaf_key())
        return package

    @property
    def document(self) -> Any:
        """pass.json"""
        return json.loads(self.files["pass.json"])

    @property
    def fields(self) -> dict[str, str]:
        """The values of all fields by key."""
        areas = self.document["storeCard"].values()
        return {field["key"]: field["value"] for area in areas for field in area}

    def certificates(self) -> list[x509.Certificate]:
        return load_der_pkcs7_certificates(self.files["signature"])

    def leaf_key(self) -> RSAPublicKey:
        [leaf] = [c for c in self.certificates() if c.subject.get_attributes_for_oid(_USER_ID)]
        key = leaf.public_key()
        assert isinstance(key, RSAPublicKey)
        return key


_USER_ID = x509.NameOID.USER_ID
