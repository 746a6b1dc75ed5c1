"""A driver in a process of its own, as a person starts one: Ray reads its settings when it is imported.

python -m tests.scale.ray_driver OUT ADDRESS [WORKERS]
"""

import sys
from pathlib import Path

from tests.scale.toys import toy_opened
from workbench.errors import WorkbenchError
from workbench.scale import plan, ray, shard


def main(out: str, address: str, workers: str = "2") -> int:
    made = plan.read(Path(out))
    todo = sorted(set(range(made.shards)) - made.done())
    try:
        ray.run(made, todo, shard.Rules(), int(workers), lambda tally: None, address=address, opener=toy_opened)
    except WorkbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
