"""The extension modules of the optional compiled build; all else about the distribution stands in setup.cfg."""

import sys
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).parent / "build_backend"))
from plait_build import extensions

setup(ext_modules=extensions())
