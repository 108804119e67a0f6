"""Facts and ledger on disk. The only package that speaks DuckDB and Delta Lake."""
