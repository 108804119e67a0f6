"""What foreign programs say, read into rows of facts: shared by what reads it from files and what asks for it live."""
