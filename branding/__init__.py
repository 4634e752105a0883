"""How it looks: untrusted bytes and colours in; checked colours, PNGs and previews out."""
