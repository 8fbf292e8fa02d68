"""Runs the software named and writes each log with its manifest. It is started by scripts/real-logs, in namespaces of its own."""
import sys
import time
import traceback

import apps_other
import apps_python
import servers
import system

SOFTWARE = {**apps_other.SOFTWARE, **apps_python.SOFTWARE, **servers.SOFTWARE, **system.SOFTWARE}


def main(names):
    failed = []
    for name in names or SOFTWARE:
        print(f"{name}", flush=True)
        begun = time.monotonic()
        try:
            SOFTWARE[name]()
        except Exception:  # noqa: BLE001
            traceback.print_exc()
            failed.append(name)
        print(f"  {time.monotonic() - begun:.1f} s", flush=True)
    if failed:
        print("failed:", *failed, flush=True)
    return 1 if failed else 0


if sys.argv[1:] == ["--list"]:
    print(*SOFTWARE, sep="\n")
else:
    sys.exit(main(sys.argv[1:]))
