"""Aggregated cluster roles follow the roles that their selectors name."""

from sandbox.apiserver.auth.authz import GROUP
from sandbox.apiserver.machinery.apierrors import qualified
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.storage.revisions import Store


def aggregate(store: Store) -> None:
    """Fill the rules of aggregated cluster roles from the roles that their selectors name."""
    storage = qualified("clusterroles", GROUP)
    bucket = store.bucket(storage)
    changed = False
    for key in bucket.ordered():
        entry = bucket.objects[key]
        if b'"aggregationRule"' not in entry.body:
            continue
        role = entry.decode()
        rules: list[Obj] = []
        for selector in role["aggregationRule"].get("clusterRoleSelectors") or []:
            wanted = (selector.get("matchLabels") or {}).items()
            for other in (bucket.objects[k] for k in bucket.ordered()):
                if other.key != key and wanted <= other.labels.items():
                    rules += [r for r in other.decode().get("rules") or [] if r not in rules]
        if rules != (role.get("rules") or []):
            role["rules"] = rules
            store.put(storage, key, role, ())
            changed = True
    if changed:
        # view is a part of edit, and edit of admin.
        aggregate(store)
