"""The demo: a world of sticker scenes with exact annotations, a small student trained on it, and the run file of both.

All of it is in the wheel; `dataengine demo` lays it out in a folder and runs the loop on it.
"""

from dataengine.demo.folder import lay_out

__all__ = ["lay_out"]
