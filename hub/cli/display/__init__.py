"""What commands print: tables, descriptions, progress and logs."""
