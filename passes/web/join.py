"""Joining by QR: one page, at most a few fields, no account. A double tap makes one member."""

from flask import Blueprint

blueprint = Blueprint("join", __name__)
