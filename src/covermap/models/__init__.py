"""Networks, stems and losses by name."""
