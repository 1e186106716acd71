"""The packages of `pip install .`; pyproject.toml has the rest."""

from setuptools import find_packages, setup

# The last one is outside scripts/, at the path in pyproject.toml.
setup(packages=[*find_packages("scripts"), "csvswarm.built_in_processors"])
