"""`make bench`: every benchmark, one after the other."""

from benchmarks import apns, downloads, google, google_outbox, issue, outbox, save_links

for benchmark in (issue, save_links, downloads, apns, google, outbox, google_outbox):
    print(f"\n{(benchmark.__doc__ or '').splitlines()[0]}")
    benchmark.main()
