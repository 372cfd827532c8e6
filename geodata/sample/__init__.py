"""The sample province (tỉnh Mẫu): fictional layers made from a seed."""

from phusong.geodata.sample.province import write_sample

__all__ = ["write_sample"]
