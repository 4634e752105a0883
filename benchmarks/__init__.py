"""How fast it is, beside a limit or a peer in the same run: ratios count, not absolute figures."""

import logging

import structlog

# Of what is measured in this process, too, figures only.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
