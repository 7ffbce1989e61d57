import subprocess
import sys

import yaml

from reconsole.embedded import MANIFESTS
from reconsole.manifests import GENERATED, documents, to_yaml


def test_the_generated_files_are_up_to_date() -> None:
    for name, make in GENERATED.items():
        assert (MANIFESTS / name).read_text() == to_yaml(make()), f"{name} is old: run make manifests"


def test_every_file_is_in_the_kustomization() -> None:
    listed = set(yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())["resources"])
    there = {str(p.relative_to(MANIFESTS)) for p in MANIFESTS.rglob("*.yaml")}
    assert there - listed == {"kustomization.yaml", "samples/redis.yaml"}


def test_all_is_one_stream_of_documents() -> None:
    kinds = [d["kind"] for d in yaml.safe_load_all("---\n".join(documents("all")))]
    assert kinds[:2] == ["Namespace", "CustomResourceDefinition"]
    assert kinds[-1] == "Deployment"


def test_the_command_prints_yaml() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "reconsole", "manifests", "crd"], capture_output=True, text=True, check=True
    )
    assert yaml.safe_load(run.stdout)["metadata"]["name"] == "redis.myapp.tangx.in"
    assert run.stderr == ""
