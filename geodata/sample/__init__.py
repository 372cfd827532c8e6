"""The sample province (tỉnh Mẫu): fictional layers made from a seed."""
