"""`make bench`: every benchmark, one after the other."""

from benchmarks import apns, downloads, issue, outbox, save_links

for benchmark in (issue, save_links, downloads, apns, outbox):
    print(f"\n{(benchmark.__doc__ or '').splitlines()[0]}")
    benchmark.main()
