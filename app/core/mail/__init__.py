"""E-mail: an outbox in the database, and SMTP behind it."""
