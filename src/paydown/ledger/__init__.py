"""Facts -> entries, pure: categories, attribution, posting, balance. See docs/spec/ledger.md."""
