# SPDX-License-Identifier: Apache-2.0
"""What clients are told when the store holds what it did not write."""

import mmap

from tests.httpd import report, soap
from tests.httpd.env import Env

# The key of the format record, and the record: version, checksum, format.
FORMAT_1 = bytes.fromhex("01 01 24ec2a70 01")
FORMAT_2 = bytes.fromhex("01 01 37bcd984 02")

def flip(store, text):
    """Changes one bit of `text` wherever it stands in the data file, behind the server's back."""
    with open(store / "data.mdb", "r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        at, found = data.find(text.encode()), 0
        while at >= 0:
            data[at] ^= 1
            found += 1
            at = data.find(text.encode(), at + 1)
    assert found, f"{text} is not in the file"


def test_damaged_record():
    """An answer never holds what the checksum does not vouch for; other mailboxes are served as before."""
    with Env() as env:
        account, other = env.account(), env.account()
        contact, group = account.add_contact("victim@contoso.com"), account.add_group("Group")
        both = {"ContactId": contact.id, "GroupId": group.id}
        flip(env.store, "victim@contoso.com")
        env.expect_log(r"EWSIM0053: ErrorInternalServerError: .*ews-imctl check")
        env.expect_log(r"EWSIM0053: ErrorUnableToRemoveImContactFromGroup: .*ews-imctl check")
        for operation, children, expected in (
                ("GetImItemList", {}, "ErrorInternalServerError"),
                ("GetImItems", {"ContactIds": [contact.id]}, "ErrorInternalServerError"),
                ("AddImContactToGroup", both, "ErrorInternalServerError"),
                ("RemoveContactFromImList", {"ContactId": contact.id}, "ErrorInternalServerError"),
                ("RemoveImContactFromGroup", both, "ErrorUnableToRemoveImContactFromGroup")):
            reply = account.call(operation, **children)
            report.line("Store failures", f"damaged contact: {operation}", reply.code)
            assert (reply.status, reply.code) == (200, expected)
            assert b"wictim" not in reply.body and b"victim" not in reply.body
        assert other.add_contact("victim@contoso.com") and other.im_list().addresses == ["victim@contoso.com"]
        assert not env.check_log()


def test_damaged_right():
    with Env() as env:
        env.ctl("mailbox", "add", "terry@contoso.com")
        env.ctl("right", "grant", "deputy@contoso.com", "terry@contoso.com")
        flip(env.store, "deputy@contoso.com")
        env.expect_log(r"EWSIM0043: ErrorImpersonationFailed: .*ews-imctl check")
        header = (f"{soap.VERSION}<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>terry@contoso.com</t:SmtpAddress>"
                  "</t:ConnectingSID></t:ExchangeImpersonation>")
        reply = env.soap(soap.envelope("<m:GetImItemList/>", header=header), env.user("deputy@contoso.com"))
        report.line("Store failures", "damaged right: ExchangeImpersonation", reply.code)
        assert (reply.fault, reply.code) == (True, "ErrorImpersonationFailed")
        assert not env.check_log()


def test_newer_format():
    """A store that a later version of the software wrote is not touched, neither here nor there."""
    with Env() as env:
        account = env.account()
        account.add_contact("friend@contoso.com")
        env.stop()
        data = (env.store / "data.mdb").read_bytes()
        assert FORMAT_1 in data
        (env.store / "data.mdb").write_bytes(newer := data.replace(FORMAT_1, FORMAT_2))
        for command in (["check"], ["stat"], ["mailbox", "list"], ["list", "show", account.address],
                        ["mailbox", "add", "x@contoso.com"], ["compact"], ["backup", env.scratch / "backup.mdb"]):
            done = env.ctl(*command, check=False)
            assert (done.returncode, done.stdout) == (3, ""), command
            assert "format 2; this version of the software knows formats up to 1" in done.stderr, done.stderr
            assert "use the version of this software that wrote it" in done.stderr, done.stderr
        report.line("Store failures", "newer format: ews-imctl", "exit code 3")
        env.expect_log("EWSIM0011.*TooNew.*format 2")
        env.expect_log("EWSIM0053: ErrorMailboxStoreUnavailable")
        env.start()
        for operation, children in (("GetImItemList", {}), ("AddImGroup", {"DisplayName": "no"})):
            reply = account.call(operation, **children)
            report.line("Store failures", f"newer format: {operation}", reply.code)
            assert (reply.status, reply.code) == (200, "ErrorMailboxStoreUnavailable")
        env.stop()
        assert (env.store / "data.mdb").read_bytes() == newer
        (env.store / "data.mdb").write_bytes(data)
        env.start()
        assert account.im_list().addresses == ["friend@contoso.com"]
        assert not env.check_log()
