"""What the programs share: their flags, their data, their first and last words, and finished runs."""
