"""Names that only a framework or a reader from outside uses; each line is a use, for vulture."""
