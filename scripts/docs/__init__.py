"""Programs that make the pictures, drawings and tables of the documentation."""
