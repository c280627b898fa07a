"""What the programs import first."""
