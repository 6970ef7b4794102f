"""The wheel, built and installed as users do it."""
