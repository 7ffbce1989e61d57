"""Kinds and their decoding."""

from __future__ import annotations

import msgspec
import pytest

from controller_runtime.kube.kinds import Lease, Namespace, Pod, Service
from controller_runtime.kube.object import Decoder, KubeObject, ObjectMeta, kind_of, resource_of
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.wire import LINE_LIMIT, StreamError, lines, with_kind


def test_paths() -> None:
    assert Pod.resource.path() == "/api/v1/pods"
    assert Pod.resource.path("default", "a", "log") == "/api/v1/namespaces/default/pods/a/log"
    assert Namespace.resource.path("ignored", "a") == "/api/v1/namespaces/a"
    assert Lease.resource.path("ns") == "/apis/coordination.k8s.io/v1/namespaces/ns/leases"
    assert Resource("g", "v1", "K", "ks").api_version == "g/v1"


def test_kinds_are_found_by_name() -> None:
    assert kind_of("v1", "Pod") is Pod
    assert resource_of(Ref("Service", "default", "a")) is Service.resource
    with pytest.raises(KeyError, match="no class declares v2 Pod"):
        kind_of("v2", "Pod")


def test_a_kind_names_its_resource() -> None:
    with pytest.raises(TypeError, match="Nameless is a kind without a resource: write resource = Resource"):

        class Nameless(KubeObject, frozen=True):
            pass

    class Base(KubeObject, frozen=True):
        declares = False

    class Cached(Pod, frozen=True):
        """Of the same kind, with more fields; Pod stays what is found by name."""

    assert (Cached.resource, kind_of("v1", "Pod")) == (Pod.resource, Pod)
    assert Base.declares is False


def test_keys_and_references() -> None:
    pod = Pod(metadata=ObjectMeta(name="a", namespace="ns", uid="u"))
    assert pod.key == "ns/a"
    assert pod.ref == Ref("Pod", "ns", "a", "u")
    assert Namespace(metadata=ObjectMeta(name="ns")).key == "ns"
    with pytest.raises(AttributeError):
        pod.metadata.name = "b"  # type: ignore[misc]


def test_nulls_are_empty() -> None:
    decode = Decoder(Pod).decode
    meta = b'{"name":"a","labels":null,"finalizers":[null]}'
    pod = decode(b'{"metadata":%s,"spec":null,"status":{"phase":null}}' % meta)
    assert pod == Pod(metadata=ObjectMeta(name="a"))
    with pytest.raises(msgspec.MsgspecError):
        decode(b'{"metadata":{"name":7}}')
    with pytest.raises(msgspec.MsgspecError):
        decode(b'{"metadata":')


def test_only_what_is_needed_is_decoded() -> None:
    decode = Decoder(Pod).decode
    meta = b'{"name":"a","managedFields":[{"x":1}]}'
    pod = decode(b'{"metadata":%s,"status":{"podIP":"10.0.0.1","hostIP":5}}' % meta)
    assert pod.status.pod_ip == "10.0.0.1"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_split_on_bytes(size: int) -> None:
    text = "one\n\n東京\nthree\n".encode()
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    assert list(lines(chunks)) == [b"one", b"", "東京".encode(), b"three"]


def test_a_stream_must_not_end_inside_a_line() -> None:
    with pytest.raises(StreamError, match="in the middle of a line"):
        list(lines([b"one\ntw"]))
    assert list(lines([b"one\n", b"  "])) == [b"one"]


def test_endless_lines_are_refused() -> None:
    with pytest.raises(StreamError, match="longer than 16 MiB"):
        list(lines(b"x" * (1 << 20) for _ in range((LINE_LIMIT >> 20) + 1)))


@pytest.mark.parametrize(
    ("item", "whole"),
    [
        (b'{"metadata":{}}', b'{"kind":"Pod","apiVersion":"v1","metadata":{}}'),
        (b"{}", b'{"kind":"Pod","apiVersion":"v1"}'),
        (b'{"apiVersion":"v1","kind":"Pod"}', b'{"apiVersion":"v1","kind":"Pod"}'),
    ],
)
def test_items_of_a_list_get_their_kind(item: bytes, whole: bytes) -> None:
    assert bytes(with_kind(msgspec.Raw(item), "v1", "Pod")) == whole
