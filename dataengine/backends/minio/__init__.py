"""The store on MinIO or any S3, and a ledger on any store."""
