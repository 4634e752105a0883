"""What is said between us and the outside after issue: phones call us, we push to phones."""
