"""Couriers carry what the outbox holds to the outside; each speaks one provider's protocol."""
