"""Who we are: keys, certificates, signatures, their expiry and renewal."""
