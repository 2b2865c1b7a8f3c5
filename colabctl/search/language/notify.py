"""Reads `notify:` of a sweep file."""

from colabctl.notify import OCCASIONS, Notify, fault_of_occasions, fault_of_secret
from colabctl.search.language.fields import Fields
from colabctl.yamlfile.problems import shown


def read_notify(top: Fields) -> Notify | None:
    """Return where to send messages, and when; record problems."""
    value = top.content.get("notify")
    if value is None:
        return None
    if not isinstance(value, dict):
        top.problem("notify", f"must be a map, as in {{url: NOTIFY_URL}}, not {shown(value)}")
        return None
    fields = Fields(value, ("notify",), top.problems)
    fields.look_for_unknown(("url", "on"))
    url, on = value.get("url"), fields.texts("on")
    if fault := fault_of_secret(url):
        fields.problem("url", fault) if url is not None else top.problem(
            "notify", "has no url: the name of the secret with the address"
        )
        return None
    if on is None:
        return Notify(str(url))
    if fault := fault_of_occasions(on):
        fields.problem("on", fault)
        return None
    return Notify(str(url), tuple(word for word in OCCASIONS if word in on))
