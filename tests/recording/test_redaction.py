from __future__ import annotations

import json
from typing import Any

from recording.redaction import Redaction

POD: dict[str, Any] = {
    "event": "object", "type": "ADDED", "at": 1.0, "resource_version": "7",
    "ref": {"kind": "Pod", "namespace": "acme-prod", "name": "billing-db-0", "uid": "u"},
    "raw": {
        "kind": "Pod", "metadata": {
            "name": "billing-db-0", "namespace": "acme-prod", "labels": {"app": "billing-db"},
            "ownerReferences": [{"kind": "Redis", "name": "billing-db"}],
        },
        "spec": {
            "nodeName": "rack7.acme.example",
            "containers": [
                {
                    "name": "redis", "image": "registry.acme.example/redis:5",
                    "env": [{"name": "A", "value": "hunter2"}],
                }
            ],
        },
        "status": {"phase": "Running", "podIP": "10.244.3.17"},
    },
}  # fmt: skip
LOG = {
    "event": "log", "level": "error", "at": 2.0,
    "message": "pods billing-db-0 in acme-prod on rack7.acme.example (10.244.3.17, fd00::17): cannot pull "
    "registry.acme.example/redis:5; billing-db-0.svc, 127.0.0.1, at 12:30:45",
}  # fmt: skip


def test_names_images_and_addresses_are_gone_and_the_same_one_is_the_same_everywhere() -> None:
    redaction = Redaction()
    redaction.learn(POD)
    redaction.learn(LOG)
    pod, log = redaction.apply(POD), redaction.apply(LOG)
    text = json.dumps([pod, log])
    for word in ("acme", "billing", "rack7", "10.244.3.17", "fd00::17", "registry", "hunter2"):
        assert word not in text, text
    name, namespace = pod["ref"]["name"], pod["ref"]["namespace"]
    node, address = pod["raw"]["spec"]["nodeName"], pod["raw"]["status"]["podIP"]
    owner = pod["raw"]["metadata"]["ownerReferences"][0]["name"]
    assert name == f"{owner}-0"
    assert pod["raw"]["metadata"]["labels"]["app"] == owner
    image = pod["raw"]["spec"]["containers"][0]["image"]
    assert log["message"].startswith(f"pods {name} in {namespace} on {node} ({address}, 2001:db8::")
    assert f"cannot pull {image}; {name}.svc, 127.0.0.1, at 12:30:45" in log["message"]
    assert (pod["event"], pod["raw"]["kind"], pod["raw"]["status"]["phase"]) == ("object", "Pod", "Running")
    assert pod["raw"]["spec"]["containers"][0]["name"] == "redis", "what it says is not whose it is"
    assert redaction.apply(POD) == pod
