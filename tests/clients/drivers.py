# SPDX-License-Identifier: Apache-2.0
"""The typed SOAP clients behind one face: python3-zeep in this process, the npm package soap and a gSOAP proxy as programs.

    client.call("AddImGroup", DisplayName="Friends")   # as Answer; version="Exchange2010" for another version header

What a client understood comes as plain values: class, code, text, message_xml (as text), version (of ServerVersionInfo),
group, persona, list with groups and personas; or fault with code and text. The bytes of each answer are checked as well.
"""

import hashlib
import json
import os
import queue
import re
import shutil
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace

import requests
import zeep
import zeep.helpers
from lxml import etree

from tests.schema.validate import validate_reply

CLIENTS = Path(__file__).resolve().parent
ROOT = CLIENTS.parents[1]
BUILD = ROOT / os.environ.get("BUILD", "build")
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
SECONDS = 30


class Answer(SimpleNamespace):
    """What a client understood; a field that is not there is None."""

    def __getattr__(self, name):
        return None

    @property
    def ok(self):
        return (self.kind, self.code) == ("Success", "NoError")


def plain(values):
    """Dictionaries to namespaces, all the way down."""
    if isinstance(values, dict):
        return Answer(**{"kind" if key == "class" else key: plain(value) for key, value in values.items()})
    return [plain(value) for value in values] if isinstance(values, list) else values


class Client:
    def call(self, operation, version="Exchange2013", **arguments):
        values, raw = self.exchange(operation, version, {key: value for key, value in arguments.items() if value is not None})
        problems = validate_reply(raw)
        assert not problems, f"{operation}: {problems}\n{raw.decode(errors='replace')}"
        return plain(values)


# ---- python3-zeep

class Zeep(Client):
    def __init__(self, base, user, password):
        session = requests.Session()
        session.trust_env = False
        session.auth = (user, password)
        session.hooks["response"].append(self.keep)
        self.raw = b""
        self.client = zeep.Client(f"{base}/Services.wsdl", settings=zeep.Settings(strict=True), transport=zeep.Transport(
            session=session, timeout=SECONDS, operation_timeout=SECONDS))

    def keep(self, response, **_):
        self.raw = response.content

    def exchange(self, operation, version, arguments):
        given = {}
        for name, value in arguments.items():
            if isinstance(value, list):
                child = "ExtendedProperty" if name == "ExtendedProperties" else "ItemId"
                value = {"_value_1": [{child: item} for item in value]}
            given[name] = value
        try:
            reply = self.client.service[operation](**given, _soapheaders={"RequestVersion": {"Version": version}})
        except zeep.exceptions.Fault as fault:
            return {"fault": {"code": fault.code, "text": fault.message}}, self.raw
        values = zeep.helpers.serialize_object(reply, dict)
        return self.understood(values["body"], values.get("header")), self.raw

    def understood(self, body, header):
        answer = {"class": body["ResponseClass"], "code": body["ResponseCode"], "text": body["MessageText"]}
        if header and header.get("ServerVersion"):
            answer["version"] = header["ServerVersion"]["Version"]
        if body["MessageXml"] is not None:
            answer["message_xml"] = "".join(etree.tostring(node, encoding="unicode") for node in body["MessageXml"]["_value_1"])
        if body.get("Persona"):
            answer["persona"] = self.persona(body["Persona"])
        if body.get("ImGroup"):
            answer["group"] = self.group(body["ImGroup"])
        if body.get("ImItemList") is not None:
            everything = body["ImItemList"]
            answer["list"] = {"groups": [self.group(item["ImGroup"]) for item in self.chosen(everything["Groups"])],
                              "personas": [self.persona(item["Persona"]) for item in self.chosen(everything["Personas"])]}
        return answer

    @staticmethod
    def chosen(value):
        return (value or {}).get("_value_1") or []

    @staticmethod
    def all(value, name):
        return (value or {}).get(name) or []

    def property(self, value):
        return [value["ExtendedFieldURI"]["PropertyTag"], value["Value"]]

    def group(self, value):
        return {"name": value["DisplayName"], "type": value["GroupType"], "id": value["ExchangeStoreId"]["Id"],
                "change_key": value["ExchangeStoreId"]["ChangeKey"],
                "members": [item["Id"] for item in self.all(value["MemberCorrelationKey"], "ItemId")],
                "smtp_address": value["SmtpAddress"],
                "properties": [self.property(item) for item in self.all(value["ExtendedProperties"], "ExtendedProperty")]}

    def persona(self, value):
        source = value["Attributions"]["Attribution"][0]
        return {"id": source["SourceId"]["Id"], "change_key": source["SourceId"]["ChangeKey"],
                "persona_id": value["PersonaId"]["Id"], "name": value["DisplayName"],
                "first_last": value["DisplayNameFirstLast"], "address": value["ImAddress"],
                "emails": [item["EmailAddress"] for item in self.all(value["EmailAddresses"], "Address")],
                "phones": [item["Value"]["Number"] for item in self.all(value["OtherTelephones"], "PhoneNumberAttributedValue")],
                "quick": source["IsQuickContact"] is True, "hidden": source["IsHidden"] is True,
                "properties": [self.property(item["Value"])
                               for item in self.all(value["ExtendedProperties"], "ExtendedPropertyAttributedValue")]}

    def close(self):
        self.client.transport.session.close()


