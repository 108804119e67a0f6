"""What people and programs see: they show answers, and know no SQL and no arithmetic."""
