"""`share`: who has access to the project's folder on Google Drive."""

from tests.drive_api.conftest import ANA, BEN, CLEO, Group, NewGroup
from tests.drive_api.server import Fault, error
from tests.project.conftest import everything
from tests.screen import Screen

DORA, EVE = "dora@example.org", "eve@example.org"


def test_a_new_member_gets_access_and_a_message(group: Group) -> None:
    before = everything(group.project.root)
    done = group("share", DORA, "--yes")
    assert done.code == 0, done.err
    assert "  dora@example.org: no access -> writer" in done.err
    assert group.cloud.role(DORA, group.raw) == "writer"
    assert group.cloud.mails == [DORA]
    assert everything(group.project.root) == before  # no address in the shared folder


def test_without_a_message_if_so_wished(group: Group) -> None:
    assert group("share", DORA, EVE, "--role", "reader", "--no-email", "--yes").code == 0
    assert [group.cloud.role(who, group.folder) for who in (DORA, EVE)] == ["reader", "reader"]
    assert group.cloud.mails == []


def test_a_role_is_changed_and_taken_away(group: Group) -> None:
    done = group("share", "BEN@example.org", "--role", "reader", "--yes")
    assert "BEN@example.org: writer -> reader" in done.err
    assert group.cloud.role(BEN, group.folder) == "reader"
    assert group("share", BEN, "--remove", "--yes").code == 0
    assert group.cloud.role(BEN, group.folder) is None


def test_what_is_so_already_asks_nothing(group: Group) -> None:
    done = group("share", BEN)
    assert done.code == 0
    assert "ben@example.org: writer already" in done.err
    gone = group("share", DORA, "--remove")
    assert (gone.code, "dora@example.org: no access already" in gone.err) == (0, True)


def test_it_shows_the_change_and_asks_first(group: Group) -> None:
    refused = group("share", DORA)
    assert refused.code == 1
    assert "no access -> writer" in refused.err
    assert group.cloud.role(DORA, group.folder) is None
    arguments = ("share", DORA, "--folder-id", group.folder.id)
    with Screen(group.project, *arguments, columns=80, rows=24, **group.environ()) as screen:
        screen.until(lambda screen: "Change this on Google Drive?" in screen.text)
        screen.type("y\n")
        assert screen.end() == 0
    assert group.cloud.role(DORA, group.folder) == "writer"


def test_everyone_with_access_is_listed(group: Group) -> None:
    group.folder.roles["anyoneWithLink"] = "reader"
    done = group("share", "--list")
    assert done.code == 0
    assert sorted(done.out.splitlines()) == [
        "owner   ana@example.org       Ana",
        "reader  anyone with the link",
        "writer  ben@example.org       Ben",
        "writer  cleo@example.org      Cleo",
    ]
    people = group("share", "--list", "--json").json
    assert {"role": "writer", "who": BEN, "name": "Ben"} in people


def test_a_list_in_pages_is_whole(group: Group) -> None:
    group.cloud.page_size = 2
    assert len(group("share", "--list").out.splitlines()) == 3


def test_the_owner_keeps_the_folder(group: Group) -> None:
    for arguments in (["--remove"], ["--role", "reader"]):
        refused = group("share", ANA, *arguments, "--yes")
        assert refused.code == 1
        assert "ana@example.org owns churn" in refused.err


def test_access_from_a_folder_above_is_changed_there(new_group: NewGroup) -> None:
    group = new_group()
    above = group.cloud.add("all", ANA)
    above.roles[DORA] = "writer"
    group.folder.parent = above.id
    folder = group.cloud["all/churn"]
    refused = group.run("share", DORA, "--remove", "--yes", "--folder-id", folder.id)
    assert refused.code == 1
    assert "dora@example.org is writer of a folder above churn" in refused.err
    above.roles[DORA] = "reader"
    folder.roles[DORA] = "writer"  # so that more than reading can be taken away, but not all
    again = group.run("share", DORA, "--remove", "--yes", "--folder-id", folder.id)
    assert "dora@example.org is reader of a folder above churn" in again.err
    lower = group.run("share", DORA, "--role", "reader", "--yes", "--folder-id", folder.id)
    assert (lower.code, group.cloud.role(DORA, folder)) == (0, "reader")


def test_a_group_is_shared_with_as_a_group(group: Group) -> None:
    assert group("share", "group@example.org", "--group", "--yes").code == 0
    (body,) = [call.body for _, call in group.server.calls if call.name == "permissions.create"]
    assert body == {"type": "group", "role": "writer", "emailAddress": "group@example.org"}


def test_one_wrong_address_does_not_stop_the_others(group: Group) -> None:
    done = group("share", "nobody@example.org", DORA, "--yes")
    assert done.code == 1
    assert "refused: nobody@example.org:" in done.err
    assert group.cloud.role(DORA, group.folder) == "writer"
    assert "1 person changed" in done.err


def test_what_is_no_address_is_refused_without_a_request(group: Group) -> None:
    for address in (
        "dora",
        "dora@",
        "a b@example.org",
        "@x.org",
        "x@y@z.org",
        "<d@x.org>",
        "d\x1b@x.org",
        "",
    ):
        refused = group("share", address, "--yes")
        assert (refused.code, refused.err.count("\n")) == (1, 1), address
    for arguments in ([], [DORA, "--list"]):
        assert group("share", *arguments).code == 1
    assert group("share", DORA, "--role", "owner").code == 2
    assert group.server.calls == []


def test_a_reader_may_not_share(group: Group) -> None:
    group.folder.roles[CLEO] = "reader"
    refused = group("share", DORA, "--yes", who=CLEO)
    assert refused.code == 1
    assert "your account may not do this with churn; ask its owner" in refused.err


def test_too_many_invitations_are_explained(group: Group) -> None:
    group.server.faults = [Fault("permissions.create", error(403, "sharingRateLimitExceeded"))]
    refused = group("share", DORA, EVE, "--yes")
    assert refused.code == 1
    assert "--no-email, or tomorrow" in refused.err
    assert group.cloud.role(EVE, group.folder) is None
