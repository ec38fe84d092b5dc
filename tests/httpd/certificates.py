# SPDX-License-Identifier: Apache-2.0
"""An authority of the tests' own and what it signs: for servers by the name localhost, and for people with an e-mail address."""

import subprocess


class Authority:
    """Makes files in `folder`: ca.pem, and NAME.pem with NAME.key for each certificate."""

    def __init__(self, folder):
        self.folder = folder
        self.request("ca", "/CN=Test authority")
        self.openssl("req", "-x509", "-key", folder / "ca.key", "-subj", "/CN=Test authority", "-days", "2", "-out",
                     folder / "ca.pem")
        self.ca = folder / "ca.pem"

    @staticmethod
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def request(self, name, subject):
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                     self.folder / f"{name}.key", "-subj", subject, "-out", self.folder / f"{name}.csr")

    def sign(self, name, subject, alternative):
        """The certificate, and beside it NAME.key; NAME.both has the two in one."""
        self.request(name, subject)
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"basicConstraints=critical,CA:FALSE\nsubjectAltName={alternative}\n", encoding="utf-8")
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self.openssl("x509", "-req", "-in", self.folder / f"{name}.csr", "-CA", self.ca, "-CAkey", self.folder / "ca.key",
                     "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate)
        (self.folder / f"{name}.both").write_bytes(key.read_bytes() + certificate.read_bytes())
        return certificate

    def server(self, name="server"):
        return self.sign(name, "/CN=localhost", "DNS:localhost,IP:127.0.0.1")

    def person(self, name, address):
        return self.sign(name, f"/CN={name}/emailAddress={address}", f"email:{address}")
