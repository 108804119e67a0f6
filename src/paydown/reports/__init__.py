"""One file per question that a person asks; each is at once a CLI verb, an API route and a page."""
