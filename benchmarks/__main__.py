"""`make bench`: every benchmark, one after the other."""

from benchmarks import apns, downloads, google, google_outbox, issue, outbox, places, save_links

ALL = (issue, save_links, downloads, apns, google, outbox, google_outbox, places)


def main() -> None:
    for benchmark in ALL:
        print(f"\n{(benchmark.__doc__ or '').splitlines()[0]}", flush=True)
        benchmark.main()


if __name__ == "__main__":  # a benchmark's own processes import this module again
    main()
