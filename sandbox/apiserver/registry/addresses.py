"""The addresses and node ports of Services: given out once, and given back."""

import ipaddress

from sandbox.apiserver.machinery.apierrors import invalid, invalid_value
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.storage.revisions import Key

_NETWORK = ipaddress.ip_network("10.96.0.0/16")
_NODE_PORTS = range(30000, 32768)
KUBERNETES_IP = "10.96.0.1"


class Addresses:
    """Which Service has which address and node port."""

    def __init__(self) -> None:
        self._addresses: dict[str, Key] = {KUBERNETES_IP: ("default", "kubernetes")}
        self._node_ports: dict[int, Key] = {}
        self._next = 10

    def release(self, key: Key) -> None:
        """The Service is gone."""
        self._addresses = {a: k for a, k in self._addresses.items() if k != key}
        self._node_ports = {p: k for p, k in self._node_ports.items() if k != key}

    def allocate(self, service: Obj, key: Key, dry_run: bool) -> None:
        """Write address and node ports into a Service; StatusError 422 when one it names is taken."""
        spec = service["spec"]
        if spec["type"] == "ExternalName":
            for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                spec.pop(field, None)
            return
        address = spec.get("clusterIP") or (spec.get("clusterIPs") or [""])[0]
        if address and address != "None":
            owner = self._addresses.get(address, key)
            if owner != key:
                text = f"failed to allocate IP {address}: provided IP is already allocated"
                raise invalid("", "Service", key[1], [invalid_value("spec.clusterIPs", [address], text)])
        elif not address:
            while str(_NETWORK[self._next]) in self._addresses:
                self._next = self._next % (_NETWORK.num_addresses - 2) + 1
            address = str(_NETWORK[self._next])
        if address != "None" and not dry_run:
            self._addresses[address] = key
        spec["clusterIP"], spec["clusterIPs"] = address, [address]
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        if spec["type"] in ("NodePort", "LoadBalancer"):
            self._give_ports(spec, key, dry_run)

    def _give_ports(self, spec: Obj, key: Key, dry_run: bool) -> None:
        taken = set(self._node_ports)
        for port in spec.get("ports") or []:
            number = port.get("nodePort")
            if not number:
                number = next(p for p in _NODE_PORTS if p not in taken)
            elif self._node_ports.get(number, key) != key:
                wrong = invalid_value("spec.ports[0].nodePort", number, "provided port is already allocated")
                raise invalid("", "Service", key[1], [wrong])
            port["nodePort"] = number
            taken.add(number)
            if not dry_run:
                self._node_ports[number] = key
