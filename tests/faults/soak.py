"""Random faults for as long as one wants: ``python -m tests.faults.soak --seconds 600``."""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.faults.driver import Driver, ModelError
from tests.proxy import ProxiedBroker


def main() -> int:
    """Run rounds with one seed after the other; return 1 where any of them found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="begin no round after these")
    parser.add_argument("--seed", type=int, help="of the first round; the next ones count on")
    parser.add_argument("--steps", type=int, default=60, help="steps in each round")
    parser.add_argument("--quiet", action="store_true", help="say only how each round ended")
    arguments = parser.parse_args()
    seed = random.randrange(1_000_000) if arguments.seed is None else arguments.seed
    broker = ProxiedBroker()
    began, n_rounds, n_wrong = time.monotonic(), 0, 0
    try:
        while n_rounds == 0 or time.monotonic() - began < arguments.seconds:
            print(f"seed {seed}", flush=True)
            driver = Driver(seed, broker, arguments.steps,
                            lambda text: None if arguments.quiet else print(text, flush=True))
            try:
                driver.run()
            except ModelError as error:
                n_wrong += 1
                print(error, flush=True)
            n_rounds += 1
            seed += 1
    finally:
        broker.close()
    print(f"{n_rounds} rounds in {time.monotonic() - began:.0f} s, {n_wrong} with something wrong")
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
