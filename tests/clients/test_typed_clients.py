# SPDX-License-Identifier: Apache-2.0
"""Toolkits that know the service from its published description alone, each through the same scenario. Neither the toolkits
nor the description are patched for it; a toolkit that is not there is a failure."""

import pytest
from lxml import etree

from tests.clients.drivers import CLIENT_CLASSES, Zeep
from tests.clients.scenario import OPERATIONS, Scenario

BASE = "http://127.0.0.1:{port}/EWS"


@pytest.fixture(params=CLIENT_CLASSES)
def client(request, env, account):
    made = CLIENT_CLASSES[request.param](BASE.format(port=env.port), account.address, env.passwords[account.address])
    yield made
    made.close()


def test_scenario(env, account, sales, client):
    def migration():
        return {"on": True, "off": False}[env.ctl("migration", "show", account.address).strip()]

    Scenario(client, sales, migration).run()


def test_published_description(env, account):
    """What the clients are made from is ours, with the address of this server in it and nothing else changed."""
    for name in ("Services.wsdl", "messages.xsd", "types.xsd"):
        reply = env.request("GET", f"/EWS/{name}", user=account.address)
        wanted = (env.scratch / "wsdl" / name).read_bytes().replace(b"@EWS_URL@", f"{BASE}/Exchange.asmx".format(port=env.port).encode())
        assert (reply.status, reply.body) == (200, wanted)
        etree.fromstring(reply.body)


def test_zeep_sees_thirteen_operations(env, account):
    made = Zeep(BASE.format(port=env.port), account.address, env.passwords[account.address])
    port, = made.client.wsdl.services["ExchangeServices"].ports.values()
    assert set(port.binding.all()) == OPERATIONS
    made.close()
