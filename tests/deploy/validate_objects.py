"""Checks objects against Kubernetes' own schemas. Run by the Python of .venv-deploy, which has them.

Usage: validate_objects.py VERSION FILE. The file holds JSON: a list of objects. Prints a JSON list of what is wrong.
"""

import json
import sys
from pathlib import Path

import kubernetes_validate


def problems(objects: list[dict], version: str) -> list[str]:
    """One line for each object that a cluster of this version would refuse; unknown fields are refused too."""
    found = []
    for one in objects:
        where = f"{one['kind']} {one['metadata']['name']}"
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"{where}: {'.'.join(map(str, error.path))}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError:
            found.append(f"{where}: Kubernetes {version} has no such kind")
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(problems(json.loads(Path(sys.argv[2]).read_text("utf-8")), sys.argv[1])))
