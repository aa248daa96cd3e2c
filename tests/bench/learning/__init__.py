"""Simulated providers and clients for measuring learned limits; see simulator.py for the model, scenarios.py for the cases."""
