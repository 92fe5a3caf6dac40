"""Bus and ledger in one SQLite file."""