# ---- Programs that speak JSON, a line for a request and a line for an answer

class Program(Client):
    def __init__(self, command, **environment):
        variables = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=variables | environment)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def exchange(self, operation, version, arguments):
        self.process.stdin.write(json.dumps({"operation": operation, "version": version, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        try:
            line = self.lines.get(timeout=SECONDS)
        except queue.Empty:
            line = ""
        if not line:
            self.process.kill()
            raise AssertionError(f"{operation}: the client gave up\n{self.process.stderr.read()}")
        values = json.loads(line)
        raw = values.pop("raw").encode()
        return values, raw.split(b"\r\n\r\n", 1)[1] if raw.startswith(b"HTTP/") else raw

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process.stderr.close()


class Node(Program):
    def __init__(self, base, user, password):
        modules = ROOT / "build" / "npm" / "node_modules"
        assert (modules / "soap").is_dir(), f"the npm package soap is not in {modules}: make deps"
        super().__init__(["node", str(CLIENTS / "node_client.js"), f"{base}/Services.wsdl", user, password], NODE_PATH=str(modules))


class GSoap(Program):
    """Generates and compiles a proxy from what the server publishes; kept in the build folder by the content of all it is
    made from, the server's address left out."""

    def __init__(self, base, user, password):
        super().__init__([str(self.made_from(base, user, password)), f"{base}/Exchange.asmx", user, password])

    @staticmethod
    def made_from(base, user, password):
        wsdl = ["wsdl2h", "-c++17", "-o", "ews.h", f"-r:{user}:{password}", f"{base}/Services.wsdl"]
        source = CLIENTS / "gsoap_client.cc"
        digest = hashlib.sha256(source.read_bytes())
        session = requests.Session()
        session.trust_env = False
        for name in ("Services.wsdl", "messages.xsd", "types.xsd"):
            reply = session.get(f"{base}/{name}", auth=(user, password), timeout=SECONDS)
            reply.raise_for_status()
            digest.update(re.sub(rb'location="http[^"]*"', b"", reply.content))
        folder = BUILD / "gsoap" / digest.hexdigest()[:32]
        program = folder / "gsoap_client"
        if not program.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            libraries = subprocess.run(["pkg-config", "--cflags", "--libs", "gsoap++"], capture_output=True, text=True, check=True)
            for command in (wsdl, ["soapcpp2", "-C", "-j", "-x", "-L", "-1", "-I/usr/share/gsoap/import", "ews.h"],
                            ["g++", "-std=c++17", "-O0", "-w", "-I.", str(source), "soapC.cpp",
                             "soapExchangeServiceBindingProxy.cpp", "-o", "gsoap_client.new", *libraries.stdout.split()]):
                done = subprocess.run(["nice", *command], cwd=folder, capture_output=True, text=True, check=False, timeout=300)
                assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
            (folder / "gsoap_client.new").rename(program)
        return program


CLIENT_CLASSES = {"zeep": Zeep, "node-soap": Node, "gsoap": GSoap}
