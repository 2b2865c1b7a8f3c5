"""`protect --drive`: raw data becomes read-only on the server, and as it was before."""

from tests.drive_api.conftest import ANA, BEN, CLEO, Group


def test_members_become_readers_and_files_read_only(group: Group) -> None:
    done = group("protect", "--drive", "--yes")
    assert done.code == 0, done.err
    print(done.err)
    file = group.cloud["churn/data/raw/a.csv"]
    assert [group.cloud.role(who, file) for who in (ANA, BEN, CLEO)] == ["owner", "reader", "reader"]
