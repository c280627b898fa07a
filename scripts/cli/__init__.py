"""Code that the programs share: flags, data, opening and closing messages, finished runs."""
