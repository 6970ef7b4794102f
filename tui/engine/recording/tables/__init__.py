"""The CSV tables: views of the ledger for people, and what a lost ledger is rebuilt from."""
