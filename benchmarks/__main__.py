"""`make bench`: every benchmark, one after the other."""

from benchmarks import apns, downloads, google, google_outbox, issue, outbox, places, save_links

for benchmark in (issue, save_links, downloads, apns, google, outbox, google_outbox, places):
    print(f"\n{(benchmark.__doc__ or '').splitlines()[0]}")
    benchmark.main()
