"""What a pass is and what may happen to it: rules, tables, services, renderings, API and pages."""
