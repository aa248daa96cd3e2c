"""The parts of the misbehaving provider; provider.py beside this package is its door and its manual."""
